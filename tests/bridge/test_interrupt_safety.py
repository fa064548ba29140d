"""Ctrl-C may strike a host's thread anywhere: no lock of the bridge stays taken, or closing would wait for ever."""

from __future__ import annotations

import gc
import itertools
import random
import signal
import socket
import threading
from collections.abc import Callable, Generator

import pytest

from dspash.bridge.channel import Channel
from dspash.bridge.mailbox import Mailbox

STRIKES = 150
BOUND_S = 10.0


@pytest.fixture
def strike() -> Generator[Callable[[Callable[[], object]], None]]:
    """Return a function that repeats a step until a KeyboardInterrupt has come out of it."""
    armed = False

    def on_signal(*_: object) -> None:
        if armed:
            raise KeyboardInterrupt

    def until_struck(step: Callable[[], object]) -> None:
        nonlocal armed
        after_s = random.Random(next(seeds)).uniform(0.0002, 0.002)
        timer = threading.Timer(after_s, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        try:
            armed = True
            timer.start()
            while True:
                step()
        except KeyboardInterrupt:
            pass
        finally:
            armed = False
            timer.join(BOUND_S)

    seeds = itertools.count()
    before = signal.signal(signal.SIGUSR1, on_signal)
    gc.disable()  # an interrupt that strikes inside a callback of the collector is swallowed there
    yield until_struck
    gc.enable()
    signal.signal(signal.SIGUSR1, before)


def ends(step: Callable[[], object]) -> bool:
    """Whether `step` comes to an end on another thread."""
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    thread.join(BOUND_S)
    return not thread.is_alive()


def test_a_mailbox_goes_on_after_its_senders_were_interrupted(
    strike: Callable[[Callable[[], object]], None],
) -> None:
    mailbox = Mailbox("interrupted")
    done = threading.Event()
    try:
        for _ in range(STRIKES):
            strike(lambda: mailbox.cast(lambda: None))
            assert ends(lambda: mailbox.cast(lambda: None))
        assert ends(lambda: mailbox.cast(done.set))
        assert done.wait(BOUND_S)
    finally:
        mailbox.close()
        mailbox.join()


def test_a_channel_can_be_closed_after_its_writers_were_interrupted(
    strike: Callable[[Callable[[], object]], None],
) -> None:
    for _ in range(STRIKES):
        ours, theirs = socket.socketpair()
        with theirs:
            channel = Channel(ours, AlwaysFlushes(), on_backlog=lambda: None)  # pyright: ignore[reportArgumentType]
            strike(lambda channel=channel: channel.write(b""))
            assert ends(channel.end_writing)
            channel.close()


class AlwaysFlushes:
    """The one thing of a pump that a write asks: whether it will flush by itself."""

    def will_flush(self, channel: Channel) -> bool:
        return True
