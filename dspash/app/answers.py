"""Answers: what workers have answered, read as from somebody who is not trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from dspash.app.runnable import StatusMessage, Token
from dspash.bridge import Call
from dspash.errors import ProtocolError
from dspash.prediction import Prediction

__all__ = ["error_text", "list_of", "map_of", "number_of", "read_prediction", "read_streamed"]


def read_prediction(call: Call, answer: Any) -> Prediction:
    """The prediction in the answer to `call`, with what is known of the call. Raises ProtocolError."""
    answered = map_of(answer, "the answer")
    usage_of_lm = answered.get("usage")
    return Prediction(
        map_of(answered.get("fields"), "the output fields"),
        None if usage_of_lm is None else map_of(usage_of_lm, "the usage of models"),
        usage=call.usage,
        isolation=call.isolation,
        files=call.files,
    )


def read_streamed(item: Any) -> Token | StatusMessage:
    """What an event of a streamed run tells. Raises ProtocolError."""
    told = map_of(item, "a streamed item")
    if "status" in told:
        return StatusMessage(str(told["status"]))
    field, text, predictor = (str(told.get(name, "")) for name in ("field", "text", "predictor"))
    return Token(field, text, predictor)


def map_of(value: Any, what: str) -> Mapping[str, Any]:
    """A map; its keys are texts, as the protocol lets no others pass."""
    if not isinstance(value, dict):
        raise ProtocolError(f"{what} should be a map")
    return cast("dict[str, Any]", value)


def list_of(value: Any, what: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise ProtocolError(f"{what} should be a list")
    return cast("list[Any]", value)


def number_of(value: Any, what: str) -> float:
    """A number that is finite."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ProtocolError(f"{what} should be a number")
    return float(value)


def error_text(error: Any) -> str:
    """What a worker says of something that failed: text, or a fault's message."""
    if isinstance(error, str):
        return error
    return str(map_of(error, "an error").get("message", "it failed"))
