"""How many workers are kept ready, who gets one, and how many calls run: decided without a process or a clock."""

from __future__ import annotations

import itertools

import pytest

from dspash.bridge.admission import Admission
from dspash.bridge.call import Call, CallOptions, Standing
from dspash.bridge.definitions import Definitions
from dspash.bridge.demand import IDLE_S, Demand
from dspash.bridge.grants import Grants
from dspash.bridge.sandbox_session import SandboxSession
from dspash.bridge.sandboxed import Sandboxed
from dspash.bridge.spares import BIRTHS_AT_ONCE, Spares
from dspash.bridge.worker_kind import WorkerKind
from dspash.errors import OverloadedError, ReentrancyError
from dspash.sandbox import Limits, Tier, ZygoteSpec
from dspash_protocol.confinement_plan import ConfinementPlan

KIND = WorkerKind(ZygoteSpec(python="python", tier=Tier.PROCESS), ConfinementPlan(tier="process"), 1 << 20)


class Clock:
    """The time as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def call_of(session: SandboxSession | None = None, standing: Standing = Standing.ORDINARY) -> Call:
    order = Sandboxed(KIND, Limits(), Definitions(), Grants(), session)
    return Call("execute", {}, CallOptions(60.0, sandbox=order), standing)


# --- demand ---


def test_what_nobody_wants_is_not_kept() -> None:
    assert Demand().target(1e6, most=8) == 0


def test_one_is_kept_after_the_last_arrival_for_a_while() -> None:
    demand = Demand()
    demand.arrive(0.0)
    assert demand.target(30.0, most=8) == 1
    assert demand.target(IDLE_S + 1, most=8) == 0


def test_more_are_kept_the_more_arrive_and_the_longer_a_birth_takes() -> None:
    demand = Demand()
    targets: list[int] = []
    for birth_s in (0.005, 0.05, 0.5):
        for _ in range(30):
            demand.born(birth_s)
        for number in range(200):
            demand.arrive(number / 100)
        targets.append(demand.target(2.0, most=100))
    assert targets == sorted(set(targets))
    assert demand.target(2.0, most=8) == 8


def test_arrivals_are_forgotten() -> None:
    demand = Demand()
    for number in range(100):
        demand.arrive(number / 100)
    assert demand.rate(1.0) > 30
    assert demand.rate(20.0) < 0.1


# --- spares ---


def test_a_claim_waits_for_the_next_birth_and_is_served_first_come_first_served() -> None:
    spares: Spares[str, str, str] = Spares(most=4, clock=Clock())
    assert spares.claim("kind", "first") is None
    assert spares.claim("kind", "second") is None
    births = spares.restock()
    assert births[:2] == ["kind", "kind"]
    assert spares.arrived("kind", "w1", 0.01) == "first"
    assert spares.arrived("kind", "w2", 0.01) == "second"


def test_a_worker_that_nobody_waits_for_goes_to_the_next_claim_and_to_no_other() -> None:
    spares: Spares[str, str, str] = Spares(most=4, clock=Clock())
    spares.expect("kind")
    assert spares.restock()
    assert spares.arrived("kind", "w1", 0.01) is None
    assert spares.claim("other", "a") is None
    assert spares.claim("kind", "b") == "w1"
    assert spares.claim("kind", "c") is None


def test_births_are_bounded_and_those_that_are_waited_for_come_first() -> None:
    spares: Spares[str, str, str] = Spares(most=100, clock=Clock())
    for _ in range(10):
        spares.expect("idle")
    for number in range(3):
        spares.claim("wanted", str(number))
    births = spares.restock()
    assert len(births) == BIRTHS_AT_ONCE
    assert births[:3] == ["wanted"] * 3
    assert spares.restock() == []
    assert spares.stillborn("wanted") == "0"
    assert len(spares.restock()) == 1


def test_who_waits_for_one_that_is_lost_on_the_way_waits_for_another() -> None:
    spares: Spares[str, str, str] = Spares(most=0, clock=Clock())
    spares.claim("kind", "patient")
    assert spares.restock() == ["kind"]
    spares.lost_on_the_way("kind")
    assert spares.restock() == ["kind"]
    assert spares.arrived("kind", "worker", 0.01) == "patient"


def test_all_kinds_together_keep_no_more_than_twice_what_one_may() -> None:
    spares: Spares[str, str, str] = Spares(most=2, clock=Clock())
    for kind in (f"kind {number}" for number in range(10)):
        spares.expect(kind)
        for name in itertools.count():
            if not (births := spares.restock()):
                break
            for birth in births:
                spares.arrived(birth, f"{birth}/{name}", 0.01)
    assert spares.ready <= 2 * 2


def test_what_was_kept_for_nothing_is_given_up() -> None:
    clock = Clock()
    spares: Spares[str, str, str] = Spares(most=4, clock=clock)
    spares.expect("kind")
    for birth in spares.restock():
        spares.arrived(birth, "w1", 0.01)
    assert spares.surplus() == []
    clock.now += IDLE_S + 1
    assert spares.surplus() == ["w1"]
    assert spares.ready == 0


def test_a_worker_that_died_is_given_to_nobody() -> None:
    spares: Spares[str, str, str] = Spares(most=4, clock=Clock())
    spares.expect("kind")
    spares.restock()
    spares.arrived("kind", "w1", 0.01)
    assert spares.lost("kind", "w1")
    assert not spares.lost("kind", "w1")
    assert spares.claim("kind", "a") is None


def test_a_claim_can_be_withdrawn_and_an_unused_worker_returned() -> None:
    spares: Spares[str, str, str] = Spares(most=4, clock=Clock())
    spares.claim("kind", "a")
    spares.claim("kind", "b")
    assert spares.withdraw("kind", "a")
    assert not spares.withdraw("kind", "a")
    assert spares.arrived("kind", "w1", 0.01) == "b"
    assert spares.returned("kind", "w1") is None
    assert spares.drain() == (["w1"], [])


# --- admission ---


def test_calls_run_up_to_the_places_and_wait_up_to_the_queue() -> None:
    admission = Admission(places=1, max_queue=1)
    first, second = call_of(), call_of()
    assert admission.admit(first)
    assert not admission.admit(second)
    with pytest.raises(OverloadedError):
        admission.admit(call_of())
    assert admission.leave(first) is second
    assert admission.leave(second) is None
    assert admission.admit(call_of())


def test_calls_of_one_session_take_turns_and_hold_up_no_other() -> None:
    admission = Admission(places=2, max_queue=5)
    session = SandboxSession()
    first, second, other = call_of(session), call_of(session), call_of()
    assert admission.admit(first)
    assert not admission.admit(second)
    assert admission.admit(other)
    assert admission.leave(other) is None
    assert admission.leave(first) is second


def test_a_nested_call_needs_no_place_but_cannot_wait_for_its_own_session() -> None:
    admission = Admission(places=1, max_queue=0)
    session = SandboxSession()
    assert admission.admit(call_of(session))
    nested = call_of(standing=Standing.NESTED)
    assert admission.admit(nested)
    assert admission.leave(nested) is None
    with pytest.raises(ReentrancyError):
        admission.admit(call_of(session, Standing.NESTED))


def test_a_call_leaves_the_queue_when_nobody_waits_for_it() -> None:
    admission = Admission(places=1, max_queue=5)
    first, second = call_of(), call_of()
    admission.admit(first)
    admission.admit(second)
    assert admission.forget(second)
    assert not admission.forget(second)
    assert admission.leave(first) is None
