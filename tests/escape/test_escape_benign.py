"""Ordinary programs work in the tier `strict`: a sandbox in which nothing runs would stop every attempt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dspash
from dspash.sandbox import Tier
from tests.escape.benign import BENIGN, Benign

pytestmark = pytest.mark.bwrap


@pytest.fixture(scope="module")
def app() -> Iterator[dspash.App]:
    with dspash.open(sandbox=Tier.STRICT, timeout_s=30) as opened:
        yield opened


@pytest.mark.timeout(60)
@pytest.mark.parametrize("benign", BENIGN, ids=[benign.name for benign in BENIGN])
def test_ordinary_program_works(app: dspash.App, benign: Benign) -> None:
    program = app.program(benign.name, source=benign.source)
    prediction = app.run(program, {})
    assert prediction["answer"] == benign.answer
    assert prediction.isolation is not None
    assert prediction.isolation.tier == Tier.STRICT
    assert bool(prediction.usage.lm_calls) is benign.uses_model


@pytest.mark.timeout(60)
def test_ordinary_program_streams(app: dspash.App) -> None:
    program = app.program(
        "streaming",
        source="""
import dspy

class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.predict(question=question)
""",
    )
    pieces = list(app.stream(program, {"question": "Which river runs through Paris?"}))
    *tokens, prediction = pieces
    assert isinstance(prediction, dspash.Prediction)
    assert "".join(token.text for token in tokens if isinstance(token, dspash.Token)) == prediction["answer"]
