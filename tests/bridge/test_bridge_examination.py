"""Examination: no worker of a sandbox is handed out before another like it has shown that it is confined."""

from __future__ import annotations

import dataclasses
import queue
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from dspash.bridge import examination
from dspash.bridge.mailbox import Mailbox
from dspash.bridge.nursery import Nursery
from dspash.bridge.pump import Pump
from dspash.errors import SandboxUnavailableError
from dspash.sandbox import Tier, ZygoteSpec, plan_for
from dspash_protocol.confinement_plan import ConfinementPlan, Layer

BOUND_S = 30.0

pytestmark = [pytest.mark.bwrap, pytest.mark.timeout(60)]


class House:
    """A nursery with what it needs, and what it has told."""

    def __init__(self, nursery: Nursery, pump: Pump, mailbox: Mailbox) -> None:
        self.nursery = nursery
        self._pump = pump
        self._mailbox = mailbox
        self._told: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def spawn(self, spec: ZygoteSpec) -> Any:
        """Have a worker forked; its process, or what kept it from being."""
        self._mailbox.cast(
            lambda: self.nursery.spawn(
                spec,
                plan_for(spec),
                lambda *born: self._told.put(born),
                lambda error: self._told.put((error,)),
            )
        )
        found = self._told.get(timeout=BOUND_S)
        if len(found) == 1:
            return found[0]
        process, channel = found
        channel.close()
        process.wait(BOUND_S)
        self._pump.run(lambda: process.unwatch(self._pump))
        self._pump.run(process.close)
        return process


@contextmanager
def house() -> Generator[House]:
    pump, mailbox = Pump("test-pump"), Mailbox("test-mailbox")
    nursery = Nursery(pump, mailbox, boot_timeout_s=BOUND_S)
    try:
        yield House(nursery, pump, mailbox)
    finally:
        mailbox.cast(nursery.close)
        mailbox.close()
        mailbox.join(BOUND_S)
        pump.close()


@pytest.fixture
def none_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_passed", set())


@pytest.fixture
def spec() -> ZygoteSpec:
    return ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT)


@pytest.mark.usefixtures("none_has_passed")
def test_one_examination_serves_a_whole_process(spec: ZygoteSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    examined: list[Tier] = []
    real = examination.examine

    def counted(channel: Any, tier: Tier, **more: Any) -> None:
        examined.append(tier)
        real(channel, tier, **more)

    monkeypatch.setattr(examination, "examine", counted)
    for _ in range(2):
        with house() as there:
            assert there.spawn(spec).pid > 0
            assert there.spawn(spec).pid > 0

    assert examined == [Tier.STRICT]


@pytest.mark.usefixtures("none_has_passed")
def test_no_worker_is_had_where_an_examined_one_lacks_a_layer(
    spec: ZygoteSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weak(spec: ZygoteSpec) -> ConfinementPlan:
        plan = plan_for(spec)
        return dataclasses.replace(plan, layers=plan.layers - {Layer.SECCOMP})

    monkeypatch.setattr(examination, "plan_for", weak)
    with house() as there:
        problem = there.spawn(spec)

    assert isinstance(problem, SandboxUnavailableError)
    assert (problem.probe, problem.tier) == ("self-test", "strict")


@pytest.mark.usefixtures("none_has_passed")
def test_closing_in_the_middle_of_one_waits_for_nothing(
    spec: ZygoteSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: queue.Queue[None] = queue.Queue()

    def endless(channel: Any, tier: Tier, **more: Any) -> None:
        channel.settimeout(BOUND_S)
        begun.put(None)
        while channel.recv(4096):
            pass

    monkeypatch.setattr(examination, "examine", endless)
    with house() as there:
        there._mailbox.cast(
            lambda: there.nursery.spawn(spec, plan_for(spec), lambda *_: None, lambda _: None)
        )
        begun.get(timeout=BOUND_S)


@pytest.mark.usefixtures("none_has_passed")
def test_trusted_workers_are_not_examined() -> None:
    with house() as there:
        assert not there.nursery._examinations.are_due(
            ZygoteSpec.of(python=sys.executable, tier=Tier.PROCESS)
        )
