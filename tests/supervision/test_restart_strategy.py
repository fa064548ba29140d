"""Strategies: who is stopped and started together with a child, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import ChildSpec, Restart, RestartPlan, Strategy, plan_restart, stop_order

RESTARTS = st.lists(st.sampled_from(Restart), min_size=1, max_size=8)


def children(*restarts: Restart) -> list[ChildSpec[None]]:
    return [
        ChildSpec(f"child.{position}", None, restart=restart) for position, restart in enumerate(restarts)
    ]


THREE = [ChildSpec("zygote", None), ChildSpec("pool", None), ChildSpec("reaper", None)]


@pytest.mark.parametrize(
    ("strategy", "dead_id", "stop", "start"),
    [
        (Strategy.ONE_FOR_ONE, "zygote", (), ("zygote",)),
        (Strategy.ONE_FOR_ONE, "reaper", (), ("reaper",)),
        (Strategy.REST_FOR_ONE, "zygote", ("reaper", "pool"), ("zygote", "pool", "reaper")),
        (Strategy.REST_FOR_ONE, "pool", ("reaper",), ("pool", "reaper")),
        (Strategy.REST_FOR_ONE, "reaper", (), ("reaper",)),
        (Strategy.ONE_FOR_ALL, "zygote", ("reaper", "pool"), ("zygote", "pool", "reaper")),
        (Strategy.ONE_FOR_ALL, "pool", ("reaper", "zygote"), ("zygote", "pool", "reaper")),
    ],
)
def test_each_strategy_takes_its_siblings_along(
    strategy: Strategy, dead_id: str, stop: tuple[str, ...], start: tuple[str, ...]
) -> None:
    assert plan_restart(strategy, THREE, dead_id) == RestartPlan(stop, start)


def test_a_temporary_sibling_is_stopped_with_the_others_and_stays_away() -> None:
    siblings = children(Restart.PERMANENT, Restart.TEMPORARY, Restart.TRANSIENT)
    plan = plan_restart(Strategy.ONE_FOR_ALL, siblings, "child.0")
    assert plan == RestartPlan(stop=("child.2", "child.1"), start=("child.0", "child.2"))


@pytest.mark.parametrize("strategy", Strategy)
def test_an_unknown_child_is_refused(strategy: Strategy) -> None:
    with pytest.raises(ValueError, match="stranger"):
        plan_restart(strategy, THREE, "stranger")


@given(strategy=st.sampled_from(Strategy), restarts=RESTARTS, choice=st.integers(0, 7))
def test_plans_start_in_order_stop_in_reverse_and_leave_nobody_down(
    strategy: Strategy, restarts: list[Restart], choice: int
) -> None:
    siblings = children(*restarts)
    order = [child.id for child in siblings]
    dead = siblings[choice % len(siblings)]
    plan = plan_restart(strategy, siblings, dead.id)
    assert list(plan.start) == sorted(plan.start, key=order.index)
    assert list(plan.stop) == sorted(plan.stop, key=order.index, reverse=True)
    assert dead.id not in plan.stop
    temporary = {child.id for child in siblings if child.restart is Restart.TEMPORARY}
    assert {*plan.stop, dead.id} - {*plan.start} <= temporary
    assert {*plan.start} - {*plan.stop} == {dead.id} - temporary
    assert not temporary & {*plan.start}


@given(restarts=RESTARTS)
def test_shutdown_stops_the_last_started_first(restarts: list[Restart]) -> None:
    siblings = children(*restarts)
    assert list(stop_order(siblings)) == [child.id for child in siblings][::-1]
