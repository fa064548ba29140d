"""What a host says to a worker at the plain level, in the argument shapes of the protocol's origin, and what it hears.

Every host of the tests holds this same dialogue, whatever its language and codec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["API_KEY", "WRONG_KEY", "Step", "dialogue", "fits", "to_json"]

API_KEY: Final = "sk-test"
WRONG_KEY: Final = "sk-wrong"
ANY: Final = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and the `result` or `error` that must come back."""

    name: str
    command: str
    args: dict[str, Any]
    expected: dict[str, Any]


BALEEN: Final = """\
passages = [
    "The Eiffel Tower is located in Paris, France.",
    "Construction of the Eiffel Tower began in 1887.",
    "The Eiffel Tower was designed by Gustave Eiffel.",
    "Paris is the capital of France.",
    "The Atomium is located in Brussels, Belgium.",
    "The Atomium was designed by André Waterkeyn.",
    "Brussels is the capital of Belgium.",
]

def search(query):
    words = set(query.lower().split())
    return sorted(passages, key=lambda passage: -len(words & set(passage.lower().strip(".").split())))[:3]

context = ""
for hop in range(2):
    query = self.generate_query(question=question, context=context).query
    print("searching for", query)
    context += "\\n\\n" + "\\n".join(passage for passage in search(query) if passage not in context)
result = self.generate_answer(question=question, context=context)
"""

TRAINSET: Final[list[dict[str, Any]]] = [
    {
        "question": "What is the capital of the country where the Eiffel Tower is located?",
        "answer": "Paris",
        "gold_passages": ["The Eiffel Tower is located in Paris, France.", "Paris is the capital of France."],
    },
    {
        "question": "Who designed the tower whose construction began in 1887 in Paris?",
        "answer": "Gustave Eiffel",
        "gold_passages": ["The Eiffel Tower was designed by Gustave Eiffel."],
    },
    {"question": "In which city is the Atomium located?", "answer": "Brussels", "gold_passages": []},
    {"question": "When did construction of the Eiffel Tower begin?", "answer": "1887", "gold_passages": []},
]

CONTEXT: Final = "The Eiffel Tower is located in Paris, France.\nThe tower was designed by Gustave Eiffel."

PARTS: Final = [
    {"id": "generate_query", "name": "generate_query"},
    {"id": "generate_answer", "name": "generate_answer"},
]


WHOLE_PARTS: Final[list[dict[str, Any]]] = [
    {
        "id": "generate_query",
        "type": "predict",
        "signature": {
            "inputs": [{"name": "question", "type": "string"}, {"name": "context", "type": "string"}],
            "outputs": [
                {"name": "query", "type": "string", "desc": "Search query to find relevant information"}
            ],
        },
        "state": {},
    },
    {
        "id": "generate_answer",
        "type": "chain_of_thought",
        "signature": {
            "inputs": [{"name": "question", "type": "string"}, {"name": "context", "type": "string"}],
            "outputs": [{"name": "answer", "type": "string", "desc": "Final answer to the question"}],
        },
        "state": {
            "demos": [
                {"question": "Where is the Atomium?", "context": "", "reasoning": "", "answer": "Brussels"}
            ]
        },
    },
]


def dialogue(api_base: str) -> list[Step]:
    """Return the whole dialogue, with the model at `api_base`."""
    lm = {
        "provider": "openai",
        "model": "gpt-4",
        "api_key": API_KEY,
        "api_base": api_base,
        "temperature": 0.0,
    }
    return [*_definitions(lm), *_runs(), *_optimisations(), *_refusals(), *_a_wrong_key(lm)]


def _definitions(lm: dict[str, Any]) -> list[Step]:
    return [
        Step("configure", "configure", {"lm": lm}, {"result": {"status": "configured"}}),
        Step(
            "predict",
            "create_module",
            {"id": "generate_query", "type": "predict", "signature": "question, context -> query"},
            {"result": {"id": "generate_query", "type": "predict"}},
        ),
        Step(
            "chain of thought",
            "create_module",
            {
                "id": "generate_answer",
                "type": "chain_of_thought",
                "signature": "question, context -> answer, confidence: float",
            },
            {"result": {"id": "generate_answer", "type": "chain_of_thought"}},
        ),
        Step(
            "program",
            "create_program",
            {"id": "baleen", "modules": PARTS, "forward_fn": BALEEN},
            {"result": {"id": "baleen"}},
        ),
    ]


def _runs() -> list[Step]:
    return [
        Step(
            "forward",
            "forward",
            {
                "module_id": "generate_answer",
                "inputs": {"question": "Who designed the Eiffel Tower?", "context": CONTEXT},
            },
            {
                "result": {
                    "reasoning": "The context says: …",
                    "answer": "…Gustave Eiffel…",
                    "confidence": ANY,
                }
            },
        ),
        Step(
            "execute",
            "execute",
            {"program_id": "baleen", "inputs": {"question": "Who designed the Atomium?"}},
            {"result": {"answer": "…André Waterkeyn…", "confidence": ANY}},
        ),
    ]


