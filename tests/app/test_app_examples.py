"""Examples: what may be given to evaluate and optimize, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import dspash

EXAMPLES = [
    {"question": "Who designed the tower?", "answer": "Gustave Eiffel"},
    {"question": "Where was he born?", "answer": "Dijon"},
]


@pytest.fixture(scope="module")
def module(app: dspash.App) -> dspash.Module:
    return app.module("predict", "question -> answer")


class Row:
    """What dspy.Example is: no Mapping, but dict() takes it."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields

    def keys(self) -> Any:
        return self.fields.keys()

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


def test_examples_may_come_from_a_generator_or_be_map_like(app: dspash.App, module: dspash.Module) -> None:
    assert app.evaluate(module, (example for example in EXAMPLES)).total == len(EXAMPLES)
    rows: Any = [Row(example) for example in EXAMPLES]
    assert app.evaluate(module, rows).failed == 0
    improved = app.optimize(module, (example for example in EXAMPLES), optimizer="labeled_fewshot", k=2)
    assert improved.score is not None


@pytest.mark.parametrize("given", [None, 5, b"abc", {"question": "Who?"}], ids=repr)
def test_what_is_no_list_is_refused_by_its_name(app: dspash.App, module: dspash.Module, given: Any) -> None:
    with pytest.raises(dspash.ConfigurationError, match=r"^devset: "):
        app.evaluate(module, given)
    with pytest.raises(dspash.ConfigurationError, match=r"^trainset: "):
        app.optimize(module, given)


def test_an_example_that_is_no_map_is_refused_by_its_place(app: dspash.App, module: dspash.Module) -> None:
    wrong: Any = [*EXAMPLES, "Who?"]
    with pytest.raises(dspash.ConfigurationError, match=r"^devset\[2\]: str is no map"):
        app.evaluate(module, wrong)
    with pytest.raises(dspash.ConfigurationError, match=r"^valset\[2\]: "):
        app.optimize(module, EXAMPLES, valset=wrong)
