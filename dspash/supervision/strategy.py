"""Strategy: which siblings are restarted together with a child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dspash.supervision.child_spec import ChildSpec, Restart

__all__ = ["RestartPlan", "Strategy", "plan_restart", "stop_order"]


class Strategy(StrEnum):
    """What the restart of one child means for its siblings; OTP's words and meaning."""

    ONE_FOR_ONE = "one_for_one"
    """Nothing: only the child itself is started again."""
    REST_FOR_ONE = "rest_for_one"
    """Those started after it depend on it: they are stopped and started again with it."""
    ONE_FOR_ALL = "one_for_all"
    """All depend on each other: all are stopped and started again with it."""


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """Child ids to `stop`, in that order, and then to `start`, in that order.

    A child in `stop` and not in `start` is temporary: it goes with the others and does not come back.
    """

    stop: tuple[str, ...]
    start: tuple[str, ...]


def plan_restart(strategy: Strategy, children: Sequence[ChildSpec[object]], dead_id: str) -> RestartPlan:
    """Plan the restart of the child `dead_id`, which has ended already, among `children` in the order of
    their start.

    Only for a child that is to be started again: one that is forgotten leaves its siblings as they are. Stops
    run in reverse order of start. Raises ValueError if `dead_id` is none of the children.
    """
    position = [child.id for child in children].index(dead_id)
    affected = children[
        {
            Strategy.ONE_FOR_ONE: slice(position, position + 1),
            Strategy.REST_FOR_ONE: slice(position, None),
            Strategy.ONE_FOR_ALL: slice(None),
        }[strategy]
    ]
    return RestartPlan(
        stop=tuple(child_id for child_id in stop_order(affected) if child_id != dead_id),
        start=tuple(child.id for child in affected if child.restart is not Restart.TEMPORARY),
    )


def stop_order(children: Sequence[ChildSpec[object]]) -> tuple[str, ...]:
    """The ids of `children`, given in the order of their start, in the order to stop them: last one first."""
    return tuple(child.id for child in reversed(children))
