"""Programs in their three forms run as written, and say at which line they do not."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import dspy
import pytest

from dspash_protocol import Command, FaultKind, ReverseCommand
from dspash_worker.commands import HANDLERS
from dspash_worker.testing import LocalCall, LocalWorker, chat_text, completion

SEARCH = {
    "name": "search",
    "desc": "Find passages",
    "args": {"query": {"type": "string"}, "k": {"type": "integer", "default": 2}},
}
RAG = '''
"""A program of the host's."""


class RAG(dspy.Module):
    """Answers from what it finds."""

    def __init__(self, k=1):
        super().__init__()
        self.k = k
        self.answer = dspy.ChainOfThought("question, passages: list[str] -> answer")

    def forward(self, question, style="plain"):
        passages = search(question, k=self.k)
        return self.answer(question=question, passages=passages)
'''
QA = {"id": "qa", "type": "predict", "signature": "question, passages: list[str] -> answer"}


@pytest.fixture
def worker(scripted: Any) -> LocalWorker:
    return scripted({"reasoning": "r", "answer": "found"})


def test_snippet_sees_self_inputs_and_tools_and_sets_result(worker: LocalWorker) -> None:
    worker.call("create_module", **QA)
    snippet = (
        "passages = search(query=question, k=1)\nresult = self.answer(question=question, passages=passages)\n"
    )
    made = worker.call(
        "create_program",
        id="rag",
        forward_fn=snippet,
        modules=[{"id": "qa", "name": "answer"}],
        tools=[SEARCH],
    )
    assert made == {"id": "rag", "type": "forward_fn", "modules": ["answer"], "tools": ["search"]}
    assert worker.call("execute", program_id="rag", inputs={"question": "who"}) == {"answer": "found"}
    assert worker.last is not None
    assert [command for command, _ in worker.last.asked] == [
        ReverseCommand.TOOL_CALL,
        ReverseCommand.LM_COMPLETE,
    ]
    assert "who: passage 0" in str(worker.last.asked[1])


def test_snippet_may_set_a_map_and_use_functions_of_its_own(worker: LocalWorker) -> None:
    snippet = (
        "def double(x):\n    return 2 * x\nresult = {'doubled': [double(n) for n in numbers if n > limit]}\n"
    )
    worker.call("create_program", id="p", forward_fn=snippet)
    assert worker.call("execute", program_id="p", inputs={"numbers": [1, 2, 3], "limit": 1}) == {
        "doubled": [4, 6]
    }


def test_each_run_of_a_snippet_begins_afresh(worker: LocalWorker) -> None:
    snippet = "try:\n    leftover\n    result = {'seen': True}\nexcept NameError:\n    result = {'seen': False}\nleftover = 1\n"
    worker.call("create_program", id="p", forward_fn=snippet)
    for _ in range(2):
        assert worker.call("execute", program_id="p", inputs={}) == {"seen": False}


def test_inputs_that_a_snippet_reads_must_be_given(worker: LocalWorker) -> None:
    snippet = (
        "total = sum(weight * value for value in values)\nresult = {'total': total, 'name': str(self)}\n"
    )
    worker.call("create_program", id="p", forward_fn=snippet)
    fault = worker.fault("execute", program_id="p", inputs={"values": [1]})
    assert fault.details["problems"] == [{"path": "$.inputs.weight", "message": "missing"}]
    assert (
        worker.call("execute", program_id="p", inputs={"values": [1], "weight": 3, "unused": 0})["total"] == 3
    )


def test_attributes_of_a_program_can_be_configured(worker: LocalWorker) -> None:
    worker.call(
        "create_program", id="p", forward_fn="result = {'hops': self.max_hops}", config={"max_hops": 2}
    )
    assert worker.call("execute", program_id="p", inputs={}) == {"hops": 2}


def test_class_source_is_made_with_its_config(worker: LocalWorker) -> None:
    assert (
        worker.call("create_program", id="rag", source=RAG, tools=[SEARCH], config={"k": 3})["type"]
        == "source"
    )
    assert worker.call("execute", program_id="rag", inputs={"question": "who"}) == {
        "reasoning": "r",
        "answer": "found",
    }
    assert worker.last is not None
    assert worker.last.asked[0][1] == {"name": "search", "args": {"query": "who", "k": 3}}


def test_class_source_tells_its_inputs_by_its_forward(worker: LocalWorker) -> None:
    worker.call("create_program", id="rag", source=RAG, tools=[SEARCH])
    fault = worker.fault("execute", program_id="rag", inputs={"questoin": "who"})
    assert fault.message == (
        "2 problems: $.inputs.question: missing; $.inputs.questoin: unknown; did you mean 'question'?"
    )


def test_declared_inputs_take_the_place_of_what_was_found_out(worker: LocalWorker) -> None:
    worker.call("create_program", id="p", forward_fn="result = {'x': x}", signature="x: int -> x_again")
    assert (
        worker.fault("execute", program_id="p", inputs={"x": "1"}).message
        == "$.inputs.x: int is wanted, this is str"
    )
    worker.call("create_program", id="p", forward_fn="result = {'x': x}", inputs=["x"])
    assert "unknown" in worker.fault("execute", program_id="p", inputs={"x": 1, "y": 2}).message


def test_importable_class_is_found(
    worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop_programs.py").write_text(
        "import dspy\n\nclass Echo(dspy.Module):\n    def __init__(self, times=1):\n        super().__init__()\n"
        "        self.times = times\n    def forward(self, word):\n        if word == 'boom':\n            raise ValueError('no booms')\n"
        "        return dspy.Prediction(said=word * self.times)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    worker.call("create_program", id="echo", **{"class": "shop_programs:Echo"}, config={"times": 2})
    assert worker.call("execute", program_id="echo", inputs={"word": "ha"}) == {"said": "haha"}
    fault = worker.fault("execute", program_id="echo", inputs={"word": "boom"})
    assert (fault.kind, fault.type, fault.message) == (FaultKind.PROGRAM_ERROR, "ValueError", "no booms")
    assert fault.traceback is not None
    assert "shop_programs, line 9, in forward\n    raise ValueError('no booms')" in fault.traceback
    assert str(tmp_path) not in str(fault.to_map())


def test_traceback_shows_the_programs_own_lines_and_no_others(worker: LocalWorker) -> None:
    worker.call(
        "create_program",
        id="rag",
        source=RAG.replace("passages = search", "passages = 1 / 0 or search"),
        tools=[SEARCH],
    )
    fault = worker.fault("execute", program_id="rag", inputs={"question": "who"})
    assert fault.kind is FaultKind.PROGRAM_ERROR
    assert (fault.details["program"], fault.details["line"]) == ("program rag", 14)
    assert fault.traceback == (
        "Traceback (most recent call last):\n"
        "  program rag, line 14, in forward\n"
        "    passages = 1 / 0 or search(question, k=self.k)\n"
        "ZeroDivisionError: division by zero"
    )


def test_programs_within_one_program_share_nothing_by_accident(worker: LocalWorker) -> None:
    parts = [
        {"name": "first", "type": "predict", "signature": "a -> answer"},
        {"name": "second", "type": "predict", "signature": "b -> answer"},
    ]
    snippet = "result = {'one': self.first(a='x').answer, 'two': self.second(b='y').answer}"
    worker.call("create_program", id="p", forward_fn=snippet, modules=parts)
    assert worker.call("execute", program_id="p", inputs={}) == {"one": "found", "two": "found"}
    assert worker.call("list")["modules"] == []
    assert list(worker.call("dump_state", id="p")["state"]) == ["first", "second"]


def test_agents_made_in_a_source_take_host_tools_as_functions(offline: LocalWorker) -> None:
    source = (
        "class Agent(dspy.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.react = dspy.ReAct('question -> answer', tools=[search], max_iters=2)\n"
        "    def forward(self, question):\n        return self.react(question=question)\n"
    )
    offline.call("create_program", id="agent", source=source, tools=[SEARCH])
    answer = offline.call("execute", program_id="agent", inputs={"question": "Who built it?"})
    assert answer["trajectory"]["tool_name_0"] == "search"
    assert offline.last is not None
    told = offline.last.asked[0][1]["request"]["system"]
    assert "Find passages" in told
    assert "{'query': {'type': 'string'}, 'k': {'type': 'integer', 'default': 2}}" in told


AGENT = """
def search(**given):
    raise KeyError("nothing")

class Agent(dspy.Module):
    def __init__(self):
        super().__init__()
        self.react = dspy.ReAct('question -> answer', tools=[search], max_iters=1)
    def forward(self, question):
        return self.react(question=question)
"""


def test_agents_see_a_failed_tool_as_faults_show_it(offline: LocalWorker) -> None:
    offline.call("create_program", id="agent", source=AGENT)
    answer = offline.call("execute", program_id="agent", inputs={"question": "Who built it?"})
    assert answer["trajectory"]["observation_0"] == (
        "Execution error in search: \n"
        "Traceback (most recent call last):\n"
        "  program agent, line 3, in search\n"
        '    raise KeyError("nothing")\n'
        "KeyError: 'nothing'"
    )


def test_agents_see_a_failed_tool_of_the_host_in_one_line(offline: LocalWorker) -> None:
    offline.call("create_program", id="agent", source=AGENT[AGENT.index("class") :], tools=[SEARCH])
    offline.answers.pop(ReverseCommand.TOOL_CALL)
    answer = offline.call("execute", program_id="agent", inputs={"question": "Who built it?"})
    assert answer["trajectory"]["observation_0"] == (
        "Execution error in search: \nFaultError: unknown_command: nothing answers tool.call here"
    )


def test_tool_failures_reach_the_program_as_exceptions(worker: LocalWorker) -> None:
    snippet = "try:\n    result = {'got': search(query=1)}\nexcept Exception as error:\n    result = {'failed': str(error)}\n"
    worker.call(
        "create_program", id="p", forward_fn=snippet, tools=[{"name": "search", "args": {"query": {}}}]
    )
    worker.answers.pop(ReverseCommand.TOOL_CALL)
    assert "nothing answers tool.call" in worker.call("execute", program_id="p", inputs={})["failed"]
    worker.call("create_program", id="q", forward_fn="result = {'x': search(query=1)}", tools=["search"])
    fault = worker.fault("execute", program_id="q", inputs={})
    assert (fault.kind, fault.details["line"]) == (FaultKind.UNKNOWN_COMMAND, 1)


TWO = "class A(dspy.Module): pass\nclass B(dspy.Module): pass\n"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "$.forward_fn", "one of forward_fn, source, class is wanted"),
    ({"forward_fn": "x", "source": "y"}, "$.source", "one of forward_fn, source, class is wanted"),
    ({"forward_fn": "return {'a': 1}"}, "$.forward_fn", "a snippet sets `result` and returns nothing"),
    ({"forward_fn": "if x:\nresult = 1"}, "$.forward_fn", "line 2, column 1: expected an indented block"),
    ({"forward_fn": "x = '\0'"}, "$.forward_fn", "null bytes"),
    ({"forward_fn": 7}, "$.forward_fn", "text is wanted, this is int"),
    ({"source": "class A(dspy.Module):\n  def f(self:\n    pass"}, "$.source", "line 2"),
    ({"source": "x = 1"}, "$.source", "one dspy.Module class is wanted, there are none"),
    ({"source": TWO}, "$.source", "there are A, B; say which with class_name"),
    ({"source": TWO, "class_name": "C"}, "$.class_name", "no dspy.Module class 'C'"),
    ({"source": RAG, "config": {"kk": 1}}, "$.config.kk", "did you mean 'k'?"),
    ({"class": "nowhere.at_all:Class"}, "$.class", "cannot be imported"),
    ({"class": "dspy:Example"}, "$.class", "is no dspy.Module class"),
    ({"forward_fn": "x", "modules": "qa"}, "$.modules", "a list of modules is wanted"),
    ({"forward_fn": "x", "modules": [7]}, "$.modules[0]", "a module's id or a map"),
    ({"forward_fn": "x", "modules": [{"name": "x"}]}, "$.id", "an id (text) is wanted"),
    (
        {"forward_fn": "x", "modules": [{"type": "predict", "signature": "a -> b", "name": "forward"}]},
        "$.modules[0].name",
        "cannot be an attribute",
    ),
    (
        {"forward_fn": "x", "modules": [{"type": "predict", "signature": "a b"}]},
        "$.modules[0].signature",
        "'->' is missing",
    ),
    ({"forward_fn": "x", "config": {"forward": 1}}, "$.config.forward", "cannot be an attribute"),
    ({"forward_fn": "x", "tools": [{"name": "dspy"}]}, "$.tools[0].name", "cannot be called"),
    ({"forward_fn": "x", "inputs": "x"}, "$.inputs", "a list of names is wanted"),
    ({"forward_fn": "x", "signature": "x -> y: z"}, "$.signature", "'z' is no type"),
]


@pytest.mark.parametrize(("create", "path", "problem"), REFUSED)
def test_what_does_not_fit_is_refused_by_its_place(
    worker: LocalWorker, create: dict[str, Any], path: str, problem: str
) -> None:
    fault = worker.fault("create_program", id="p", **create)
    assert fault.kind is FaultKind.INVALID_INPUT
    assert fault.details["path"] == path
    assert problem in fault.message
    assert worker.call("list")["programs"] == []


def test_source_that_raises_tells_its_line(worker: LocalWorker) -> None:
    fault = worker.fault("create_program", id="p", source="x = 1\ny = x.missing\n")
    assert (fault.kind, fault.type) == (FaultKind.PROGRAM_ERROR, "AttributeError")
    assert fault.details["line"] == 2


@pytest.mark.parametrize(
    ("snippet", "kind", "problem"),
    [
        ("x = 1", FaultKind.PROGRAM_ERROR, "without setting `result`"),
        ("result = 'text'", FaultKind.PROGRAM_ERROR, "returned str, not a Prediction or a map"),
        ("result = None", FaultKind.PROGRAM_ERROR, "returned nothing"),
        ("raise SystemExit(3)", FaultKind.PROGRAM_ERROR, "3"),
        ("raise KeyboardInterrupt", FaultKind.PROGRAM_ERROR, "KeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError", FaultKind.PROGRAM_ERROR, "CancelledError"),
        ("result = {'x': object()}", FaultKind.UNSERIALISABLE, "$.x: object has no form on the wire"),
        ("result = {'x': [1, {'y': 2**70}]}", FaultKind.UNSERIALISABLE, "$.x[1].y: an integer of 71 bits"),
        ("result = {'x': float('nan')}", FaultKind.UNSERIALISABLE, "$.x: nan is not a finite number"),
    ],
)
def test_results_without_a_form_on_the_wire_are_told_by_their_place(
    worker: LocalWorker, snippet: str, kind: FaultKind, problem: str
) -> None:
    worker.call("create_program", id="p", forward_fn=snippet)
    fault = worker.fault("execute", program_id="p", inputs={})
    assert (fault.kind, problem in fault.message) == (kind, True)


def test_user_code_cannot_reconfigure_the_process(worker: LocalWorker) -> None:
    before = dspy.settings.copy()
    said = "dspy.configure(lm=None, num_threads=77)\nresult = {'lm': dspy.settings.lm, 'n': dspy.settings.num_threads}"
    worker.call("create_program", id="p", forward_fn=said)
    assert worker.call("execute", program_id="p", inputs={}) == {"lm": None, "n": 77}
    assert dspy.settings.copy() == before
    unheard = "import threading\nfailures = []\ndef configure():\n    try: dspy.configure(num_threads=77)\n"
    unheard += "    except RuntimeError as error: failures.append(str(error))\n"
    unheard += "thread = threading.Thread(target=configure)\nthread.start(); thread.join()\nresult = {'why': failures}"
    worker.call("create_program", id="p", forward_fn=unheard)
    (why,) = worker.call("execute", program_id="p", inputs={})["why"]
    assert "can only be changed by the thread that initially configured it" in why


def test_delete_forgets_the_program(worker: LocalWorker) -> None:
    worker.call("create_program", id="p", forward_fn="result = {}")
    assert worker.call("delete", id="p") == {"id": "p"}
    assert worker.fault("execute", program_id="p", inputs={}).kind is FaultKind.NOT_FOUND
    assert worker.fault("delete", id="p").kind is FaultKind.NOT_FOUND


def test_texts_of_programs_that_are_gone_are_not_kept(worker: LocalWorker) -> None:
    import linecache

    def kept() -> int:
        gc.collect()
        modules = sum(name.startswith("dspash_source_") for name in sys.modules)
        return modules + sum(file.startswith("<program ") for file in linecache.cache)

    for _ in range(3):
        worker.call("create_program", id="p", source=RAG, tools=[SEARCH])
    before = kept()
    for _ in range(20):
        worker.call("create_program", id="p", source=RAG, tools=[SEARCH])
        worker.call("create_program", id="q", forward_fn="result = {}")
    assert kept() <= before + 2


def test_programs_that_are_async_alone_run_like_the_others(worker: LocalWorker) -> None:
    source = (
        "class Later(dspy.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.say = dspy.Predict('question -> answer')\n"
        "    async def aforward(self, question):\n        return await self.say.acall(question=question)\n"
    )
    worker.call("create_program", id="later", source=source)
    assert worker.call("execute", program_id="later", inputs={"question": "?"}) == {"answer": "found"}
    assert worker.fault("execute", program_id="later", inputs={}).details["path"] == "$.inputs.question"
    devset = [{"question": "?", "answer": "found"}]
    assert worker.call("evaluate", program_id="later", devset=devset, metric="exact_match")["score"] == 1.0
    optimized = worker.call(
        "optimize", optimizer="LabeledFewShot", program_id="later", trainset=devset, metric="exact_match"
    )
    assert optimized["score"] == 1.0


def test_modules_that_fail_to_import_say_so(
    worker: LocalWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_programs.py").write_text("x = 1\ny = x / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    fault = worker.fault("create_program", id="p", **{"class": "broken_programs:Any"})
    assert (fault.kind, fault.type, fault.details["line"]) == (
        FaultKind.PROGRAM_ERROR,
        "ZeroDivisionError",
        2,
    )


def test_calls_at_once_share_a_program_and_nothing_else(scripted: Any) -> None:
    def echo(args: Any) -> Any:
        said = args["request"]["messages"][-1]["parts"][0]["text"].split("\n")[1]
        return completion(chat_text(answer=said))

    worker: LocalWorker = scripted("unused")
    worker.answers[ReverseCommand.LM_COMPLETE] = echo
    parts = [{"name": "say", "type": "predict", "signature": "word -> answer"}]
    snippet = "said = [self.say(word=f'{word}{n}').answer for n in range(3)]\nresult = {'said': said, 'steps': len(dspy.settings.trace), 'lm': dspy.settings.lm.model}"
    worker.call("create_program", id="p", forward_fn=snippet, modules=parts)

    def run(number: int) -> Any:
        call = LocalCall(
            Command.EXECUTE,
            {"program_id": "p", "inputs": {"word": f"w{number}-"}, "detail": True},
            answers=worker.answers,
        )
        return HANDLERS[Command.EXECUTE](worker.workbench, cast("Any", call))

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(run, range(64)))
    for number, answer in enumerate(answers):
        assert answer["fields"] == {
            "said": [f"w{number}-{n}" for n in range(3)],
            "steps": 3,
            "lm": "scripted",
        }
    assert len({answer["usage"]["scripted"]["total_tokens"] for answer in answers}) == 1
    assert worker.call("stats", id="p")["total_executions"] == 64
