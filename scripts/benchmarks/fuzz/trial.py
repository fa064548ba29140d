"""Trial: one worker with open calls, whose peer is hostile, until nothing is left of it."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.fuzz.mutation import Mutator
from benchmarks.fuzz.peer import Peer, PeerProcess
from dspash.bridge.call import Call, CallOptions
from dspash.bridge.definitions import Definitions
from dspash.bridge.stream_budget import StreamBudget
from dspash.bridge.worker import Worker
from dspash.errors import DspashError, WorkerLostError
from dspash.supervision import ProtocolBroken
from dspash_protocol import PROTOCOL_VERSION, Command, Defect, Progress, Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspash.bridge.ask import Ask
    from dspash.bridge.ask_server import AskServer
    from dspash.bridge.overrun import Overrun
    from dspash.bridge.pump import Pump

__all__ = ["Trial", "TrialOutcome", "ViolationError", "make_worker"]

MAX_FRAME: Final = 256 * 1024
BOUND_S: Final = 10.0
_FRAMES: Final = 200
_AT_A_TIME: Final = 6
_OUTPUT_BYTES: Final = 1 << 20
_OPEN_CALLS: Final = (2, 3, 4)  # the ids that follow hello's
_MOST_FRAMES: Final = {True: 60, False: 4}  # of one trial, by whether the worker is trusted


class ViolationError(AssertionError):
    """A rule was broken; the text says which, and in which trial."""


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a trial's frames were taken for, and what its calls came to."""

    frames: int
    counts: Counter[str]


class _Counting(Worker):
    """A worker that counts what it takes in."""

    taken: Counter[str]

    def _take(self, message: Received) -> None:
        self.taken[f"{type(message).__name__.lower()}s"] += 1
        if isinstance(message, Defect):
            self.taken[f"defect: {message.fault.kind}"] += 1
        super()._take(message)


class _Listener:
    """What the bridge does when a worker speaks, as short as it can be."""

    def __init__(self, asks: AskServer) -> None:
        self._asks = asks
        self.ready = threading.Event()
        self.lost = threading.Event()
        self.losses = 0
        self.limit = ""

    def worker_ready(self, worker: Worker) -> None:
        self.ready.set()

    def worker_replied(self, worker: Worker) -> None:
        """Nothing waits for a free place here."""

    def worker_told(self, worker: Worker) -> None:
        """Nothing is told ahead of a call here."""

    def worker_asked(self, worker: Worker, ask: Ask) -> None:
        self._asks.serve(worker, ask)

    def worker_overran(self, worker: Worker, overrun: Overrun) -> None:
        self.limit = str(overrun.limit)
        worker.kill(ProtocolBroken(f"it went past its {overrun.limit} limit"))

    def worker_lost(self, worker: Worker) -> None:
        self.losses += 1
        worker.process.kill()
        self.lost.set()


def make_worker(
    peer: Peer, pump: Pump, asks: AskServer, *, trusted: bool
) -> tuple[Worker, _Listener, Counter[str]]:
    """A worker whose handshake is done. Raises ViolationError when it is not within the bound."""
    listener = _Listener(asks)
    budget = None if trusted else StreamBudget(frames=_FRAMES, output_bytes=_OUTPUT_BYTES)
    worker = _Counting(
        "hostile",
        1,
        PeerProcess(peer),
        peer.theirs,
        pump=pump,
        listener=listener,
        definitions=Definitions(),
        max_frame=MAX_FRAME,
        budget=budget,
    )
    worker.taken = Counter()
    worker.watch()
    hello = {
        "protocol": PROTOCOL_VERSION,
        "features": ["events", "reverse", "cancel"],
        "max_frame": MAX_FRAME,
    }
    worker.greet(Call(Command.HELLO, hello, CallOptions(BOUND_S)))
    peer.greet()
    if not listener.ready.wait(BOUND_S):
        raise ViolationError("a worker whose peer greets it properly is not ready")
    worker.taken.clear()
    return worker, listener, worker.taken


