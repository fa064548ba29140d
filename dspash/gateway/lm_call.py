"""LMCall: one request as it arrives at the gateway, with who pays for it and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["DEFAULT_TENANT", "NO_CACHE", "CachePolicy", "CallKind", "LMCall", "Payer"]

DEFAULT_TENANT: Final = "default"


class CallKind(StrEnum):
    """What is asked for, and so what the response looks like."""

    COMPLETION = "completion"
    """`request` is an lm15 Request, the response an lm15 Response."""
    EMBEDDING = "embedding"
    """`request` is `{model, inputs: [text, …], options: {…}}`, the response `{model, vectors, usage}`: one vector an input."""


@dataclass(frozen=True, slots=True)
class Payer:
    """On whose account a call is made: what budgets, usage and the journal go by."""

    tenant: str = DEFAULT_TENANT
    program: str = ""
    """The runnable's name; empty for a call that the host makes itself."""
    program_id: UUID | None = None
    run: str | None = None
    """The id of the optimisation or evaluation run that the call belongs to; None outside of runs."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What a call wants of the cache. With neither reading nor writing it is a sample of its own, shared with nobody."""

    read: bool = True
    write: bool = True
    ttl_s: float | None = None
    """No kept answer older than this is given, and one kept now expires after it; None: kept for good."""
    keep_truncated: bool = False
    """Whether an answer that was cut off at its length is kept, too."""

    def __post_init__(self) -> None:
        if self.ttl_s is not None and not self.ttl_s > 0:
            raise ValueError(
                f"ttl_s is {self.ttl_s!r}; it must be positive, or None to keep answers for good"
            )


NO_CACHE: Final = CachePolicy(read=False, write=False)


@dataclass(frozen=True, slots=True)
class LMCall:
    """One request to the gateway. The maps are neither changed nor kept beyond the call."""

    request: JsonMap
    """`request["model"]` is what the program said: an alias, `provider/model`, `provider:model`, or `default`."""
    meta: JsonMap = field(default_factory=dict[str, JsonValue])
    """What tells equal requests apart and no provider is shown: `rollout_id`, and `sample` from 1 on."""
    deadline: float | None = None
    """When the answer is of no use any more: monotonic seconds; None when the caller waits as long as it takes."""
    payer: Payer = Payer()
    cache: CachePolicy = CachePolicy()
    kind: CallKind = CallKind.COMPLETION
