"""Policy: who may do what, and what they see."""

from __future__ import annotations

from typing import Any, Protocol

from dspash.resources.kernel.context import Context

__all__ = ["OpenPolicy", "Policy"]


class Policy(Protocol):
    """Decides for one context. Whatever it says, no context ever reaches another tenant's records."""

    def permits(self, context: Context, resource: str, action: str) -> bool:
        """Whether the actor may run the action at all; if not it is refused with ForbiddenError."""
        ...

    def visible(self, context: Context, resource: str) -> dict[str, Any]:
        """A filter, in the language of lists, that every record the actor sees fits; the others do not exist for it."""
        ...


class OpenPolicy:
    """Everybody may do everything within their own tenant."""

    def permits(self, context: Context, resource: str, action: str) -> bool:
        return True

    def visible(self, context: Context, resource: str) -> dict[str, Any]:
        return {}