class Trial:
    """Seeded, so that it can be run again alone."""

    def __init__(self, seed: str, pump: Pump, asks: AskServer) -> None:
        self._mutator = Mutator(seed, _OPEN_CALLS)
        self._pump = pump
        self._asks = asks

    def run(self, on_released: Callable[[], None]) -> TrialOutcome:
        """Send the frames, close the pipe, and see every call end once. Raises ViolationError.

        `on_released` is called once its descriptors are closed.
        """
        draw = self._mutator.random
        trusted = draw.random() < 0.7
        peer = Peer()
        worker, listener, taken = make_worker(peer, self._pump, self._asks, trusted=trusted)
        try:
            ended: Counter[int] = Counter()
            calls = [self._open_call(worker, ended) for _ in _OPEN_CALLS]
            self._speak(peer, draw.randrange(1, _MOST_FRAMES[trusted] + 1), listener.lost)
            if draw.random() < 0.1:
                worker.lead(calls[0])
            peer.hang_up()
            if not listener.lost.wait(BOUND_S):
                raise ViolationError(f"{worker!r} is not lost, though its peer has gone")
            counts = self._settle(worker, calls, ended)
        finally:
            peer.hang_up()
            worker.release(functools.partial(_let_go, peer, on_released))
        if listener.losses != 1:
            raise ViolationError(f"{worker!r} was lost {listener.losses} times")
        counts.update(taken)
        frames = sum(taken[f"{kind}s"] for kind in _KINDS)
        if isinstance(worker.why, ProtocolBroken):
            counts["workers ended"] += 1
            if "no frame begins" in worker.why.describe():
                counts["broken framings"] += 1
                frames += 1
        if listener.limit:
            counts[f"limit: {listener.limit}"] += 1
        return TrialOutcome(frames, counts)

    def _open_call(self, worker: Worker, ended: Counter[int]) -> Call:
        call = Call(Command.PING, {"payload": "x"}, CallOptions(BOUND_S))
        call.future.add_done_callback(lambda _: ended.update((call.serial,)))
        if not worker.send(call, wait=False):
            raise ViolationError(f"{worker!r} takes no call, and nothing was done to it")
        return call

    def _speak(self, peer: Peer, frames: int, lost: threading.Event) -> None:
        """Say so many frames, in pieces of any size; no more once nobody listens."""
        draw = self._mutator.random
        while frames > 0 and not lost.is_set():
            data = b"".join(self._mutator.frame() for _ in range(min(frames, _AT_A_TIME)))
            frames -= _AT_A_TIME
            while data:
                cut = len(data) if draw.random() < 0.7 else draw.randrange(1, min(len(data), 5000) + 1)
                if not peer.send(data[:cut]):
                    return
                data = data[cut:]
                peer.listen()

    def _settle(self, worker: Worker, calls: list[Call], ended: Counter[int]) -> Counter[str]:
        """What the supervisor does with a lost worker's calls, and how each has ended."""
        for call in worker.take_pending():
            why = worker.why or ProtocolBroken("it ended")
            call.fail(
                WorkerLostError(
                    generation=1, exit=why, progress=Progress.SENT, stderr_tail="", request=call.command
                )
            )
        counts: Counter[str] = Counter()
        for call in calls:
            if not call.has_ended or ended[call.serial] != 1:
                raise ViolationError(f"{call!r} has ended {ended[call.serial]} times")
            error = call.future.exception(0)
            if error is not None and not isinstance(error, DspashError):
                raise ViolationError(f"{call!r} failed with {error!r}, which is none of ours")
            counts[f"call: {'answered' if error is None else type(error).__name__}"] += 1
        return counts


def _let_go(peer: Peer, then: Callable[[], None]) -> None:
    peer.close()
    then()


_KINDS: Final = ("result", "errorreply", "event", "request", "cancel", "notice", "defect")
