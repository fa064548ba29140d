"""Program models: what `dspy.LM` and `dspy.Embedder` are for the programs of a full session: ways to the host.

Programs name models as they always do (`dspy.LM("openai/gpt-4o-mini")`); the host decides what that name leads to, and has
the keys. So whatever a program makes, no code of DSPy's in a worker opens a connection.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import dspy
from dspy.clients.base_lm import LM_CLASS_STATE_KEY
from dspy.clients.engines.litellm_engine import AsyncLiteLLMEngine, LiteLLMEngine
from dspy.clients.engines.lm15_engine import AsyncLM15Engine, LM15Engine
from dspy.clients.provider import Provider
from dspy.clients.typesafe import TypeSafe

from dspash_worker.client_settings import without_client_settings
from dspash_worker.documents import leave_out_file_names, write_file_names
from dspash_worker.embedding import lead_embeddings_to_host, leave_embeddings_alone
from dspash_worker.engine import AsyncGatewayEngine, GatewayEngine
from dspash_worker.history import History
from dspash_worker.lm_calls import NotedLM

__all__ = ["ProgramLM", "lead_models_to_host", "leave_models_alone"]

_ORIGINAL: Final[type[dspy.LM]] = dspy.LM
_ORIGINAL_PATH: Final = f"{_ORIGINAL.__module__}.{_ORIGINAL.__qualname__}"
_PLACES: Final = (dspy, dspy.clients, importlib.import_module("dspy.clients.lm"))
"""Where programs, and DSPy itself, find the class."""

_BY_POSITION: Final = tuple(inspect.signature(_ORIGINAL.__init__).parameters)[2:]


class ProgramLM(NotedLM):
    """A model that a program makes. It leads to the host by its name, unless the program brings an engine of its own make.

    Keys, addresses and whatever else concerns a connection are dropped, with one warning that names them.
    """

    kept_in: ClassVar[History] = History()
    """The history of this worker's session."""

    def __init__(self, model: str, *args: Any, **options: Any) -> None:
        options.update(zip(_BY_POSITION, args, strict=False))
        if _connects(options.get("engine", "auto")):
            options = _led_to_host(model, options)
        super().__init__(model, notes=self.kept_in, **options)

    def copy(self, **changes: Any) -> Self:
        """As DSPy's. A copy that is to choose its engine by itself leads where this one does."""
        if "engine" in changes and _connects(changes["engine"]):
            changes = {name: value for name, value in changes.items() if name not in _ENGINES}
        if "model" in changes and isinstance(self.engine, GatewayEngine):
            changes = {**changes, **_engines(changes["model"])}
        return super().copy(**changes)

    def dump_state(self) -> dict[str, Any]:
        """As DSPy's own of the same model: nothing of the way to the host is in it, so that it loads anywhere."""
        state: dict[str, Any] = super().dump_state()
        if isinstance(self.engine, GatewayEngine):
            state = {name: value for name, value in state.items() if name not in _ENGINES}
        return {**state, LM_CLASS_STATE_KEY: _ORIGINAL_PATH}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Come back from a pickle, which may have been made where models have connections."""
        super().__setstate__(state)
        self._notes = self.kept_in
        if _connects(self.engine):
            self._engine_spec, self._async_engine_spec = _engines(self.model).values()
            self.kwargs = without_client_settings(f"dspy.LM({self.model!r})", self.kwargs, stacklevel=2)
            self.cache, self.num_retries, self.provider = False, 0, Provider()


_ENGINES: Final = ("engine", "async_engine")
_CONNECTING: Final = (str, LM15Engine, AsyncLM15Engine, LiteLLMEngine, AsyncLiteLLMEngine)


def _connects(engine: Any) -> bool:
    """Whether it is one that DSPy opens connections with, or the name of one."""
    return isinstance(engine, _CONNECTING)


def _engines(model: str) -> dict[str, Any]:
    return {"engine": GatewayEngine(model), "async_engine": AsyncGatewayEngine(model)}


def _led_to_host(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a model of the host's: it retries, it caches, and it has the keys."""
    kept = without_client_settings(f"dspy.LM({model!r})", options, stacklevel=3)
    return {**kept, **_engines(model), "num_retries": 0, "cache": False, "provider": Provider()}


def lead_models_to_host(history: History) -> None:
    """From now on models that are made in this process lead to the host; their calls are kept in `history`."""
    ProgramLM.kept_in = history
    lead_embeddings_to_host()
    leave_out_file_names()
    setattr(TypeSafe, _CONSTRUCTOR, _refuse)
    for place in _PLACES:
        setattr(place, "LM", ProgramLM)  # noqa: B010


def leave_models_alone() -> None:
    """From now on they are DSPy's own, as a plain session has them."""
    leave_embeddings_alone()
    write_file_names()
    setattr(TypeSafe, _CONSTRUCTOR, _construct_typesafe)
    for place in _PLACES:
        setattr(place, "LM", _ORIGINAL)  # noqa: B010


# --- a client beside dspy.LM, for a service that no host leads to ---

_CONSTRUCTOR: Final = "__init__"
_construct_typesafe: Final = getattr(TypeSafe, _CONSTRUCTOR)


def _refuse(_client: Any, model: str | None = None, **_settings: Any) -> None:
    raise dspy.LMConfigurationError(
        "dspy.experimental.TypeSafe opens connections of its own, and a worker has none; name a model of the host's",
        model=model or "typesafe",
    )
