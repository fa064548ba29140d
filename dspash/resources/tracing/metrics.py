"""Metrics: how often something was executed, how often it succeeded, and how long that took."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from dspash.errors import ConfigurationError
from dspash.resources.tracing.table import traces_of

if TYPE_CHECKING:
    from dspash.resources.kernel import Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["Metrics", "Window", "metrics_of"]

MOST_WINDOWS: Final = 1_000
DAY: Final = timedelta(days=1)
_ROWS_AT_A_TIME: Final = 5_000
_SHARES: Final = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Window:
    """The executions that ended from `since` until just before `until`. Times are in seconds, and None without any.

    `p50_s` and its like are of all executions, those that failed included: so many per cent took no longer.
    """

    since: datetime
    until: datetime
    total_executions: int
    failed: int
    success_rate: float | None
    average_execution_time: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Metrics(Window):
    """The same of a whole time, and of each of the `windows` that it is divided into."""

    windows: tuple[Window, ...] = ()

    def to_map(self) -> dict[str, Any]:
        """As plain data, with instants in ISO 8601."""
        plain = asdict(self)
        for window in (plain, *plain["windows"]):
            window["since"], window["until"] = window["since"].isoformat(), window["until"].isoformat()
        return plain


@dataclass(slots=True)
class _Tally:
    durations: array[float] = field(default_factory=lambda: array("d"))
    failed: int = 0

    def window(self, since: datetime, until: datetime) -> Window:
        """Its figures, as those of this time."""
        count, ordered = len(self.durations), sorted(self.durations)
        return Window(
            since,
            until,
            count,
            self.failed,
            (count - self.failed) / count if count else None,
            math.fsum(ordered) / count if count else None,
            *(_rank(ordered, share) for share in _SHARES),
        )


def metrics_of(
    scene: Scene,
    subject: Mapping[str, UUID | str | None],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    every: timedelta | None = None,
) -> Metrics:
    """The metrics of the executions that `subject` fits: values of `name`, `program_id` and `module_id`, None: any.

    They are of the last day unless `since` and `until` say otherwise; `every` divides that time into windows. Raises
    ConfigurationError.
    """
    until = scene.now() if until is None else until
    since = until - DAY if since is None else since
    count = _number_of_windows(since, until, every)
    whole = _Tally()
    tallies = [_Tally() for _ in range(count)]
    for ended_at, duration_s, failed in _executions(cast("StoredScene", scene), subject, since, until):
        of_its_time = [whole]
        if every is not None:
            of_its_time.append(tallies[min(count - 1, (ended_at - since) // every)])
        for tally in of_its_time:
            tally.durations.append(duration_s)
            tally.failed += failed
    windows: list[Window] = []
    if every is not None:
        for index, tally in enumerate(tallies):
            begins = since + index * every
            windows.append(tally.window(begins, min(until, begins + every)))
    return Metrics(**asdict(whole.window(since, until)), windows=tuple(windows))


def _number_of_windows(since: datetime, until: datetime, every: timedelta | None) -> int:
    for name, moment in (("since", since), ("until", until)):
        if moment.tzinfo is None:
            raise ConfigurationError(
                name, "it has no time zone", "give an aware datetime, in UTC if in doubt"
            )
    if since >= until:
        raise ConfigurationError(
            "since", f"{since.isoformat()} is not before {until.isoformat()}", "give an earlier one"
        )
    if every is None:
        return 0
    if every <= timedelta(0):
        raise ConfigurationError("every", f"{every} divides nothing", "give a time above 0")
    count = -((since - until) // every)
    if count > MOST_WINDOWS:
        raise ConfigurationError(
            "every", f"that makes {count} windows", f"give a time that makes {MOST_WINDOWS} or fewer"
        )
    return count


def _executions(
    scene: StoredScene, subject: Mapping[str, UUID | str | None], since: datetime, until: datetime
) -> Iterator[tuple[datetime, float, bool]]:
    """When each ended, how long it took, and whether it failed: one statement, which an index answers."""
    from sqlalchemy import select

    columns = traces_of(scene).c
    statement = select(columns.created_at, columns.duration_s, columns.status).where(
        columns.tenant_id == scene.context.tenant,
        columns.created_at >= since,
        columns.created_at < until,
        *(columns[name] == value for name, value in subject.items() if value is not None),
    )
    with scene.reading() as connection:
        for ended_at, duration_s, status in connection.execute(
            statement.execution_options(yield_per=_ROWS_AT_A_TIME)
        ):
            yield ended_at, duration_s, status == "failed"


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile: the least value that so large a share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
