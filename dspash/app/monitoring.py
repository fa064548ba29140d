"""Monitoring: what the traces of an app tell of its programs and modules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dspash.app.records import Records
from dspash.app.runnable import Runnable
from dspash.app.subjects import Subjects
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from dspash.resources.module import Module
    from dspash.resources.program import Program
    from dspash.resources.recording import Recorder
    from dspash.resources.tracing import Metrics

__all__ = ["Monitoring"]


class Monitoring:
    """Reads the metrics of what was executed. Thread-safe."""

    def __init__(self, records: Records, recorder: Recorder | None, subjects: Subjects) -> None:
        self._records = records
        self._recorder = recorder
        self._subjects = subjects

    def __repr__(self) -> str:
        return f"<Monitoring of {self._records!r}>"

    def metrics(
        self,
        of: Runnable | Program | Module | UUID | str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        every: timedelta | None = None,
    ) -> Metrics:
        """How often something was executed, how often it succeeded, and how long that took: see Metrics.

        `of` is a program or module, its record, the id of that, or a name; without it, they are of everything. They are of
        the last day unless `since` and `until` say otherwise; `every` divides that time into windows. Raises
        ConfigurationError, also where nothing is kept, and StoreError.
        """
        from dspash.resources.tracing import metrics_of

        if self._recorder is not None:
            self._recorder.flush()
        return metrics_of(self._records.scene(), self._chosen(of), since=since, until=until, every=every)

    def _chosen(self, of: object) -> Mapping[str, Any]:
        """The attributes of traces that `of` means."""
        from dspash.resources.module import Module
        from dspash.resources.program import Program

        match of:
            case None:
                return {}
            case str():
                return {"name": of}
            case Program():
                return {"program_id": of.id}
            case Module():
                return {"module_id": of.id}
            case UUID():
                programs = self._records.of(Program).count(filter={"id": str(of)})
                return {"program_id" if programs else "module_id": of}
            case Runnable():
                return {"name": self._subjects.of(of).name}
            case _:
                problem = f"{type(of).__name__} is no program or module"
                raise ConfigurationError("of", problem, "give a handle, a record, its id or a name")
