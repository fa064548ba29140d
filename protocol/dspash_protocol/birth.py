"""Birth: what a host and a zygote say to each other. One message a datagram, descriptors beside it.

```
host → zygote   Spawn (channel, stderr)   Quit
zygote → host   Up   Born (pidfd, …)   Stillborn   Ended
```

A zygote says Up once, when it has imported DSPy. Every Spawn is answered by one Born or one Stillborn with its id; every
Born is followed by one Ended with its pid, once the worker has been reaped. A pid is the zygote's own numbering, and may
be another worker's after its Ended.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from dspash_protocol.codec import Codec, decode, encode
from dspash_protocol.confinement_plan import ConfinementPlan, Layer, ResourceLimits, WorkerOptions
from dspash_protocol.errors import InvalidPayloadError
from dspash_protocol.fields import Fields
from dspash_protocol.request_id import id_in
from dspash_protocol.values import WireMap

__all__ = [
    "MAX_DATAGRAM",
    "MAX_DESCRIPTORS",
    "Born",
    "ConfinementPlan",
    "Ended",
    "FromHost",
    "FromZygote",
    "Layer",
    "Quit",
    "ResourceLimits",
    "Spawn",
    "Stillborn",
    "Up",
    "WorkerOptions",
    "read_from_host",
    "read_from_zygote",
    "write_datagram",
]

MAX_DATAGRAM: Final = 64 * 1024
"""Longest datagram either side sends, in bytes: a plan names some hundred paths at most."""

MAX_DESCRIPTORS: Final = 4
"""Most descriptors beside a datagram; more are closed unread."""

_MOST_PLANS: Final = 64


@dataclass(frozen=True, slots=True)
class Spawn:
    """Fork a worker that is confined as `plan` says. Beside it: its end of the channel, the write end of its stderr.

    `mark` is the value of the environment variable by which all that it starts can be found; empty where a namespace
    holds it together.
    """

    id: int
    plan: ConfinementPlan
    mark: str = ""

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"do": "spawn", "id": self.id, "plan": _pack(self.plan), "mark": self.mark}


@dataclass(frozen=True, slots=True)
class Quit:
    """Fork no more, and end once the last worker has."""

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"do": "quit"}


@dataclass(frozen=True, slots=True)
class Up:
    """The zygote is ready. `threads` is how many its process has, and 1; `problems` are what it had to do without."""

    pid: int
    dspy: str
    import_ms: int
    threads: int
    problems: tuple[str, ...] = ()

    def to_map(self) -> WireMap:
        """The wire form."""
        return {
            "is": "up",
            "pid": self.pid,
            "dspy": self.dspy,
            "import_ms": self.import_ms,
            "threads": self.threads,
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True)
class Born:
    """The worker of Spawn `id` exists. Beside it: its pidfd; where its namespace has a first process of its own, that
    one's too, whose end is the end of all that the worker has started.
    """

    id: int
    pid: int

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"is": "born", "id": self.id, "pid": self.pid}


@dataclass(frozen=True, slots=True)
class Stillborn:
    """Spawn `id` came to nothing, for this reason; nothing is left of it."""

    id: int
    problem: str

    def to_map(self) -> WireMap:
        """The wire form."""
        return {"is": "stillborn", "id": self.id, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker has ended and was reaped; `status` is the kernel's wait status, for os.waitstatus_to_exitcode."""

    pid: int
    status: int
    cpu_s: float
    peak_memory_bytes: int

    def to_map(self) -> WireMap:
        """The wire form."""
        return {
            "is": "ended",
            "pid": self.pid,
            "status": self.status,
            "cpu_s": self.cpu_s,
            "peak_memory_bytes": self.peak_memory_bytes,
        }


_M = TypeVar("_M")
FromHost: TypeAlias = Spawn | Quit
FromZygote: TypeAlias = Up | Born | Stillborn | Ended


def write_datagram(message: FromHost | FromZygote) -> bytes:
    """One message as a datagram. Raises InvalidValueError when something in it cannot go on the wire."""
    return encode(message.to_map(), Codec.MSGPACK)


def read_from_host(datagram: bytes) -> FromHost:
    """Read what a host said. Raises InvalidPayloadError with the path of what is missing or mistyped, and the Spawn's id."""
    return _read(datagram, "do", _FROM_HOST)


def read_from_zygote(datagram: bytes) -> FromZygote:
    """Read what a zygote said. Raises InvalidPayloadError with the path of what is missing or mistyped."""
    return _read(datagram, "is", _FROM_ZYGOTE)


def _read(datagram: bytes, key: str, readers: dict[str, Callable[[Fields], _M]]) -> _M:
    raw = decode(datagram)
    fields = Fields(raw)
    try:
        word = fields.text(key)
        if word not in readers:
            raise fields.refuse(key, f"{word!r} is none of {', '.join(readers)}")
        return readers[word](fields)
    except InvalidPayloadError as error:
        raise InvalidPayloadError(error.path, error.problem, id_in(raw)) from None


def _read_spawn(fields: Fields) -> Spawn:
    plan = _unpack(fields.blob("plan"))
    return Spawn(fields.count("id"), plan, fields.text("mark"))


# The same few plans are for thousands of births: each is checked, written and read once, and sent in its own encoding.


@functools.lru_cache(_MOST_PLANS)
def _pack(plan: ConfinementPlan) -> bytes:
    return encode(plan.to_map(), Codec.MSGPACK)


@functools.lru_cache(_MOST_PLANS)
def _unpack(packed: bytes) -> ConfinementPlan:
    """Raises InvalidPayloadError with a path that begins at the Spawn."""
    try:
        raw = decode(packed)
    except InvalidPayloadError as error:
        raise InvalidPayloadError("$.plan", error.problem) from None
    return ConfinementPlan.from_fields(Fields(raw, "$.plan"))


def _read_quit(_fields: Fields) -> Quit:
    return Quit()


def _read_up(fields: Fields) -> Up:
    return Up(
        fields.count("pid"),
        fields.text("dspy"),
        fields.count("import_ms"),
        fields.count("threads"),
        fields.texts("problems"),
    )


def _read_born(fields: Fields) -> Born:
    return Born(fields.count("id"), fields.count("pid"))


def _read_stillborn(fields: Fields) -> Stillborn:
    return Stillborn(fields.count("id"), fields.text("problem"))


def _read_ended(fields: Fields) -> Ended:
    return Ended(
        fields.count("pid"), fields.count("status"), fields.number("cpu_s"), fields.count("peak_memory_bytes")
    )


_FROM_HOST: Final[dict[str, Callable[[Fields], FromHost]]] = {"spawn": _read_spawn, "quit": _read_quit}
_FROM_ZYGOTE: Final[dict[str, Callable[[Fields], FromZygote]]] = {
    "up": _read_up,
    "born": _read_born,
    "stillborn": _read_stillborn,
    "ended": _read_ended,
}
