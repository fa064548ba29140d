"""Usage: what the calls of language models come to, by provider, model, program, run or day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Executable, Table

    from dspash.resources.kernel import Scene
    from dspash.resources.kernel.scene import StoredScene

__all__ = ["GROUPINGS", "Grouping", "LMUsage", "usage_of"]

Grouping: TypeAlias = Literal["provider", "model", "program", "run", "day"]
GROUPINGS: Final[tuple[Grouping, ...]] = ("provider", "model", "program", "run", "day")

MOST_GROUPS: Final = 10_000
_SECOND_US: Final = 1_000_000
_TOKENS: Final = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "tokens_used")
_PERCENTS: Final = (50, 95, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class LMUsage:
    """What the calls of one group come to; `of` says which, by grouping.

    `sent` are the calls for which a model was asked, `tries` how often, retries included; `cached`, `replayed` and `shared` those that had their answer from
    the cache, from a run's journal, from an equal call under way. `cost` is in US dollars and leaves out `unpriced`
    calls, whose price is not known. Latencies are of the calls that a model answered, and None without any.
    """

    of: Mapping[str, str | None]
    calls: int
    sent: int
    tries: int
    failed: int
    cancelled: int
    cached: int
    replayed: int
    shared: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    tokens_used: int
    cost: float
    unpriced: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    first_token_mean_ms: float | None

    def to_map(self) -> dict[str, Any]:
        """As plain data, each grouping an entry of its own."""
        told = asdict(self)
        return {**told.pop("of"), **told}


def usage_of(
    scene: Scene,
    by: Sequence[Grouping] = (),
    chosen: Mapping[str, str | None] | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[LMUsage]:
    """The usage of the scene's tenant, one entry a group, the dearest first; all in one where `by` names no grouping.

    `chosen` are values of attributes that the calls have, None: any. The database computes it in one statement. Raises
    ConfigurationError.
    """
    for name in by:
        if name not in GROUPINGS:
            way_out = f"give some of {', '.join(GROUPINGS)}"
            raise ConfigurationError("by", f"calls are not grouped by {name!r:.60}", way_out)
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and moment.tzinfo is None:
            raise ConfigurationError(
                name, "it has no time zone", "give an aware datetime, in UTC if in doubt"
            )
    # Every scene that reaches an action is one of these; the port of actions has no tables.
    stored = cast("StoredScene", scene)
    groups = list(dict.fromkeys(by))
    calls = _calls(stored, groups, chosen or {}, since, until)
    with stored.reading() as connection:
        rows = connection.execute(_summary(calls, groups)).mappings()
        return [_usage(groups, {str(name): row[name] for name in row}) for row in rows]


def _calls(
    scene: StoredScene,
    by: Sequence[Grouping],
    chosen: Mapping[str, str | None],
    since: datetime | None,
    until: datetime | None,
) -> CTE:
    """The calls, each with its groups, and with its place by latency among those that a model answered."""
    from sqlalchemy import and_, case, func, select

    table = scene.domain.table(scene.domain.declaration("LMRequest"))
    columns = table.c
    conditions = [columns.tenant_id == scene.context.tenant]
    conditions += [columns[name] == value for name, value in chosen.items() if value is not None]
    if since is not None:
        conditions.append(columns.created_at >= since)
    if until is not None:
        conditions.append(columns.created_at < until)
    groups = {name: _group(table, name, is_sqlite=scene.store.is_sqlite) for name in by}
    is_measured = case((and_(columns.tries > 0, columns.status == "answered"), 1), else_=0)
    among = [*groups.values(), is_measured]
    kept = ("status", "source", "tries", "cost", "latency_ms", "first_token_ms", *_TOKENS)
    return (
        select(
            *(columns[name] for name in kept),
            *(found.label(f"group_{name}") for name, found in groups.items()),
            is_measured.label("is_measured"),
            func.row_number().over(partition_by=among, order_by=columns.latency_ms).label("place"),
            func.count().over(partition_by=among).label("among"),
        )
        .where(*conditions)
        .cte("calls")
    )


def _summary(calls: CTE, by: Sequence[Grouping]) -> Executable:
    from sqlalchemy import and_, case, func, select

    each = calls.c
    is_measured = each.is_measured == 1

    def count(condition: ColumnElement[bool]) -> Any:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    def percentile(percent: int) -> Any:
        # The nearest rank: the least latency that so many per cent do not exceed.
        rank = (each.among * percent + 99) // 100
        return func.max(case((and_(is_measured, each.place == rank), each.latency_ms)))

    # Tokens and cost of an answer that was had before are not had again.
    was_sent = each.tries > 0
    cost = func.coalesce(func.sum(case((was_sent, each.cost))), 0.0)
    groups = [each[f"group_{name}"] for name in by]
    return (
        select(
            *groups,
            func.count().label("calls"),
            count(was_sent).label("sent"),
            func.coalesce(func.sum(each.tries), 0).label("tries"),
            count(each.status == "failed").label("failed"),
            count(each.status == "cancelled").label("cancelled"),
            count(each.source == "cache").label("cached"),
            count(each.source == "journal").label("replayed"),
            count(each.source == "flight").label("shared"),
            *(func.coalesce(func.sum(case((was_sent, each[name]))), 0).label(name) for name in _TOKENS),
            cost.label("cost"),
            count(and_(each.source == "provider", each.cost.is_(None))).label("unpriced"),
            *(percentile(percent).label(f"latency_p{percent}_ms") for percent in _PERCENTS),
            func.avg(case((is_measured, each.first_token_ms))).label("first_token_mean_ms"),
        )
        .group_by(*groups)
        .order_by(cost.desc(), func.count().desc(), *groups)
        .limit(MOST_GROUPS)
    )


def _group(table: Table, name: Grouping, *, is_sqlite: bool) -> ColumnElement[Any]:
    from sqlalchemy import BigInteger, func, type_coerce

    if name != "day":
        return table.c[name]
    if is_sqlite:
        seconds = type_coerce(table.c.created_at, BigInteger) // _SECOND_US
        return func.strftime("%Y-%m-%d", seconds, "unixepoch")
    return func.to_char(table.c.created_at, "YYYY-MM-DD")  # connections are set to UTC


def _usage(by: Sequence[Grouping], row: Mapping[str, Any]) -> LMUsage:
    """The figures as their types have them: a database may count in types of its own."""
    of = {name: None if row[f"group_{name}"] is None else str(row[f"group_{name}"]) for name in by}
    figures: dict[str, Any] = {}
    for name, value in row.items():
        if not name.startswith("group_"):
            is_number = name.endswith("_ms") or name == "cost"
            figures[name] = value if value is None else float(value) if is_number else int(value)
    return LMUsage(of=of, **figures)
