"""Target: where a model's name leads, in the order in which several are tried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from dspash.gateway.port import Capabilities, JsonMap, JsonValue

__all__ = ["Directory", "KeyLimits", "Route", "Target"]


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What one key may do at once and in a minute, as its owner states it; None where only the provider knows."""

    concurrency: int = 512
    requests_per_min: int | None = None
    tokens_per_min: int | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "requests_per_min", "tokens_per_min"):
            figure: int | None = getattr(self, name)
            if figure is not None and figure < 1:
                raise ValueError(f"{name} is {figure}; it must be 1 or more")


@dataclass(frozen=True, slots=True)
class Target:
    """One model of one configured provider. Nothing in it is secret."""

    provider: str
    """The name it is configured under."""
    type: str
    """What kind of provider it is: `openai`, `anthropic`, … `offline`."""
    model: str
    """The model's id, as the provider itself knows it."""
    key_id: str
    """A salted fingerprint of provider and key, never the key: what limits, budgets and cool-downs go by."""
    defaults: JsonMap = field(default_factory=dict[str, JsonValue], hash=False)
    """Merged under `request["config"]`: what the request says itself goes first."""
    is_local: bool = False
    """Whether it is computed in this process, without a wire."""
    connection: str = ""
    """By what the wires find its key; it says nothing to anybody else, and is empty for a local one."""
    endpoint: str = ""
    """Which server it is served from, credentials left out: the same name elsewhere is another model to the cache."""
    limits: KeyLimits = KeyLimits()
    max_output_tokens: int | None = None
    """The most that one answer can have, where that is known: what is set aside of a budget for an answer."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Route:
    """The targets of one name: the first is asked, the others stand in for it in this order."""

    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError("a route needs at least one target")


class Directory(Protocol):
    """What names lead to. Every method may be called from any thread, and answers from memory: it never waits."""

    def resolve(self, name: str, tenant: str) -> Route:
        """Where `name` leads for `tenant`. Raises UnsupportedModelError, with near names and the way out."""
        ...

    def capabilities(self, name: str, tenant: str) -> Capabilities:
        """What the first target of `name` understands. Raises UnsupportedModelError."""
        ...
