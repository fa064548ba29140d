"""Briefing: which definitions one worker is to know, and how many of them it has been told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dspash.bridge.definitions import Definitions

__all__ = ["Briefing"]


class Briefing:
    """Follows one log of definitions at a time, from its beginning."""

    def __init__(self, definitions: Definitions) -> None:
        self.follower = definitions.follow()
        self.configuration: Mapping[str, Any] | None = None
        """What the worker was configured with before it followed any; it need not be told that again."""
        self._definitions = definitions

    def __repr__(self) -> str:
        return f"<Briefing {self.follower!r}>"

    def is_of(self, definitions: Definitions) -> bool:
        """Whether these are the definitions that it follows."""
        return self._definitions is definitions

    def follow(self, definitions: Definitions) -> None:
        """From now on the worker is to know these; it has been told none of them."""
        self.end()
        self._definitions = definitions
        self.follower = definitions.follow()
        if self.configuration is not None:
            self.follower.note_configured(self.configuration)

    def end(self) -> None:
        """It will be told nothing any more."""
        self._definitions.forget(self.follower)
