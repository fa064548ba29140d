"""Models that programs make for themselves lead to the host, wherever they say so, and nothing of them opens a socket."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import dspy
import pytest

from dspash_protocol import Fault, FaultError, FaultKind, ReverseCommand
from dspash_worker.engine import GatewayEngine
from dspash_worker.program_models import leave_models_alone
from dspash_worker.testing import LocalWorker, chat_text, completion, completion_events

KEY: Final = "sk-that-must-go-nowhere"
NAMED: Final = "openai/gpt-4o-mini"
DROPPED: Final = (
    "leads to the host of this worker, which has its keys and addresses; dropped: api_base, api_key$"
)

_opened: Final[list[str] | None] = []
_watching: Final[list[bool]] = []


def _watch(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook, which cannot be taken away again."""
    if _watching and (
        event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(args[1], tuple))
    ):
        _opened.append(f"{event} {args!r}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def sockets() -> Iterator[list[str]]:
    """What this test has reached, or tried to reach, over the network: nothing, where it does not say otherwise."""
    _opened.clear()
    _watching.append(True)
    yield _opened
    _watching.clear()
    assert _opened == []


@pytest.fixture
def worker() -> LocalWorker:
    """A worker whose models say their own names."""

    def answer(args: Mapping[str, Any]) -> dict[str, Any]:
        return completion(chat_text(answer=args["request"]["model"]), model=args["request"]["model"])

    return LocalWorker(
        answers={
            ReverseCommand.LM_COMPLETE: answer,
            ReverseCommand.LM_STREAM: lambda args: completion_events(answer(args)),
        }
    )


def asked(worker: LocalWorker) -> list[tuple[ReverseCommand, Mapping[str, Any]]]:
    """What the latest call has asked of the host: never a key."""
    assert worker.last is not None
    assert KEY not in repr(worker.last.asked)
    return worker.last.asked


def models_asked(worker: LocalWorker) -> list[str]:
    return [args["request"]["model"] for _, args in asked(worker) if "request" in args]


def define(worker: LocalWorker, forward: str, *, init: str = "pass", text: str = "") -> None:
    """Create program `p`: text of a module, of a constructor, and of a forward that sees `self`."""
    source = f"""
import asyncio
import dspy
NAMED = {NAMED!r}
{text}
class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("q -> answer")
        {init}
    def forward(self, q):
        {forward}
"""
    worker.call("create_program", id="p", source=source)


def run(worker: LocalWorker, program: str = "p", **args: Any) -> Any:
    return worker.call("execute", program_id=program, inputs={"q": "?"}, **args)


LM = "dspy.LM(NAMED)"
PLAIN = "return self.say(q=q)"


@pytest.mark.parametrize(
    "parts",
    [
        {"forward": PLAIN, "text": f"dspy.configure(lm={LM})"},
        {"forward": PLAIN, "text": f"dspy.settings.lm = {LM}"},
        {"forward": PLAIN, "text": "from dspy.clients.lm import LM\ndspy.settings.configure(lm=LM(NAMED))"},
        {"forward": PLAIN, "init": f"self.set_lm({LM})"},
        {"forward": PLAIN, "init": f"self.say.lm = {LM}"},
        {"forward": PLAIN, "init": f"dspy.configure(lm={LM})"},
        {"forward": f"dspy.configure(lm={LM}); return self.say(q=q)"},
        {"forward": f"self.set_lm({LM}); return self.say(q=q)"},
        {"forward": f"return dspy.Prediction(answer=NAMED if NAMED in {LM}('Say it.')[0] else '')"},
        {"forward": f"return self.say(q=q, lm={LM}.copy(temperature=1.0, rollout_id=7))"},
        {"forward": f"return self.say(q=q, lm=dspy.LM.load_state({LM}.dump_state()))"},
        {"forward": f"return self.say(q=q, lm={LM}.copy(engine='auto'))"},
        {"forward": "return self.say(q=q, lm=dspy.LM('of/another').copy(model=NAMED))"},
        {"forward": f"return asyncio.run(self.say.acall(q=q, lm={LM}))"},
        {"forward": "return self.say(q=q, lm=dspy.LM(NAMED, 'chat', 0.5, 100, True, None, 3))"},
        {"forward": "return self.say(q=q, lm=dspy.LM(NAMED, engine='litellm', model_type='responses'))"},
        {
            "forward": "return self.say(q=q, lm=dspy.LM(NAMED, engine=LM15Engine()))",
            "text": "from dspy.clients.engines.lm15_engine import LM15Engine",
        },
    ],
    ids=lambda parts: f"{parts.get('text') or parts.get('init') or parts['forward']}"[:60],
)
def test_every_way_of_choosing_a_model_leads_to_the_host(worker: LocalWorker, parts: Any) -> None:
    define(worker, **parts)
    assert run(worker) == {"answer": NAMED}
    assert models_asked(worker) == [NAMED]


def test_a_with_block_chooses_for_what_is_in_it(worker: LocalWorker) -> None:
    forward = f"""
        with dspy.context(lm={LM}):
            dspy.configure(lm=dspy.LM("groq/small"))
            inner = self.say(q=q)
        return dspy.Prediction(answer=[inner.answer, self.say(q=q).answer])"""
    define(worker, forward)
    assert run(worker) == {"answer": ["groq/small", "default"]}


def test_a_streamed_run_uses_the_models_that_its_program_chose(worker: LocalWorker) -> None:
    define(worker, PLAIN, text=f"dspy.configure(lm={LM})")
    assert run(worker, stream=True) == {"answer": NAMED}
    assert [command for command, _ in asked(worker)] == [ReverseCommand.LM_STREAM]


def test_what_a_program_configures_holds_for_itself_alone(worker: LocalWorker) -> None:
    define(worker, PLAIN, text=f"dspy.configure(lm={LM}, num_threads=3)")
    worker.call("create_program", id="other", forward_fn="result = self.say(q=q)", modules=[SAY])
    assert run(worker, "other") == {"answer": "default"}
    in_a_call = f"dspy.configure(lm=dspy.LM({NAMED!r}))\nresult = self.say(q=q)"
    worker.call("create_program", id="late", forward_fn=in_a_call, modules=[SAY])
    assert [run(worker, name)["answer"] for name in ("late", "other", "p")] == [NAMED, "default", NAMED]


SAY = {"name": "say", "type": "predict", "signature": "q -> answer"}


def test_evaluations_and_optimizers_run_programs_as_they_configure_themselves(worker: LocalWorker) -> None:
    define(worker, PLAIN, text=f"dspy.configure(lm={LM})")
    examples = [{"q": "?", "answer": NAMED}]
    judged = worker.call(
        "evaluate", program_id="p", devset=examples, metric="exact_match", input_fields=["q"]
    )
    assert judged["score"] == 1.0
    worker.call(
        "optimize",
        optimizer="bootstrap_few_shot",
        program_id="p",
        trainset=examples,
        metric="exact_match",
        input_fields=["q"],
        **{"as": "better"},
    )
    assert set(models_asked(worker)) == {NAMED}
    assert run(worker, "better") == {"answer": NAMED}


def test_a_module_that_is_imported_once_configures_all_programs_of_it(
    worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"import dspy\nNAMED = {NAMED!r}\ndspy.configure(lm={LM})\nclass Say(dspy.Predict): pass\n"
    (tmp_path / "configures_itself.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("first", "second"):
        args = {"class": "configures_itself:Say", "type": "custom", "config": {"signature": "q -> answer"}}
        worker.call("create_module", id=name, **args)
        assert worker.call("forward", module_id=name, inputs={"q": "?"}) == {"answer": NAMED}


def test_models_answer_while_a_program_is_loaded(worker: LocalWorker) -> None:
    define(
        worker, "return dspy.Prediction(answer=EARLY.answer)", text="EARLY = dspy.Predict('q -> answer')(q=1)"
    )
    assert models_asked(worker) == ["default"]
    assert run(worker) == {"answer": "default"}


def test_keys_and_addresses_are_dropped_with_a_warning_and_never_sent(worker: LocalWorker) -> None:
    given = f"api_key={KEY!r}, api_base='http://127.0.0.1:9/v1', timeout=None, temperature=0.5"
    define(worker, f"return self.say(q=q, lm=dspy.LM(NAMED, {given}))")
    with pytest.warns(UserWarning, match=DROPPED) as warned:
        assert run(worker) == {"answer": NAMED}
    assert len(warned) == 1
    assert KEY not in str(warned[0].message)
    assert warned[0].filename.startswith("<program p")
    assert models_asked(worker) == [NAMED]
    told = worker.call("inspect_history")["history"][0]
    assert (told["model"], told["options"]) == (NAMED, {"temperature": 0.5})
    assert KEY not in repr(told)


def test_a_key_given_to_one_call_is_refused_before_anything_is_sent(worker: LocalWorker) -> None:
    define(worker, f"return self.say(q=q, lm={LM}, config=dict(api_key={KEY!r}))")
    fault = worker.fault("execute", program_id="p", inputs={"q": "?"})
    assert "api_key" in fault.message
    assert KEY not in fault.message
    assert models_asked(worker) == []


def test_a_model_from_a_pickle_leads_to_the_host(worker: LocalWorker) -> None:
    made = dspy.LM(NAMED)
    state = {**made.__getstate__(), "_engine_spec": "auto", "_async_engine_spec": None, "cache": True}
    made.__setstate__({**state, "kwargs": {"temperature": 1.0}})
    again = pickle.loads(pickle.dumps(made))
    assert isinstance(again.engine, GatewayEngine)
    assert (again.cache, again.num_retries, again.kwargs) == (False, 0, {"temperature": 1.0})


def test_an_engine_that_a_program_brings_stays_its_own(worker: LocalWorker) -> None:
    text = """
from dspy import lm15
class Own:
    def complete(self, request):
        said = lm15.TextPart("[[ ## answer ## ]]\\nmine\\n\\n[[ ## completed ## ]]")
        return lm15.Response(id=None, model="own", message=lm15.Message.assistant([said]), finish_reason="stop", usage=lm15.Usage())
"""
    define(worker, "return self.say(q=q, lm=dspy.LM('own', engine=Own(), cache=False))", text=text)
    assert run(worker) == {"answer": "mine"}
    assert models_asked(worker) == []
    assert worker.call("inspect_history")["history"][0]["model"] == "own"


def test_models_are_not_tuned_from_a_worker(worker: LocalWorker) -> None:
    define(worker, f"return {LM}.finetune([], 'chat')")
    fault = worker.fault("execute", program_id="p", inputs={"q": "?"})
    assert "fine-tuning" in fault.message


def test_a_client_that_no_host_leads_to_is_refused_when_it_is_made(worker: LocalWorker) -> None:
    define(worker, f"return self.say(q=q, lm=dspy.experimental.TypeSafe(api_key={KEY!r}))")
    fault = worker.fault("execute", program_id="p", inputs={"q": "?"})
    assert "name a model of the host's" in fault.message
    assert KEY not in fault.message


def test_what_a_chosen_model_understands_is_asked_by_its_name(worker: LocalWorker) -> None:
    told = {"supports_function_calling": True, "supported_params": ["tools"]}
    worker.answers[ReverseCommand.LM_CAPABILITIES] = lambda args: told if args["model"] == NAMED else {}
    forward = (
        f"return dspy.Prediction(answer=[{LM}.supports_function_calling, dspy.LM('x/y').supported_params])"
    )
    define(worker, forward)
    assert run(worker) == {"answer": [True, []]}


def test_embedders_of_programs_ask_the_host(worker: LocalWorker) -> None:
    worker.answers[ReverseCommand.LM_EMBED] = lambda args: {
        "vectors": [[float(len(text)), 3.0] for text in args["inputs"]]
    }
    forward = f"""
        embed = dspy.Embedder("openai/small", batch_size=2, dimensions=2, api_key={KEY!r})
        one = embed("four")
        many = embed(["a", "bb", "ccc"], caching=False)
        later = asyncio.run(embed.acall(["dddd"]))
        own = dspy.Embedder(lambda texts: [[9.0]] * len(texts))("x")
        return dspy.Prediction(answer=[one.tolist(), many.tolist(), later.tolist(), own.tolist()])"""
    define(worker, forward)
    with pytest.warns(UserWarning, match="dropped: api_key$"):
        answer = run(worker)["answer"]
    assert answer == [[4.0, 3.0], [[1.0, 3.0], [2.0, 3.0], [3.0, 3.0]], [[4.0, 3.0]], [9.0]]
    embedded = [args for command, args in asked(worker) if command is ReverseCommand.LM_EMBED]
    assert [args["inputs"] for args in embedded] == [["four"], ["a", "bb"], ["ccc"], ["dddd"]]
    assert all(args["options"] == {"dimensions": 2} and args["model"] == "openai/small" for args in embedded)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            FaultError(Fault(FaultKind.LM_ERROR, "slow down", details={"code": "rate_limit"})),
            "LMRateLimitError",
        ),
        (FaultError(Fault(FaultKind.UNKNOWN_COMMAND, "no embeddings")), "LMProviderError"),
        (ConnectionError("gone"), "LMTransportError"),
        ({"vectors": [[1.0]]}, "LMProviderError"),
        ({"vectors": "none"}, "LMProviderError"),
        ({}, "LMProviderError"),
    ],
)
def test_what_goes_wrong_with_embeddings_is_what_dspy_raises(
    worker: LocalWorker, answer: Any, error: str
) -> None:
    def embed(_args: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    worker.answers[ReverseCommand.LM_EMBED] = embed
    forward = """
        try:
            dspy.Embedder("e")(["a", "b"])
        except dspy.LMError as error:
            return dspy.Prediction(answer=type(error).__name__)"""
    define(worker, forward)
    assert run(worker) == {"answer": error}


def test_models_of_a_plain_session_are_dspys_own(sockets: list[str]) -> None:
    """Also the proof that the tests above would notice a socket."""
    worker = LocalWorker(full=False)
    assert dspy.LM.__module__ == "dspy.clients.lm"
    given = f"api_key={KEY!r}, api_base='http://127.0.0.1:9/v1', num_retries=0, cache=False"
    define(worker, f"return self.say(q=q, lm=dspy.LM(NAMED, {given}))")
    fault = worker.fault("execute", program_id="p", inputs={"q": "?"})
    assert fault.kind is FaultKind.LM_ERROR
    assert "127.0.0.1" in sockets[0]
    sockets.clear()
    leave_models_alone()
