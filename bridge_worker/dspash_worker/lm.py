"""LM: language models for DSPy, from what the host configures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import dspy

from dspash_worker.engine import AsyncGatewayEngine, AsyncNoEngine, GatewayEngine, NoEngine
from dspash_worker.history import History
from dspash_worker.lm_calls import NotedLM
from dspash_worker.lm_capabilities import Capabilities, read_capabilities
from dspash_worker.providers import check_provider
from dspash_worker.refusal import invalid, invalid_value, unknown_key
from dspash_worker.secret_texts import keep_secret

__all__ = ["LM_OPTIONS", "LanguageModels", "check_lm_options"]

_NUMBER: Final = (int, float)
LM_OPTIONS: Final[dict[str, tuple[type, ...]]] = {
    "temperature": _NUMBER,
    "max_tokens": (int,),
    "max_completion_tokens": (int,),
    "top_p": _NUMBER,
    "top_k": (int,),
    "n": (int,),
    "stop": (str, list),
    "seed": (int,),
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "logprobs": (bool,),
    "top_logprobs": (int,),
    "reasoning_effort": (str,),
    "rollout_id": (int,),
}
"""What may be said about any call of a model, with the kinds of value each takes; None takes it back."""

_CLIENT_OPTIONS: Final = ("api_key", "api_base", "base_url")
_MODELS_OF_THE_ORIGIN: Final = {"openai": "gpt-4", "anthropic": "claude-3-opus-20240229"}
"""What plain `configure` means by a provider alone: the defaults of the plain protocol's origin."""


def check_lm_options(options: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return `options`. Raises FaultError for a name that no model is told, or a value of the wrong kind."""
    for name, value in options.items():
        kinds = LM_OPTIONS.get(name)
        if kinds is None:
            raise unknown_key(path, name, LM_OPTIONS)
        if value is not None and (
            not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
        ):
            raise invalid_value(f"{path}.{name}", " or ".join(kind.__name__ for kind in kinds), value)
    return dict(options)


@dataclass(frozen=True, slots=True)
class LanguageModels:
    """Builds the models of one worker: those of a full session lead to the host, those of a plain one to a provider."""

    full: bool
    history: History

    def default(self) -> dspy.LM:
        """Return the model used until one is configured: in a full session the host decides which that is, in a plain
        one it refuses every call.
        """
        if self.full:
            return self._through_host("default", None, {})
        nothing = Capabilities()
        return self._of_engines(NoEngine("none", nothing), AsyncNoEngine("none", nothing), {})

    def build(self, raw: object, *, path: str) -> dspy.LM:
        """Return the model that `raw` describes: a name, or a map. Raises FaultError naming the key that does not fit."""
        given = {"model": raw} if isinstance(raw, str) else raw
        if not isinstance(given, Mapping):
            raise invalid_value(path, "a model's name or a map", raw)
        try:
            return self._from_host_map(given, path) if self.full else self._from_plain_map(given, path)
        except (dspy.LMError, ValueError, TypeError) as error:
            raise invalid(path, str(error)) from None

    def _from_host_map(self, given: Mapping[str, Any], path: str) -> dspy.LM:
        for name in _CLIENT_OPTIONS:
            if name in given:
                raise invalid(f"{path}.{name}", "keys and addresses stay at the host; configure them there")
        options = {name: value for name, value in given.items() if name not in ("model", "capabilities")}
        _check_keys(options, ("model", "capabilities"), path)
        raw = given.get("capabilities")
        stated = None if raw is None else read_capabilities(raw, f"{path}.capabilities")
        return self._through_host(_text(given, "model", path), stated, check_lm_options(options, path))

    def _from_plain_map(self, given: Mapping[str, Any], path: str) -> dspy.LM:
        known = ("provider", "model", "model_type", *_CLIENT_OPTIONS)
        provider = _text(given, "provider", path, "")
        model = _text(given, "model", path, _MODELS_OF_THE_ORIGIN.get(provider))
        options = {name: value for name, value in given.items() if name not in known}
        _check_keys(options, known, path)
        client = {name: _text(given, name, path) for name in _CLIENT_OPTIONS if given.get(name) is not None}
        keep_secret(text for name, text in client.items() if name == "api_key")
        name = model if not provider or model.startswith(f"{provider}/") else f"{provider}/{model}"
        lm = NotedLM(
            name,
            notes=self.history,
            model_type=_text(given, "model_type", path, "chat"),  # DSPy refuses what it does not know
            cache=False,
            **client,
            **check_lm_options(options, path),
        )
        check_provider(lm, f"{path}.provider" if provider else f"{path}.model")
        return lm

    def _through_host(self, model: str, stated: Capabilities | None, options: dict[str, Any]) -> dspy.LM:
        return self._of_engines(GatewayEngine(model, stated), AsyncGatewayEngine(model, stated), options)

    def _of_engines(
        self,
        engine: GatewayEngine | NoEngine,
        async_engine: AsyncGatewayEngine | AsyncNoEngine,
        options: dict[str, Any],
    ) -> dspy.LM:
        return NotedLM(
            engine.model,
            notes=self.history,
            engine=engine,
            async_engine=async_engine,
            num_retries=0,  # retries are the gateway's: it knows the budget and the deadline
            cache=False,
            **options,
        )


def _check_keys(options: Mapping[str, Any], known: tuple[str, ...], path: str) -> None:
    for name in options:
        if name not in LM_OPTIONS:
            raise unknown_key(path, name, (*LM_OPTIONS, *known))


def _text(given: Mapping[str, Any], name: str, path: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if value is None and default is not None:
        value = default
    if not isinstance(value, str) or (not value and default is None):
        raise invalid_value(f"{path}.{name}", "text", value)
    return value
