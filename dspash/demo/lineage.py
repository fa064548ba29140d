"""Lineage: the versions of a task's program, from the one that a run begins with to the one that it leaves live."""

from __future__ import annotations

from dspash.app import App, Program
from dspash.demo.report import Kept
from dspash.demo.task import Task
from dspash.store import Address

__all__ = ["Lineage"]


class Lineage:
    """One run's view of the versions that its app keeps. `began` is the number of the one it began with, if any."""

    def __init__(self, app: App, task: Task, database: str) -> None:
        self._app = app
        self._task = task
        self._database = database
        self._newest = 0
        self.began: int | None = None

    def begin(self, *, anew: bool) -> Program | None:
        """The live version of the program, which has been defined; None where none is live, or to begin `anew`."""
        record = self._app.programs.get(self._task.program)
        self._newest = record.latest_version
        if anew or record.live_version is None or self._task.load is None:
            return None
        self.began = record.live_version
        return self._task.load(self._app)

    def settle(self, *, is_better: bool) -> Kept:
        """Make the version that the run has made live, if it is better; return how things stand."""
        record = self._app.programs.get(self._task.program)
        made = record.latest_version if record.latest_version > self._newest else None
        if made is not None and is_better:
            record = self._app.programs.promote(record, version=made)
        return Kept(
            database=str(Address.read(self._database)),
            program=self._task.program,
            began=self.began,
            made=made,
            live=record.live_version,
        )
