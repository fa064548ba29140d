"""Zygotes that are killed before they are up: an accident where another has served, a cause to wait where none has."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dspash.bridge.forked import ForkedProcess
from dspash.bridge.zygote import Zygote, ZygoteState
from dspash.interpreter.foundry import Foundry
from dspash.interpreter.kernel import Kernel
from dspash.sandbox import Limits, Tier
from tests.leaks import wait_until

pytestmark = pytest.mark.timeout(60)

BOUND_S = 30.0


class Births:
    """Births of trusted workers in a nursery of their own; started by themselves where no zygote can be had."""

    def __init__(self, foundry: Foundry, threads: ThreadPoolExecutor) -> None:
        self._foundry = foundry
        self._threads = threads

    def begin(self) -> Future[Kernel]:
        return self._threads.submit(self._foundry.start, Tier.PROCESS, Limits())

    def await_start(self) -> Zygote:
        """The zygote that is starting, once there is one."""
        wait_until(lambda: self._starting, "a zygote to be started", bound_s=BOUND_S)
        return self._starting[0]

    @property
    def _starting(self) -> list[Zygote]:
        zygotes = self._foundry._nursery.zygotes
        return [zygote for zygote in zygotes if zygote.state is ZygoteState.STARTING]


@pytest.fixture
def births() -> Iterator[Births]:
    foundry = Foundry()
    try:
        with ThreadPoolExecutor(1) as threads:
            yield Births(foundry, threads)
    finally:
        foundry.close()


def comes_from_a_zygote(born: Future[Kernel]) -> bool:
    kernel = born.result(BOUND_S)
    try:
        return isinstance(kernel._process, ForkedProcess)
    finally:
        kernel.end()


def test_where_one_has_served_another_is_started(births: Births) -> None:
    assert comes_from_a_zygote(births.begin())
    (served,) = births._foundry._nursery.zygotes
    served.process.kill()
    wait_until(lambda: served.state is ZygoteState.GONE, "its end to be noticed", bound_s=BOUND_S)
    born = births.begin()
    births.await_start().process.kill()
    assert comes_from_a_zygote(born)


def test_the_first_of_a_kind_is_not_tried_again_at_once(births: Births) -> None:
    born = births.begin()
    births.await_start().process.kill()
    assert not comes_from_a_zygote(born)
