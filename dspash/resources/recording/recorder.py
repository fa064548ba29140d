"""Recorder: takes what has happened, and has it written off the path of those it happened to."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from loguru import logger

from dspash.errors import ClosedError, DspashError, StoreError
from dspash.resources.recording.redaction import Redaction, secrets_in

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene
    from dspash.store import GroupWriter

__all__ = ["Recordable", "Recorder"]

GATHER_S: Final = 0.05
"""How long one may wait for others: to wake a thread for each would cost every caller."""

MOST_WAITING: Final = 20_000
MOST_WAITING_CHARACTERS: Final = 64 << 20
"""What comes while so much waits is kept without what is long about it."""

PRUNE_S: Final = 60.0
REOPEN_S: Final = 10.0  # between tries to open a database that cannot be had
CLOSE_S: Final = 10.0


class Recordable(Protocol):
    """Something that has just ended: it costs its caller nothing to hand over, and is looked at later."""

    @property
    def characters(self) -> int:
        """About how long the texts are that it holds."""
        ...

    def lighten(self) -> None:
        """Drop what is long and can be missed, and have the row say so: there is no room."""
        ...

    def row(self, scene: StoredScene, redaction: Redaction) -> tuple[Table, dict[str, Any]]:
        """The table it is kept in, and its row there, without secrets."""
        ...


class Recorder:
    """Writes executions, LM calls and the like. Any thread may give it some; none ever waits for it.

    Its own thread opens the database, by `open_scene`, when there is something to write, and has `tidy` remove what is
    old, which returns how much that was. What was not flushed is lost with the process. Of too many at once, first the
    long texts are dropped, which a row says, and then records, which `lost` counts.
    """

    def __init__(
        self,
        open_scene: Callable[[], StoredScene],
        *,
        tidy: Callable[[StoredScene], int] | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        self.lost = 0
        self._open_scene = open_scene
        self._tidy = tidy
        self._redaction = redaction or Redaction(secrets_in())
        self._waiting: deque[Recordable] = deque()
        self._waiting_characters = 0
        self._taken = 0
        self._handed = 0  # to the writer, or lost
        self._hurry = False
        self._sleeps = False
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._scene: StoredScene | None = None
        self._writer: GroupWriter | None = None
        self._open_at = 0.0  # not before: monotonic seconds

    def __repr__(self) -> str:
        return f"<Recorder waiting={len(self._waiting)} lost={self.lost}>"

    def take(self, ended: Recordable) -> None:
        """Take what has ended. Never waits and never raises."""
        if self._is_closed or len(self._waiting) >= MOST_WAITING:
            self.lost += 1
            return
        if self._waiting_characters + ended.characters > MOST_WAITING_CHARACTERS:
            ended.lighten()
        with self._changed:
            self._waiting_characters += ended.characters
            self._waiting.append(ended)
            self._taken += 1
            if self._sleeps:
                self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="dspash-recorder", daemon=True)
                self._thread.start()

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until all that was taken before is in the database, or lost. Raises StoreError."""
        end = time.monotonic() + timeout_s
        with self._changed:
            wanted = self._taken
            self._hurry = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._handed >= wanted, timeout_s):
                raise StoreError(
                    "the records", f"{wanted - self._handed} are not written yet", "wait, or look at the log"
                )
            writer = self._writer
        if writer is not None:
            writer.flush(max(0.0, end - time.monotonic()))

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what is left, within a bound, and end the thread. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                logger.error("{} records could not be written within {:g} s", len(self._waiting), timeout_s)

    # --- its own thread ---

    def _run(self) -> None:
        prune_at = 0.0
        while self._await(prune_at):
            while self._waiting:
                self._write(self._waiting[0])
                prune_at = min(prune_at, time.monotonic() + PRUNE_S)
            if self._scene is not None and time.monotonic() >= prune_at and not self._is_closed:
                self._prune(self._scene)
                prune_at = math.inf  # until something comes
        if self._writer is not None:
            try:
                self._writer.close(CLOSE_S)
            except StoreError as error:
                logger.error("records are lost: {}", error)

    def _await(self, until: float) -> bool:
        """Wait for something to write, for `until`, or for the end; False at the end.

        While some come, this thread looks for more every GATHER_S, and nobody needs to wake it.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._hurry or self._is_closed, GATHER_S):
                while not self._hurry and not self._is_closed and not self._waiting:
                    left_s = until - time.monotonic()
                    if left_s <= 0:
                        break
                    self._sleeps = True
                    self._changed.wait(None if left_s == math.inf else left_s)
                self._sleeps = False
            self._hurry = False
            return not self._is_closed or bool(self._waiting)

    def _write(self, ended: Recordable) -> None:
        characters = ended.characters
        try:
            scene, writer = self._opened()
            writer.append(*ended.row(scene, self._redaction))
        except Exception as error:  # noqa: BLE001 - whatever this is, what waits behind it is not to be lost with it
            self.lost += 1
            logger.error("one of {} was not recorded: {!r}", type(ended).__name__, error)
        with self._changed:
            self._waiting.popleft()
            self._waiting_characters -= characters
            self._handed += 1
            self._changed.notify_all()

    def _opened(self) -> tuple[StoredScene, GroupWriter]:
        from dspash.store import GroupWriter

        if self._scene is None or self._writer is None:
            if time.monotonic() < self._open_at:
                raise StoreError("the records", "the database could not be opened", "look at the log")
            try:
                self._scene = self._open_scene()
            except DspashError:
                self._open_at = time.monotonic() + REOPEN_S
                raise
            self._writer = GroupWriter(self._scene.store)
        return self._scene, self._writer

    def _prune(self, scene: StoredScene) -> None:
        if self._tidy is None:
            return
        try:
            removed = self._tidy(scene)
        except (StoreError, ClosedError) as error:
            logger.warning("old records were not removed: {}", error)
        else:
            if removed:
                logger.debug("{} old records were removed", removed)
