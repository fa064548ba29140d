"""Owner: the permanent thread that configures DSPy, having imported it where that is still to be done.

DSPy lets only the thread that configured it first do so again. That is this one, so no call can change what all of
them share. While an import runs the reading thread is to stay free to answer, so there the owner is another one.
"""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final, Protocol

from dspash_worker.domain import Domain, Workbench
from dspash_worker.log import say

__all__ = ["Importer", "Owner", "Present"]

FIRST_WORD_S: Final = 0.05
"""How long the import waits for the host's first frame, which is mostly in the pipe already: `hello` is then answered
before the import takes the interpreter's lock.
"""


class Owner(Protocol):
    """Opens the workbench once it is known what kind of session this is, and tells what came of it."""

    def start(self) -> None:
        """Begin."""
        ...

    def choose_mode(self, *, full: bool) -> None:
        """Say what kind of session this is. The first word counts, later ones change nothing."""
        ...


class Present:
    """The owner of a domain that was there before the process: the thread that reads, which calls it."""

    def __init__(
        self,
        domain: Domain,
        *,
        on_loaded: Callable[[Domain, Workbench, float], None],
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self._domain = domain
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self._mode_known = False

    def start(self) -> None:
        """Nothing is to be done."""

    def choose_mode(self, *, full: bool) -> None:
        """Open the workbench, in this thread and at once."""
        if self._mode_known:
            return
        self._mode_known = True
        try:
            workbench = self._domain.open(full)
        except Exception as error:  # noqa: BLE001 - without the workbench all is over, whatever is wrong with it
            _tell(error, self._on_failed)
        else:
            self._on_loaded(self._domain, workbench, 0.0)


class Importer:
    """The owner of a domain that is still to be imported: a thread of its own, for as long as the process lives."""

    def __init__(
        self,
        load: Callable[[], Domain],
        *,
        on_loaded: Callable[[Domain, Workbench, float], None],
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self._load = load
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self._mode_known = threading.Event()
        self._full = False

    def start(self) -> None:
        """Begin to load; to open the workbench, `choose_mode` is waited for."""
        threading.Thread(target=self._own, name="dspash-owner", daemon=True).start()

    def choose_mode(self, *, full: bool) -> None:
        """Say what kind of session this is. The first word counts, later ones change nothing."""
        if not self._mode_known.is_set():
            self._full = full
            self._mode_known.set()

    def _own(self) -> None:
        self._mode_known.wait(FIRST_WORD_S)
        try:
            began = time.monotonic()
            domain = self._load()
            import_s = time.monotonic() - began
            # What was imported lives as long as the process: the collector need not look at it again and again.
            gc.freeze()
            self._mode_known.wait()
            workbench = domain.open(self._full)
        except BaseException as error:  # noqa: BLE001 - an import runs anybody's code; without the domain all is over
            _tell(error, self._on_failed)
            return
        self._on_loaded(domain, workbench, import_s)
        threading.Event().wait()


def _tell(error: BaseException, on_failed: Callable[[BaseException], None]) -> None:
    say(f"the domain cannot be loaded\n{''.join(traceback.format_exception(error))}")
    on_failed(error)
