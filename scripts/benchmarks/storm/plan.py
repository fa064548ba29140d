"""Plan: the steps of a storm, drawn from a seed and nothing else, so that a storm can be repeated."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.storm.deeds import Deed

__all__ = [
    "CALM",
    "MAX_FRAME",
    "ROUGH",
    "CancelCall",
    "ContinueWorker",
    "Define",
    "MakeCall",
    "Ping",
    "Plan",
    "Reopen",
    "SendOversized",
    "SendUnserialisable",
    "Settle",
    "SignalWorker",
    "Step",
    "Weather",
]


@dataclass(frozen=True, slots=True)
class MakeCall:
    """Have the storm's program do `deed`; `amount` is seconds, lines or bytes, as the deed needs it.

    `awaited`: by a task on an event loop, else through a plain future.
    """

    deed: Deed
    amount: float
    timeout_s: float
    awaited: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """The smallest call, with a payload of `size` bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class SendOversized:
    """A request larger than a frame."""


@dataclass(frozen=True, slots=True)
class SendUnserialisable:
    """A request that cannot travel."""


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Cancel one of the open calls: the `pick`-th, counted around."""

    pick: int


@dataclass(frozen=True, slots=True)
class SignalWorker:
    """Send a signal to one of the workers: SIGKILL, or SIGSTOP, which lasts until some later ContinueWorker."""

    pick: int
    number: signal.Signals


@dataclass(frozen=True, slots=True)
class ContinueWorker:
    """SIGCONT for every worker that was stopped."""


@dataclass(frozen=True, slots=True)
class Define:
    """Create the program anew under another name, which the calls after this use."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until every open call has ended, then check everything; `thaw`: stopped workers go on before that."""

    thaw: bool


@dataclass(frozen=True, slots=True)
class Reopen:
    """Close the app with whatever is open, check what is left of it, open another."""


Step: TypeAlias = (
    MakeCall
    | Ping
    | SendOversized
    | SendUnserialisable
    | CancelCall
    | SignalWorker
    | ContinueWorker
    | Define
    | Settle
    | Reopen
)


@dataclass(frozen=True, slots=True)
class Weather:
    """How often what happens: weights, relative to each other."""

    pings: float = 300
    harmless: float = 400  # deeds that end with an answer of some kind, and cost nobody else anything
    cancels: float = 80
    oversized: float = 10
    unserialisable: float = 10
    endless: float = 30  # deeds that no answer ends, only their deadline
    lethal: float = 25  # deeds that cost their worker its life
    kills: float = 15
    stops: float = 15
    continues: float = 30
    defines: float = 6
    settles: float = 20
    reopens: float = 1
    cancel_grace_s: float = 0.2  # no weight: how long a call may go on after its end was asked for


ROUGH: Final = Weather()
CALM: Final = Weather(endless=0, lethal=0, kills=0, stops=0, continues=0, reopens=0, cancel_grace_s=10)
"""Nothing ends a worker: the difference shows what the violent steps cost."""

_HARMLESS: Final = (
    Deed.ECHO,
    Deed.DELAY,
    Deed.SPIN,
    Deed.TOOL,
    Deed.PREDICT,
    Deed.RAISE,
    Deed.QUIT,
    Deed.FLOOD,
    Deed.UNSERIALISABLE,
    Deed.OVERSIZED,
    Deed.DOUBLE,
    Deed.FORGE,
)
_ENDLESS: Final = (Deed.HANG, Deed.LOOP, Deed.DROP)
_LETHAL: Final = (Deed.RUBBISH, Deed.HALF, Deed.EXIT, Deed.SEGFAULT, Deed.ORPHAN)
_PATIENT_S: Final = 20.0  # longer than any restart: such a call ends late only if it was lost


MAX_FRAME: Final = 1 << 20
"""The storm's limit of a message, in bytes: small, so that going over it costs little."""


class Plan:
    """`steps` steps of a storm. Iterating it again yields the same ones."""

    def __init__(self, *, seed: int, steps: int, weather: Weather = ROUGH) -> None:
        self.seed = seed
        self.steps = steps
        self.weather = weather

    def __repr__(self) -> str:
        return f"<Plan seed={self.seed} steps={self.steps}>"

    def __iter__(self) -> Iterator[Step]:
        draw = random.Random(self.seed)
        weather = self.weather
        table: list[tuple[float, Callable[[random.Random], Step]]] = [
            (weather.pings, lambda draw: Ping(draw.choice((0, 10, 1_000, 100_000)))),
            (weather.harmless, lambda draw: self._call(draw, draw.choice(_HARMLESS), _PATIENT_S)),
            (weather.endless, lambda draw: self._call(draw, draw.choice(_ENDLESS), draw.uniform(0.05, 0.5))),
            (weather.lethal, lambda draw: self._call(draw, draw.choice(_LETHAL), _PATIENT_S)),
            (weather.cancels, lambda draw: CancelCall(_pick(draw))),
            (weather.oversized, lambda _: SendOversized()),
            (weather.unserialisable, lambda _: SendUnserialisable()),
            (weather.kills, lambda draw: SignalWorker(_pick(draw), signal.SIGKILL)),
            (weather.stops, lambda draw: SignalWorker(_pick(draw), signal.SIGSTOP)),
            (weather.continues, lambda _: ContinueWorker()),
            (weather.defines, lambda _: Define()),
            (weather.settles, lambda draw: Settle(thaw=draw.random() < 0.9)),
            (weather.reopens, lambda _: Reopen()),
        ]
        weights = [weight for weight, _ in table]
        for _ in range(self.steps):
            yield draw.choices(table, weights)[0][1](draw)

    def _call(self, draw: random.Random, deed: Deed, timeout_s: float) -> MakeCall:
        # A program's tools are reached through its handle only, and the handle's asynchronous form is the awaited one.
        awaited = deed is Deed.TOOL or draw.random() < 0.5
        return MakeCall(deed, self._amount(draw, deed), timeout_s, awaited)

    def _amount(self, draw: random.Random, deed: Deed) -> float:
        match deed:
            case Deed.DELAY | Deed.SPIN:
                return draw.choice((0.0, 0.001, 0.02, 0.2))
            case Deed.FLOOD:
                return draw.choice((1, 100, 1_000))
            case Deed.OVERSIZED:
                return MAX_FRAME
            case Deed.RUBBISH:
                return draw.choice((1, 4, 5, 100, 10_000))
            case _:
                return 0


def _pick(draw: random.Random) -> int:
    """Which of some things, to be counted around."""
    return draw.randrange(1 << 16)
