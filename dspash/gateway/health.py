"""Health: the condition of every key, and a place to wait until one may be used again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dspash.gateway.cooldown import WELL, Condition, Resting, Well, abandoned, allows, failed, worked

__all__ = ["Health"]


class Health:
    """What the keys' last calls have told. Lives on one event loop, in which it is only waited for."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._conditions: dict[str, Condition] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        unwell = {key: condition for key, condition in self._conditions.items() if condition is not WELL}
        return f"<Health {unwell or 'of all keys well'}>"

    def condition(self, key_id: str) -> Condition:
        """How the key is."""
        return self._conditions.get(key_id, WELL)

    def admits(self, key_id: str) -> bool:
        """Whether a call may go out with the key now. It then does: the caller reports what comes of it."""
        after = allows(self.condition(key_id), self._clock())
        if after is None:
            return False
        self._conditions[key_id] = after
        return True

    def note_worked(self, key_id: str) -> None:
        """The provider has answered."""
        self._become(key_id, worked(self.condition(key_id)))

    def note_failed(self, key_id: str) -> None:
        """The provider has failed."""
        self._become(key_id, failed(self.condition(key_id), self._clock()))

    def note_abandoned(self, key_id: str) -> None:
        """The call ended before it told anything."""
        self._become(key_id, abandoned(self.condition(key_id), self._clock()))

    def rest_s(self, key_ids: Sequence[str]) -> float | None:
        """Seconds until the first of the keys may be tried; None when that depends on a call that is out."""
        rests = [
            condition.until for key_id in key_ids if isinstance(condition := self.condition(key_id), Resting)
        ]
        return max(min(rests) - self._clock(), 0.0) if rests else None

    async def change(self, timeout_s: float) -> None:
        """Return when a key that was left alone is better or worse, or after `timeout_s`."""
        changed = asyncio.get_running_loop().create_future()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                await changed
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(changed)

    def _become(self, key_id: str, condition: Condition) -> None:
        before = self.condition(key_id)
        if condition == before:
            return
        self._conditions[key_id] = condition
        if not isinstance(before, Well):
            for changed in self._waiting:
                if not changed.done():
                    changed.set_result(None)
