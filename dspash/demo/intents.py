"""Intents: what the writer of a short text wants, as one of the intents of a training set such as BANKING77."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from dspash.app import App, Module
from dspash.demo.datafile import read_json_lines
from dspash.demo.task import Example, Task
from dspash.errors import ConfigurationError
from dspash_protocol.signature import STR, Field, LiteralOf, SignatureSpec, signature_map

__all__ = ["read_intents"]

OPTIMIZER: Final = {"max_bootstrapped_demos": 4, "max_labeled_demos": 48}
"""Labelled demos are short, and one an intent is the least that can teach it."""


class _Utterance(BaseModel):
    text: str
    intent: str


def read_intents(folder: Path) -> Task:
    """Return the task on `train.jsonl` and `dev.jsonl` of `folder`: lines of `{"text": …, "intent": …}`.

    Raises ConfigurationError naming the file and the place.
    """
    train, dev = (read_json_lines(folder / name, _Utterance) for name in ("train.jsonl", "dev.jsonl"))
    intents = tuple(sorted({one.intent for one in train}))
    if unknown := sorted({one.intent for one in dev} - set(intents)):
        problem = f"{unknown[0]!r} is no intent of train.jsonl"
        raise ConfigurationError(
            str(folder / "dev.jsonl"), problem, "an intent to be told needs an example in train.jsonl"
        )
    signature = SignatureSpec(
        inputs=(Field("text", STR, desc="What a customer wrote"),),
        outputs=(Field("intent", LiteralOf(intents), desc="What the customer wants"),),
        instructions="Tell what a customer wants.",
    )

    def define(app: App) -> Module:
        return app.module("predict", signature_map(signature), id="intents")

    return Task(
        title=f"intents, {len(intents)} of them",
        trainset=_examples(train),
        devset=_examples(dev),
        input_field="text",
        output_field="intent",
        score_name="accuracy",
        metric={"name": "exact_match", "field": "intent"},
        optimizer_config=OPTIMIZER,
        define=define,
    )


def _examples(utterances: Iterable[_Utterance]) -> tuple[Example, ...]:
    return tuple({"text": one.text, "intent": one.intent} for one in utterances)
