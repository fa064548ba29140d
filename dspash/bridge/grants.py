"""Grants: what one sandboxed call may ask of its host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from dspash.bridge.ask import Ask
from dspash.bridge.lm_request import check_embedding, check_lm_request
from dspash_protocol import FaultError, FaultKind, ReverseCommand

__all__ = ["AskRefusedError", "Grants"]


_ANY: Final = "default"  # what a worker calls the model that the host is to choose
_SAMPLING: Final = ("rollout_id", "sample")  # what tells equal requests apart
_OF_INTERPRETERS: Final = frozenset(
    command for command in ReverseCommand if command.startswith("interpreter.")
)


class AskRefusedError(FaultError):
    """An ask is refused; `what` says it in words that hold nothing the worker has said."""

    def __init__(self, kind: FaultKind, what: str, **details: str) -> None:
        self.what = what
        super().__init__(FaultError.of(kind, f"refused: {what}", **details).fault)


@dataclass(frozen=True, slots=True)
class Grants:
    """The names that a call may use. Everything else does not exist for it.

    `models` maps each alias to the model that it stands for; an ask without a model means `default_model`, an alias.
    `interpreters`: whether it may have the code of a model run in an interpreter of the host's.
    """

    tools: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    default_model: str = ""
    interpreters: bool = False

    def admit(self, ask: Ask) -> None:
        """Let `ask` pass, with its alias replaced by the model it stands for. Raises AskRefusedError."""
        match ask.command:
            case ReverseCommand.TOOL_CALL:
                self._admit_name(ask, self.tools, "a tool")
                _require_map(ask.args.get("args", {}), "$.args")
            case ReverseCommand.METRIC_CALL:
                self._admit_name(ask, self.metrics, "a metric")
                _require_map(ask.args.get("example"), "$.example")
                _require_map(ask.args.get("prediction"), "$.prediction")
            case ReverseCommand.LM_COMPLETE | ReverseCommand.LM_STREAM:
                ask.args = self._admit_request(ask.args)
            case ReverseCommand.LM_EMBED:
                ask.args = self._admit_inputs(ask.args)
            case ReverseCommand.LM_CAPABILITIES:
                ask.args = {**ask.args, "model": self._admit_model(ask.args.get("model"))}
            case command if command in _OF_INTERPRETERS and self.interpreters:
                return
            case _:
                raise AskRefusedError(FaultKind.UNKNOWN_COMMAND, "that is not offered to a sandboxed program")

    def _admit_name(self, ask: Ask, granted: frozenset[str], what: str) -> None:
        name = ask.args.get("name")
        if not isinstance(name, str):
            raise AskRefusedError(FaultKind.INVALID_INPUT, f"{what} without a name", path="$.name")
        if name not in granted:
            raise AskRefusedError(FaultKind.NOT_FOUND, f"{what} that this call was not granted")

    def _admit_model(self, alias: Any) -> str:
        named = self.default_model if alias == _ANY and _ANY not in self.models else alias
        model = self.models.get(named) if isinstance(named, str) else None
        if model is None:
            what = "a model that this call was not granted; grant it by the program's `lms`"
            raise AskRefusedError(FaultKind.LM_ERROR, what, code="unsupported_model")
        return model

    def _admit_inputs(self, args: Mapping[str, Any]) -> dict[str, Any]:
        model = self._admit_model(args.get("model"))
        if (problem := check_embedding(args)) is not None:
            raise AskRefusedError(FaultKind.INVALID_INPUT, problem.what, path=problem.path)
        return {**args, "model": model}

    def _admit_request(self, args: Mapping[str, Any]) -> dict[str, Any]:
        request = _require_map(args.get("request"), "$.request")
        meta = _require_map(args.get("meta", {}), "$.meta")
        model = self._admit_model(request.get("model", _ANY))
        if (problem := check_lm_request(request)) is not None:
            raise AskRefusedError(FaultKind.INVALID_INPUT, problem.what, path=problem.path)
        told: dict[str, Any] = {"model": model}
        for name in _SAMPLING:
            if (number := meta.get(name)) is not None:
                if not isinstance(number, int) or isinstance(number, bool):
                    what = f"a {name} that is no integer"
                    raise AskRefusedError(FaultKind.INVALID_INPUT, what, path=f"$.meta.{name}")
                told[name] = number
        return {**args, "request": {**request, "model": model}, "meta": told}


def _require_map(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AskRefusedError(FaultKind.INVALID_INPUT, "something that is no map", path=path)
    return cast("dict[str, Any]", value)
