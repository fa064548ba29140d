"""Grants: what one sandboxed call may ask of its host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from dspash.bridge.ask import Ask
from dspash.bridge.lm_request import check_lm_request
from dspash_protocol import FaultError, FaultKind, ReverseCommand

__all__ = ["AskRefusedError", "Grants"]


class AskRefusedError(FaultError):
    """An ask is refused; `what` says it in words that hold nothing the worker has said."""

    def __init__(self, kind: FaultKind, what: str, path: str = "") -> None:
        self.what = what
        details = {"path": path} if path else {}
        super().__init__(FaultError.of(kind, what, **details).fault)


@dataclass(frozen=True, slots=True)
class Grants:
    """The names that a call may use. Everything else does not exist for it.

    `models` maps each alias to the model that it stands for; an ask without a model means `default_model`, an alias.
    """

    tools: frozenset[str] = frozenset()
    metrics: frozenset[str] = frozenset()
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    default_model: str = ""

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
                ask.args = self._admit_model(ask.args)
            case _:
                raise AskRefusedError(FaultKind.UNKNOWN_COMMAND, "that is not offered to a sandboxed program")

    def _admit_name(self, ask: Ask, granted: frozenset[str], what: str) -> None:
        name = ask.args.get("name")
        if not isinstance(name, str) or name not in granted:
            raise AskRefusedError(FaultKind.NOT_FOUND, f"{what} that this call was not granted", "$.name")

    def _admit_model(self, args: Mapping[str, Any]) -> dict[str, Any]:
        request = _require_map(args.get("request"), "$.request")
        meta = _require_map(args.get("meta", {}), "$.meta")
        alias = request.get("model", self.default_model)
        model = self.models.get(alias) if isinstance(alias, str) else None
        if model is None:
            raise AskRefusedError(
                FaultKind.NOT_FOUND, "a model that this call was not granted", "$.request.model"
            )
        if (problem := check_lm_request(request)) is not None:
            raise AskRefusedError(FaultKind.INVALID_INPUT, problem.what, problem.path)
        rollout = meta.get("rollout_id")
        if not (rollout is None or (isinstance(rollout, int) and not isinstance(rollout, bool))):
            raise AskRefusedError(
                FaultKind.INVALID_INPUT, "a rollout_id that is no integer", "$.meta.rollout_id"
            )
        told = {"model": model} if rollout is None else {"model": model, "rollout_id": rollout}
        return {**args, "request": {**request, "model": model}, "meta": told}


def _require_map(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AskRefusedError(FaultKind.INVALID_INPUT, "something that is no map", path)
    return cast("dict[str, Any]", value)
