"""Authorise: who may use which model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dspash.gateway.answer import Answer
from dspash.gateway.lm_call import LMCall, Payer
from dspash.gateway.model import AsyncModel, RoutedCall
from dspash.gateway.port import JsonMap
from dspash.gateway.refusals import ModelNotAllowedError
from dspash.gateway.target import Target

__all__ = ["Authorise", "Permission", "check_permission"]


@dataclass(frozen=True, slots=True)
class Permission:
    """Models that some may use: every field is a pattern, in which `*` stands for anything.

    A model's pattern is held against the name that the program said, and against `provider/model` of the first target.
    What a permitted alias names, fallbacks included, is permitted with it: the host has configured it.
    """

    models: tuple[str, ...]
    tenant: str = "*"
    program: str = "*"

    def is_for(self, payer: Payer) -> bool:
        """Whether it is this payer's."""
        return fnmatchcase(payer.tenant, self.tenant) and fnmatchcase(payer.program, self.program)

    def covers(self, name: str) -> bool:
        """Whether it has a model of this name."""
        return any(fnmatchcase(name, pattern) for pattern in self.models)


def check_permission(permissions: Sequence[Permission], call: LMCall, target: Target) -> None:
    """Raise ModelNotAllowedError when no permission of the payer covers the model. Without any, all may use all."""
    if not permissions:
        return
    said = call.request.get("model")
    names = [target.name, *([said] if isinstance(said, str) else [])]
    own = [permission for permission in permissions if permission.is_for(call.payer)]
    if any(permission.covers(name) for permission in own for name in names):
        return
    who = f"program {call.payer.program!r}" if call.payer.program else f"tenant {call.payer.tenant!r}"
    allowed = tuple(sorted({model for permission in own for model in permission.models}))
    raise ModelNotAllowedError(names[-1], by=who, allowed=allowed)


class Authorise:
    """Lets a call on only when a permission covers it."""

    def __init__(self, following: AsyncModel, permissions: Sequence[Permission] = ()) -> None:
        self._following = following
        self._permissions = tuple(permissions)

    def __repr__(self) -> str:
        return f"Authorise({len(self._permissions)} permissions)"

    async def complete(self, call: RoutedCall) -> Answer:
        """See AsyncModel. Raises ModelNotAllowedError."""
        check_permission(self._permissions, call.call, call.target)
        return await self._following.complete(call)

    async def stream(self, call: RoutedCall) -> AsyncGenerator[JsonMap | Answer]:
        """See AsyncModel. Raises ModelNotAllowedError."""
        check_permission(self._permissions, call.call, call.target)
        async with aclosing(self._following.stream(call)) as items:
            async for item in items:
                yield item