def _optimisations() -> list[Step]:
    config = {"max_bootstrapped_demos": 3, "max_labeled_demos": 10}
    return [
        Step(
            "optimize",
            "optimize",
            {
                "optimizer": "BootstrapFewShot",
                "program": {"id": "baleen", "modules": PARTS, "forward_fn": BALEEN},
                "trainset": TRAINSET,
                "metric": "exact_match",
                "config": config,
            },
            {
                "result": {
                    "optimized_program": {
                        "modules": {
                            "generate_query": {"demos": ANY},
                            "generate_answer": {
                                "demos": ANY,
                                "signature": "question, context -> reasoning, answer, confidence",
                            },
                        }
                    },
                    "score": ANY,
                    "traces": ANY,
                }
            },
        ),
        Step(
            "the program stays as it was",
            "execute",
            {"program_id": "baleen", "inputs": {"question": "Who designed the Atomium?"}},
            {"result": {"answer": "…André Waterkeyn…", "confidence": ANY}},
        ),
        Step(
            "optimize a program given whole",
            "optimize",
            {
                "optimizer": "BootstrapFewShot",
                "program": {"id": "whole", "modules": WHOLE_PARTS, "forward_fn": BALEEN},
                "trainset": TRAINSET,
                "metric": "f1_score",
                "config": config,
            },
            {"result": {"optimized_program": {"modules": {"generate_answer": {"demos": ANY}}}, "score": ANY}},
        ),
        Step(
            "which is there from then on",
            "execute",
            {"program_id": "whole", "inputs": {"question": "Who designed the Atomium?"}},
            {"result": {"answer": "André Waterkeyn"}},
        ),
    ]


def _refusals() -> list[Step]:
    """Return what is refused, each with an error that is one text, and that the worker lives on."""
    return [
        Step("unknown command", "conjure", {}, {"error": "unknown_command: there is no command 'conjure'"}),
        Step(
            "missing module",
            "forward",
            {"module_id": "nobody", "inputs": {}},
            {"error": "not_found: 'nobody' was never created…"},
        ),
        Step(
            "missing program",
            "execute",
            {"program_id": "nothing", "inputs": {}},
            {"error": "not_found: 'nothing' was never created…"},
        ),
        Step("missing id", "create_module", {"type": "predict"}, {"error": "invalid_input: $.id…"}),
        Step(
            "unknown type",
            "create_module",
            {"id": "new", "type": "telepathy", "signature": "question -> answer"},
            {"error": "invalid_input: $.type: 'telepathy' is no module type…"},
        ),
        Step(
            "no signature",
            "create_module",
            {"id": "new", "type": "predict", "signature": "question - answer"},
            {"error": "invalid_input: $.signature, character 9…"},
        ),
        Step(
            "no Python",
            "create_program",
            {"id": "new", "modules": [], "forward_fn": "result = = 1"},
            {"error": "invalid_input: $.forward_fn: line 1, column 10…"},
        ),
        Step(
            "part nobody made",
            "create_program",
            {"id": "new", "modules": [{"id": "nobody", "name": "part"}], "forward_fn": "result = {}"},
            {"error": "not_found: 'nobody' was never created…"},
        ),
        Step(
            "inputs that do not fit",
            "forward",
            {"module_id": "generate_answer", "inputs": {"question": 7, "colour": "red"}},
            {"error": "invalid_input: …"},
        ),
        Step(
            "no optimizer",
            "optimize",
            {
                "optimizer": "Magic",
                "program": {"id": "baleen"},
                "trainset": TRAINSET,
                "metric": "exact_match",
            },
            {"error": "invalid_input: $.optimizer: 'Magic' is no optimizer…"},
        ),
        Step(
            "a program that fails",
            "create_program",
            {"id": "failing", "modules": [], "forward_fn": "result = {'share': 1 / people}"},
            {"result": {"id": "failing"}},
        ),
        Step(
            "fails",
            "execute",
            {"program_id": "failing", "inputs": {"people": 0}},
            {"error": "program_error: …division by zero…"},
        ),
        Step(
            "and works the next time",
            "execute",
            {"program_id": "failing", "inputs": {"people": 4}},
            {"result": {"share": 0.25}},
        ),
    ]


def _a_wrong_key(lm: dict[str, Any]) -> list[Step]:
    """Return a conversation with a provider that repeats the wrong key in its error, and the right one again."""
    ask = {"module_id": "generate_query", "inputs": {"question": "Who designed the Atomium?", "context": ""}}
    return [
        Step(
            "wrong key",
            "configure",
            {"lm": {**lm, "api_key": WRONG_KEY}},
            {"result": {"status": "configured"}},
        ),
        Step("refused", "forward", ask, {"error": "lm_error: …Incorrect API key provided: [secret]…"}),
        Step("right key", "configure", {"lm": lm}, {"result": {"status": "configured"}}),
        Step("served", "forward", ask, {"result": {"query": ANY}}),
    ]


def fits(expected: Any, got: Any) -> bool:
    """Whether `got` holds at least what is expected; `…` in a text stands for any characters, alone for any value."""
    if expected == ANY:
        return True
    if isinstance(expected, dict):
        return isinstance(got, dict) and all(
            name in got and fits(value, got[name]) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(fits, expected, got))
    if isinstance(expected, str) and isinstance(got, str):
        return re.fullmatch(".*".join(map(re.escape, expected.split(ANY))), got, re.DOTALL) is not None
    return type(got) is type(expected) and got == expected


def to_json(steps: Iterable[Step]) -> str:
    """Return steps as hosts in other languages read them."""
    return json.dumps([asdict(step) for step in steps], ensure_ascii=False)
