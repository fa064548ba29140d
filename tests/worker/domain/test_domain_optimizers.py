"""Every optimizer of the table really runs, leaves its program as it was, and takes no setting that it does not know."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import dspy
import pytest

from dspash_protocol import EventKind, FaultKind, ReverseCommand
from dspash_worker.optimizers import OPTIMIZERS, find_optimizer
from dspash_worker.testing import LocalWorker, chat_text, completion

INTENTS = {
    "card_arrival": [
        "Has my new card arrived yet?",
        "When will my card get here?",
        "I am waiting for my card to arrive.",
    ],
    "lost_card": [
        "I lost my card somewhere.",
        "My card is gone, I think it is lost.",
        "How do I report a lost card?",
    ],
    "top_up_failed": ["My top up did not work.", "Why was my top up declined?", "The top up failed again."],
}
TRAINSET = [{"text": text, "intent": intent} for intent, texts in INTENTS.items() for text in texts[:2]]
VALSET = [{"text": texts[2], "intent": intent} for intent, texts in INTENTS.items()]
SIGNATURE = "text -> intent: Literal['card_arrival', 'lost_card', 'top_up_failed']"

CONFIGS: dict[str, dict[str, Any]] = {
    "labeled_few_shot": {"k": 3},
    "bootstrap_few_shot": {"max_bootstrapped_demos": 2, "max_labeled_demos": 2},
    "bootstrap_few_shot_with_random_search": {"num_candidate_programs": 1, "max_bootstrapped_demos": 1},
    "bootstrap_few_shot_with_optuna": {"num_candidate_programs": 2, "max_bootstrapped_demos": 2},
    "copro": {"breadth": 2, "depth": 1},
    "mipro_v2": {"num_candidates": 2, "num_trials": 2},
    "simba": {"bsize": 3, "num_candidates": 2, "max_steps": 1},
    "gepa": {"max_metric_calls": 20},
    "knn_few_shot": {"k": 2, "max_bootstrapped_demos": 1},
    "infer_rules": {"num_candidates": 2, "num_rules": 2, "max_bootstrapped_demos": 1},
    "better_together": {
        "optimizers": {
            "demos": {"optimizer": "bootstrap_fewshot", "config": {"max_bootstrapped_demos": 1}},
            "words": {"optimizer": "copro", "config": {"breadth": 2, "depth": 1}},
        }
    },
}
NEEDS_NUMPY = {"simba", "knn_few_shot", "bootstrap_few_shot_with_optuna", "mipro_v2"}


@pytest.fixture
def worker(offline: LocalWorker) -> LocalWorker:
    offline.call("create_module", id="intents", type="predict", signature=SIGNATURE)
    return offline


def optimize(
    worker: LocalWorker, optimizer: str, config: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    args = {"module_id": "intents", "trainset": TRAINSET, "valset": VALSET, "metric": "exact_match", **more}
    return worker.call("optimize", optimizer=optimizer, config=config or {}, **args)


def progress(worker: LocalWorker, kind: str) -> list[dict[str, Any]]:
    return [data for data in worker.events(EventKind.PROGRESS) if data["kind"] == kind]


def skip_without(optimizer: str) -> None:
    if optimizer in NEEDS_NUMPY:
        pytest.importorskip("numpy", reason="numpy is missing (pip extra dspash[optimizers])")
    if optimizer in ("bootstrap_few_shot_with_optuna", "mipro_v2"):
        pytest.importorskip("optuna", reason="optuna is missing (pip extra dspash[optimizers])")


@pytest.mark.parametrize("optimizer", CONFIGS)
@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # COPRO's own signatures
@pytest.mark.filterwarnings(
    "ignore:.* is an experimental feature"
)  # the sampler that MIPROv2 asks Optuna for
def test_optimizer_runs_and_its_state_loads_again(worker: LocalWorker, optimizer: str) -> None:
    skip_without(optimizer)
    before = worker.call("dump_state", id="intents")
    answer = optimize(worker, optimizer, CONFIGS[optimizer], **{"as": "better"})
    assert progress(worker, "candidate")[-1]["score"] == answer["score"]
    assert worker.call("dump_state", id="intents") == before
    assert 0.0 <= answer["score"] <= 1.0
    assert answer["complete"] is True
    assert answer["portable"] is (optimizer != "knn_few_shot")
    assert [trace["index"] for trace in answer["traces"]] == [0, 1, 2]
    assert all(0.0 <= candidate["score"] <= 1.0 for candidate in answer["candidates"])
    assert answer["candidates"] == sorted(answer["candidates"], key=lambda candidate: -candidate["score"])
    assert (
        worker.call("forward", module_id="better", inputs={"text": "Where is my card?"})["intent"] in INTENTS
    )
    state = answer["optimized_program"]["state"]
    worker.call("create_module", id="again", type="predict", signature=SIGNATURE)
    worker.call("load_state", id="again", state=state)
    assert worker.call("dump_state", id="again")["state"] == state


def test_every_optimizer_of_the_table_is_run_by_a_test() -> None:
    assert set(OPTIMIZERS) == {*CONFIGS, "ensemble", "avatar_optimizer"}


def test_table_has_every_optimizer_of_dspy_that_needs_no_fine_tuning() -> None:
    fine_tuning = {"BootstrapFinetune"}
    offered = {name for name in dspy.teleprompt.__all__ if name[0].isupper()} - fine_tuning
    assert {find_optimizer(name, path="$").name for name in offered} == set(OPTIMIZERS)


def test_bootstrapping_learns_demos_and_says_which(worker: LocalWorker) -> None:
    answer = optimize(worker, "BootstrapFewShot", CONFIGS["bootstrap_few_shot"])
    (part,) = answer["optimized_program"]["modules"].values()
    assert len(part["demos"]) == 2
    assert {demo["intent"] for demo in part["demos"]} <= set(INTENTS)
    assert answer["metric_calls"] >= 2
    assert progress(worker, "example")[0]["done"] == 1


def test_same_seed_learns_the_same(worker: LocalWorker) -> None:
    skip_without("bootstrap_few_shot_with_optuna")
    name, config = "bootstrap_few_shot_with_optuna", CONFIGS["bootstrap_few_shot_with_optuna"]
    first, second = (optimize(worker, name, config, seed=11)["optimized_program"] for _ in range(2))
    assert first == second


def test_host_metric_gives_scores_and_feedback(worker: LocalWorker) -> None:
    seen: list[dict[str, Any]] = []

    def judge(args: Any) -> Any:
        seen.append(dict(args))
        return {"score": 0.5, "feedback": "think of the card"}

    worker.answers[ReverseCommand.METRIC_CALL] = judge
    optimize(worker, "gepa", {"max_metric_calls": 15}, metric={"host": "judge"})
    assert {args["name"] for args in seen} == {"judge"}
    assert any("trace" in args for args in seen)
    assert all(set(args["prediction"]) == {"intent"} for args in seen)


def test_ensemble_answers_by_majority(worker: LocalWorker) -> None:
    worker.call("create_module", id="careful", type="chain_of_thought", signature=SIGNATURE)
    answer = optimize(worker, "ensemble", {}, programs=["intents", "careful"], **{"as": "both"})
    assert 0.0 <= answer["score"] <= 1.0
    assert (
        worker.call("forward", module_id="both", inputs={"text": "I lost my card"})["intent"] == "lost_card"
    )
    fault = worker.fault(
        "optimize", optimizer="ensemble", module_id="intents", metric="exact_match", programs=["intents"]
    )
    assert fault.details["path"] == "$.programs"


@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # Avatar's own signatures
@pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`")
def test_avatar_optimizer_rewrites_the_instructions_of_an_avatar(scripted: Any) -> None:
    def answer(args: Any) -> dict[str, Any]:
        prompt = str(args["request"])
        if "new_instruction" in prompt:
            return completion(chat_text(new_instruction="Look twice."))
        if "neg_input_with_metrics" in prompt:
            return completion(chat_text(feedback="look harder"))
        if "[[ ## answer ## ]]" in prompt:
            return completion(chat_text(answer="blue" if "sky" in prompt else "dark"))
        return completion(chat_text(action_1={"tool_name": "Finish", "tool_input_query": ""}))

    worker = scripted("unused")
    worker.answers[ReverseCommand.LM_COMPLETE] = answer
    create = {"class": "dspy.predict.avatar:Avatar", "signature": "question -> answer", "tools": ["search"]}
    worker.call("create_module", id="avatar", type="custom", **create)
    examples = [{"question": "The sky?", "answer": "blue"}, {"question": "The sea?", "answer": "blue"}]
    answer_of = worker.call(
        "optimize",
        optimizer="avatar_optimizer",
        module_id="avatar",
        trainset=examples,
        metric="exact_match",
        config={"max_iters": 1},
    )
    parts = answer_of["optimized_program"]["modules"]
    assert {part["instructions"] for part in parts.values()} == {"Look twice."}
    assert answer_of["score"] == 0.5


@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # Avatar's own signatures
@pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`")
def test_an_agent_with_one_query_calls_the_first_argument_of_a_tool(scripted: Any) -> None:
    worker = scripted(
        {"action_1": {"tool_name": "search", "tool_input_query": "sky"}},
        {"action_2": {"tool_name": "Finish", "tool_input_query": ""}},
        {"answer": "blue"},
    )
    tools = [
        {"name": "search", "args": {"query": {"type": "string"}, "k": {"type": "integer", "default": 1}}}
    ]
    create = {"class": "dspy.predict.avatar:Avatar", "signature": "question -> answer", "tools": tools}
    worker.call("create_module", id="avatar", type="custom", **create)
    answer = worker.call("forward", module_id="avatar", inputs={"question": "?"})
    assert answer["answer"] == "blue"
    assert answer["actions"] == [
        {"tool_name": "search", "tool_input_query": "sky", "tool_output": "['sky: passage 0']"}
    ]


def test_rules_of_each_candidate_are_its_own(scripted: Any) -> None:
    rules = iter(["first rules", "second rules"])

    def answer(args: Any) -> dict[str, Any]:
        prompt = str(args["request"])
        if "natural_language_rules" in prompt:
            return completion(chat_text(reasoning="r", natural_language_rules=next(rules)))
        return completion(chat_text(intent="lost_card" if "first rules" in prompt else "card_arrival"))

    worker = scripted("unused")
    worker.answers[ReverseCommand.LM_COMPLETE] = answer
    worker.call("create_module", id="intents", type="predict", signature=SIGNATURE)
    lost = [example for example in TRAINSET + VALSET if example["intent"] == "lost_card"]
    result = worker.call(
        "optimize",
        optimizer="infer_rules",
        module_id="intents",
        trainset=lost,
        valset=lost,
        metric="exact_match",
        config={"num_candidates": 2, "num_rules": 1},
    )
    (part,) = result["optimized_program"]["modules"].values()
    assert "first rules" in part["instructions"]
    assert "second rules" not in part["instructions"]
    assert result["score"] == 1.0


def test_original_shape_of_the_plain_protocol_is_taken(scripted: Any) -> None:
    worker = scripted({"answer": "Paris"})
    program = {
        "id": "p",
        "modules": [
            {
                "id": "qa",
                "type": "predict",
                "signature": {
                    "inputs": [{"name": "question", "type": "string"}],
                    "outputs": [{"name": "answer", "type": "string"}],
                },
                "state": {},
            }
        ],
        "forward_fn": "result = self.qa(question=question)",
    }
    trainset = [
        {"question": "Capital of France?", "answer": "Paris", "_id": 1},
        {"question": "And Italy?", "answer": "Rome"},
    ]
    answer = worker.call(
        "optimize",
        optimizer="BootstrapFewShot",
        program=program,
        trainset=trainset,
        metric="exact_match",
        config={"max_bootstrapped_demos": 1},
    )
    assert answer["score"] == 0.5
    assert answer["optimized_program"]["modules"]["qa"]["demos"][0]["answer"] == "Paris"
    again = worker.call(
        "optimize", optimizer="LabeledFewShot", program={"id": "p"}, trainset=trainset, metric="exact_match"
    )
    assert len(again["optimized_program"]["modules"]["qa"]["demos"]) == 2


def test_what_was_improved_can_be_improved_again_and_be_part_of_a_program(worker: LocalWorker) -> None:
    optimize(worker, "bootstrap_few_shot", CONFIGS["bootstrap_few_shot"], **{"as": "once"})
    optimize(worker, "bootstrap_few_shot", CONFIGS["bootstrap_few_shot"], module_id="once", **{"as": "twice"})
    snippet = "result = self.sort(text=text)"
    worker.call("create_program", id="p", forward_fn=snippet, modules=[{"id": "twice", "name": "sort"}])
    assert len(worker.call("dump_state", id="p")["state"]["sort"]["demos"]) == 2


def test_teacher_and_models_are_taken(worker: LocalWorker) -> None:
    models: list[str] = []
    complete = worker.answers[ReverseCommand.LM_COMPLETE]

    def noted(args: Any) -> Any:
        models.append(args["meta"]["model"])
        return complete(args)

    worker.answers[ReverseCommand.LM_COMPLETE] = noted
    worker.call("create_module", id="teacher", type="predict", signature=SIGNATURE)
    config = {"max_bootstrapped_demos": 1, "teacher_settings": {"lm": "offline/teacher"}}
    optimize(worker, "bootstrap_few_shot", config, teacher="teacher")
    assert "offline/teacher" in models
    assert "offline" in models


SEPARATE = [
    ("copro", {"breadth": 2, "depth": 1}, "prompt_model"),
    ("mipro_v2", {"num_candidates": 2, "num_trials": 1}, "prompt_model"),
    ("mipro_v2", {"num_candidates": 2, "num_trials": 1}, "task_model"),
    ("simba", {"bsize": 6, "num_candidates": 2, "max_steps": 1, "max_demos": 0}, "prompt_model"),
    ("gepa", {"max_metric_calls": 20}, "reflection_lm"),
]


@pytest.mark.parametrize(("optimizer", "config", "parameter"), SEPARATE)
@pytest.mark.filterwarnings("ignore:The 'prefix' argument:DeprecationWarning")  # COPRO's own signatures
@pytest.mark.filterwarnings(
    "ignore:.* is an experimental feature"
)  # the sampler that MIPROv2 asks Optuna for
def test_a_model_of_its_own_writes_or_runs_and_the_other_does_the_rest(
    worker: LocalWorker, optimizer: str, config: dict[str, Any], parameter: str
) -> None:
    skip_without(optimizer)
    models: set[str] = set()
    complete = worker.answers[ReverseCommand.LM_COMPLETE]

    def noted(args: Any) -> Any:
        models.add(args["meta"]["model"])
        return complete(args)

    worker.answers[ReverseCommand.LM_COMPLETE] = noted
    scores = itertools.cycle([0.0, 0.25, 0.5, 0.75, 0.9])  # so that there is always something to reflect on
    worker.answers[ReverseCommand.METRIC_CALL] = lambda _args: {"score": next(scores)}
    config = {**config, parameter: "offline/other", "num_threads": 1}
    optimize(worker, optimizer, config, metric={"host": "judge"})
    assert models == {"offline", "offline/other"}


def failing(error: Exception) -> Callable[[Any], Any]:
    def answer(_args: Any) -> Any:
        raise error

    return answer


def test_first_failure_is_told_when_there_were_too_many(worker: LocalWorker) -> None:
    worker.answers[ReverseCommand.LM_COMPLETE] = failing(ValueError("the model is tired"))
    args = {"module_id": "intents", "trainset": TRAINSET, "metric": "exact_match"}
    fault = worker.fault(
        "optimize", optimizer="bootstrap_rs", config={"num_candidate_programs": 1, "max_errors": 1}, **args
    )
    assert "the model is tired" in fault.message


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"optimizer": "bootstrap"}, "$.optimizer", "is no optimizer"),
    ({"optimizer": "MIPROv3"}, "$.optimizer", "did you mean 'mipro_v2'?"),
    ({"optimizer": "BootstrapFinetune"}, "$.optimizer", "known are labeled_few_shot"),
    (
        {"config": {"max_bootstraped_demos": 3}},
        "$.config.max_bootstraped_demos",
        "did you mean 'max_bootstrapped_demos'?",
    ),
    (
        {"config": {"max_bootstrapped_demos": "3"}},
        "$.config.max_bootstrapped_demos",
        "int is wanted, this is str",
    ),
    ({"config": {"metric": "x"}}, "$.config.metric", "unknown"),
    ({"optimizer": "mipro", "config": {"log_dir": "/tmp"}}, "$.config.log_dir", "a worker writes no files"),
    (
        {"optimizer": "mipro", "config": {"auto": "easy"}},
        "$.config.auto",
        "'easy' is none of 'light', 'medium', 'heavy'",
    ),
    ({"optimizer": "gepa", "config": {"use_wandb": True}}, "$.config.use_wandb", "no network"),
    ({"optimizer": "gepa", "config": {"auto": "light", "max_metric_calls": 3}}, "$.config", "Exactly one of"),
    ({"optimizer": "copro", "config": {"breadth": 1}}, "$.config", "Breadth must be greater than 1"),
    (
        {"optimizer": "copro", "config": {"prompt_model": {"modle": "x"}}},
        "$.config.prompt_model.modle",
        "did you mean 'model'?",
    ),
    ({"optimizer": "better_together"}, "$.config.optimizers", "missing"),
    (
        {"optimizer": "better_together", "config": {"optimizers": {"p": 1}}},
        "$.config.optimizers.p",
        "a map with optimizer",
    ),
    (
        {"optimizer": "better_together", "config": {"optimizers": {"p": {"optimizer": "knn"}}}},
        "$.config.optimizers.p.optimizer",
        "is no optimizer",
    ),
    (
        {"optimizer": "better_together", "config": {"optimizers": {"p": {"optimizer": "ensemble"}}}},
        "$.config.optimizers.p.optimizer",
        "cannot be a step",
    ),
    (
        {
            "optimizer": "better_together",
            "config": {"optimizers": {"p": {"optimizer": "simba", "config": {"b": 1}}}},
        },
        "$.config.optimizers.p.config.b",
        "unknown",
    ),
    (
        {"config": {"teacher_settings": {"adapter": "x"}}},
        "$.config.teacher_settings.adapter",
        "only lm can be set",
    ),
    ({"optimizer": "labeled_few_shot", "teacher": "intents"}, "$.teacher", "takes none"),
    ({"optimizer": "gepa", "teacher": "intents"}, "$.teacher", "takes none"),
    (
        {"optimizer": "knn_few_shot", "config": {"k": 1, "embedder": {"modle": 1}}},
        "$.config.embedder.model",
        "missing",
    ),
    ({"metric": None}, "$.metric", "a metric's name or a map"),
    ({"metric": "bleu"}, "$.metric.name", "is no metric"),
    ({"trainset": []}, "$.trainset", "there are no examples"),
    ({"trainset": "x"}, "$.trainset", "a list of examples"),
    ({"trainset": [{"text": "x"}, {"intent": "y"}]}, "$.trainset[1].text", "missing"),
    ({"trainset": [7]}, "$.trainset[0]", "an example"),
    ({"valset": [{}]}, "$.valset[0].text", "missing"),
    ({"seed": "x"}, "$.seed", "an integer is wanted"),
    ({"input_fields": "text"}, "$.input_fields", "a list of names"),
]


@pytest.mark.parametrize(("args", "path", "problem"), REFUSED)
def test_what_does_not_fit_is_refused_before_a_model_is_asked(
    worker: LocalWorker, args: dict[str, Any], path: str, problem: str
) -> None:
    given = {
        "optimizer": "bootstrap_few_shot",
        "module_id": "intents",
        "trainset": TRAINSET,
        "metric": "exact_match",
    }
    fault = worker.fault("optimize", **{**given, **args})
    assert fault.kind is FaultKind.INVALID_INPUT
    assert fault.details["path"] == path
    assert problem in fault.message
    assert worker.last is not None
    assert worker.last.asked == []


def test_spellings_of_the_origin_are_known() -> None:
    spelled = {
        "bootstrap_fewshot": "bootstrap_few_shot",
        "BootstrapFewShot": "bootstrap_few_shot",
        "mipro": "mipro_v2",
        "MIPRO": "mipro_v2",
        "copro": "copro",
        "bootstrap_fewshot_with_optuna": "bootstrap_few_shot_with_optuna",
        "SIMBA": "simba",
        "MIPROv2": "mipro_v2",
        "knn-few-shot": "knn_few_shot",
    }
    assert {name: find_optimizer(name, path="$").name for name in spelled} == spelled


def test_what_only_this_worker_can_have_needs_an_id_before_anything_runs(worker: LocalWorker) -> None:
    for optimizer, more in (
        ("knn_few_shot", {"config": {"k": 1}}),
        ("ensemble", {"programs": ["intents"] * 2}),
    ):
        skip_without(optimizer)
        request: dict[str, Any] = {
            "module_id": "intents",
            "trainset": TRAINSET,
            "metric": "exact_match",
            **more,
        }
        fault = worker.fault("optimize", optimizer=optimizer, **request)
        assert (fault.kind, fault.details["path"]) == (FaultKind.INVALID_INPUT, "$.as")
        assert worker.last is not None
        assert worker.last.asked == []


def test_embedding_models_of_the_host_are_asked(worker: LocalWorker) -> None:
    skip_without("knn_few_shot")
    worker.answers[ReverseCommand.LM_EMBED] = lambda args: {
        "vectors": [[float("card" in text), 1.0] for text in args["inputs"]]
    }
    config = {"k": 2, "max_bootstrapped_demos": 1, "embedder": {"model": "tiny"}}
    optimize(worker, "knn_few_shot", config, **{"as": "nearest"})
    assert worker.last is not None
    embeds = [args for command, args in worker.last.asked if command is ReverseCommand.LM_EMBED]
    assert embeds[0]["model"] == "tiny"
    assert len(embeds[0]["inputs"]) == len(TRAINSET)
    worker.answers[ReverseCommand.LM_EMBED] = lambda args: {"vectors": [[1.0]]}
    fault = worker.fault(
        "optimize",
        optimizer="knn_few_shot",
        module_id="intents",
        trainset=TRAINSET,
        metric="exact_match",
        config={"k": 1, "embedder": {"model": "tiny"}},
        **{"as": "nearest"},
    )
    assert "6 texts became vectors of shape (1, 1)" in fault.message
