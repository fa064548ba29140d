"""Control: whatever a host says, the zygote lives on, answers what can be answered, and keeps no descriptor."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from dspash_protocol import Codec, encode
from dspash_protocol.birth import (
    MAX_DATAGRAM,
    Born,
    ConfinementPlan,
    Ended,
    Layer,
    Quit,
    Spawn,
    Stillborn,
    write_datagram,
)
from tests.leaks import wait_until
from tests.worker.zygote.conftest import StartZygote
from tests.worker.zygote.zygote_host import IN_GROUP, IN_NEST, ZygoteHost

HELD = 6
"""Descriptors of a zygote at rest: the standard ones, its control, and a pipe that wakes it. With namespaces, its own and
two for the one in store besides.
"""
SPAWN = Spawn(7, IN_GROUP, "f00dfeedf00dfeed").to_map()


@pytest.fixture
def zygote(start_zygote: StartZygote) -> ZygoteHost:
    return start_zygote(nests=False)


def descriptors_of(zygote: ZygoteHost) -> int:
    return len(list(Path(f"/proc/{zygote.process.pid}/fd").iterdir()))


def test_what_makes_no_sense_is_refused_and_survived(zygote: ZygoteHost) -> None:
    pair = os.pipe()
    for nonsense in (b"\0", b"{", os.urandom(300), encode({"do": "fly"}, Codec.MSGPACK)):
        zygote.say(nonsense, *pair)
    for count, told in [(0, "0 came"), (1, "1 came"), (3, "3 came")]:
        zygote.say(encode(SPAWN, Codec.MSGPACK), *(pair * 2)[:count])
        stillborn, _ = zygote.hear(Stillborn)
        assert stillborn.id == 7
        assert told in stillborn.problem
    zygote.say(encode({**SPAWN, "plan": encode({"tier": 3}, Codec.MSGPACK)}, Codec.MSGPACK), *pair)
    assert zygote.hear(Stillborn)[0] == Stillborn(7, "$.plan.tier: must be text, is 3")
    zygote.say(encode({**SPAWN, "mark": "x" * MAX_DATAGRAM}, Codec.MSGPACK), *pair)  # cut off, so nobody's
    fork = zygote.spawn(IN_GROUP).greet()
    assert fork.run("result = {'x': 1}") == {"x": 1}
    fork.kill()
    zygote.hear_end_of(fork)
    wait_until(lambda: descriptors_of(zygote) == HELD, "all that came with nonsense to be closed")
    for descriptor in pair:
        os.close(descriptor)


def test_a_worker_that_cannot_be_is_stillborn_with_the_reason(zygote: ZygoteHost) -> None:
    pair = os.pipe()
    zygote.say(write_datagram(Spawn(1, IN_NEST)), *pair)
    assert zygote.hear(Stillborn)[0] == Stillborn(1, "this zygote cannot make namespaces")
    unwritable = ConfinementPlan(tier="landlock", layers=frozenset({Layer.LANDLOCK}), scratch="/proc/no/such")
    zygote.say(write_datagram(Spawn(2, unwritable)), *pair)
    assert "/proc/no/such" in zygote.hear(Stillborn)[0].problem
    for descriptor in pair:
        os.close(descriptor)


def test_quit_lets_the_last_worker_end_in_peace(zygote: ZygoteHost) -> None:
    fork = zygote.spawn(IN_GROUP).greet()
    zygote.say(write_datagram(Quit()))
    assert fork.run("result = {'x': 1}") == {"x": 1}
    assert zygote.process.poll() is None
    fork.channel.close()
    zygote.hear_end_of(fork)
    assert zygote.wait_for_end() == 0


def test_quit_without_workers_ends_it_at_once(zygote: ZygoteHost) -> None:
    zygote.say(write_datagram(Quit()))
    assert zygote.wait_for_end() == 0


def test_births_that_are_asked_for_together_all_come(zygote: ZygoteHost) -> None:
    reading, writing = os.pipe()
    for number in range(1, 9):
        ours, theirs = socket.socketpair()
        zygote.say(write_datagram(Spawn(number, IN_GROUP)), theirs.fileno(), writing)
        theirs.close()
        ours.close()
    os.close(reading)
    os.close(writing)
    births = [zygote.hear(Born) for _ in range(8)]
    assert {born.id for born, _ in births} == set(range(1, 9))
    assert {zygote.hear(Ended)[0].pid for _ in births} == {born.pid for born, _ in births}  # no host, no life
    for _, pidfds in births:
        os.close(pidfds[0])


@pytest.mark.parametrize("nests", [False, pytest.param(True, marks=pytest.mark.bwrap)])
def test_births_leave_nothing_behind_in_the_zygote(start_zygote: StartZygote, nests: bool) -> None:
    zygote = start_zygote(nests=nests)
    plan = IN_NEST if nests else IN_GROUP

    def bear(count: int) -> None:
        for _ in range(count):
            fork = zygote.spawn(plan)
            fork.kill()
            zygote.hear_end_of(fork)

    def process() -> psutil.Process:
        family = [
            psutil.Process(zygote.process.pid),
            *psutil.Process(zygote.process.pid).children(recursive=True),
        ]
        return next(one for one in family if one.name().startswith("python"))

    def settled() -> bool:
        """Whether all the dead are reaped, and one namespace is in store where there are any."""
        return len(process().children()) == nests and process().num_fds() == held

    bear(20)
    wait_until(lambda: len(process().children()) == nests, "the dead to be reaped")
    held = HELD + 3 * nests
    wait_until(settled, "everything to be as it was")
    before = process().memory_info()
    bear(60)
    wait_until(settled, "everything to be as it was")
    assert process().num_threads() == 1
    assert process().memory_info().rss - before.rss < 256 << 10
