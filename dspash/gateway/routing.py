"""Routing: the name that a call says, and the targets that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dspash.gateway.errors import ModelRequestError, UnsupportedModelError
from dspash.gateway.lm_call import DEFAULT_TENANT, LMCall
from dspash.gateway.port import Capabilities, JsonMap, LanguageModel
from dspash.gateway.target import Directory, Route, Target

__all__ = ["Router"]

_VARIANT: Final = "/"
_ANY: Final = "default"
"""What a worker calls the model that the host is to choose."""
_LOCAL: Final = "local"


class Router:
    """Finds the targets of a name: among the models of this process first, then in the directory.

    A model of this process has its full name, or the part of one before the first `/`: with a model named `offline`,
    `offline/small` reaches it too. A call without a model, or for the model `default`, goes to the default one: a
    worker asks so wherever nobody told it which, as on a thread that a program started itself. Thread-safe.
    """

    def __init__(
        self, local: Mapping[str, LanguageModel], default: str, directory: Directory | None = None
    ) -> None:
        self._local = dict(local)
        self._directory = directory
        self._routes: dict[str, Route] = {name: _local_route(name, name) for name in self._local}
        self.default = default
        self.resolve(default, DEFAULT_TENANT)

    @property
    def local(self) -> Mapping[str, LanguageModel]:
        """The models of this process, by name."""
        return self._local

    def name_of(self, request: JsonMap) -> str:
        """The model that the request is for. Raises ModelRequestError for what is no name."""
        said = request.get("model", self.default)
        if not isinstance(said, str):
            raise ModelRequestError("$.model", f"{type(said).__name__} is not the name of a model")
        return self.default if said == _ANY and _ANY not in self._local else said

    def route(self, call: LMCall) -> Route:
        """Where the call leads. Raises UnsupportedModelError, ModelRequestError."""
        return self.resolve(self.name_of(call.request), call.payer.tenant)

    def resolve(self, name: str, tenant: str) -> Route:
        """Where `name` leads. Raises UnsupportedModelError."""
        route = self._routes.get(name)
        if route is not None:
            return route
        family, _, variant = name.partition(_VARIANT)
        if family in self._local:
            return _local_route(family, variant)
        if self._directory is None:
            raise UnsupportedModelError(name, self._local)
        return self._directory.resolve(name, tenant)

    def capabilities(self, name: str, tenant: str) -> Capabilities:
        """What the model understands. Raises UnsupportedModelError."""
        model = self._local.get(name) or self._local.get(name.partition(_VARIANT)[0])
        if model is not None:
            return model.capabilities()
        if self._directory is None:
            raise UnsupportedModelError(name, self._local)
        return self._directory.capabilities(name, tenant)


def _local_route(name: str, variant: str) -> Route:
    return Route((Target(name, _LOCAL, variant or name, key_id=f"{_LOCAL}:{name}", is_local=True),))
