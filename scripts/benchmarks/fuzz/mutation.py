"""Mutation: frames that a hostile worker might send, drawn from a seed."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgpack

from benchmarks.fuzz.frames import vector_payloads

__all__ = ["Mutator"]

_HEADER: Final = struct.Struct(">I")
_WORDS: Final = (
    "id",
    "result",
    "error",
    "event",
    "command",
    "args",
    "notice",
    "data",
    "cancel",
    "reason",
    "seq",
)
_COMMANDS: Final = (
    "lm.complete",
    "lm.stream",
    "lm.embed",
    "tool.call",
    "metric.call",
    "interpreter.open",
    "hello",
    "execute",
    "",
    "no.such",
)
_NOTICES: Final = (*("ready", "heartbeat", "log", "", "ready\n") * 4, "protocol_error")
_KINDS: Final = ("item", "progress", "file", "started", "", "x" * 300)
_FAULTS: Final = ("program_error", "timeout", "cancelled", "too_large", "internal", "nonsense")
_EDGES: Final = (0, 1, -1, 2, 127, 128, 255, 256, 2**31, 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1)
_BIG_BYTES: Final = 200_000
_DEEP: Final = 400

_Strategy: TypeAlias = Callable[["Mutator"], bytes]


class Mutator:
    """Draws frames; the same seed draws the same ones.

    `open_ids` are requests of the host that are open: a frame that names one of them gets further.
    """

    def __init__(self, seed: str, open_ids: tuple[int, ...]) -> None:
        self.random = random.Random(seed)
        self._open_ids = open_ids

    def frame(self) -> bytes:
        """One frame, or what is meant to look like one, or like the end of one."""
        (strategy,) = self.random.choices(_STRATEGIES, _WEIGHTS)
        return strategy(self)

    # --- payloads ---

    def seed_payload(self) -> bytes:
        """A payload of the vectors, or one made of a message that may be right."""
        if self.random.random() < 0.5:
            return self.random.choice(vector_payloads())
        return self.encode(self.message())

    def encode(self, message: Any) -> bytes:
        """A message in one of the codecs."""
        if self.random.random() < 0.3:
            return json.dumps(message, default=str, allow_nan=True).encode()
        return msgpack.packb(message, default=str, unicode_errors="surrogatepass")

    def message(self) -> dict[Any, Any]:
        """One of the six shapes, its values as they may be, more or less."""
        draw = self.random
        match draw.randrange(7):
            case 0:
                return {"id": self.own_id(), "result": self.value()}
            case 1:
                return {"id": self.own_id(), "error": self.fault()}
            case 2:
                event = {"kind": draw.choice(_KINDS), "seq": self.number(), "data": self.value()}
                return {"id": self.own_id(), "event": event}
            case 3 | 4:
                args = {"call": self.own_id(), "name": draw.choice(("add", "x", "")), "args": self.value()}
                return {"id": self.asking_id(), "command": draw.choice(_COMMANDS), "args": args}
            case 5:
                return {
                    "notice": draw.choice(_NOTICES),
                    "data": {"rss": self.number(), "layers": self.value()},
                }
            case _:
                return {"cancel": self.asking_id(), "reason": self.text()}

    def fault(self) -> Any:
        """What may stand under `error`."""
        if self.random.random() < 0.2:
            return self.value()
        return {
            "kind": self.random.choice(_FAULTS),
            "message": self.text(),
            "type": self.text(),
            "retryable": self.value(),
            "progress": self.random.choice(("sent", "started", "side_effects", "x")),
            "details": self.value(),
            "traceback": self.text(),
        }

    def own_id(self) -> Any:
        """An id of the host's, open mostly."""
        if self.random.random() < 0.95:
            return self.random.choice(self._open_ids)
        return self.number()

    def asking_id(self) -> Any:
        """An id of the worker's, right mostly."""
        return -self.random.randrange(1, 2**31) if self.random.random() < 0.95 else self.number()

    def number(self) -> Any:
        """A number at one of the edges, or what only looks like one."""
        return self.random.choice((*_EDGES, True, None, 1.5, math.inf, "1", self.random.getrandbits(64)))

    def text(self) -> str:
        """Text: short, long, or with characters that few expect."""
        return self.random.choice(
            ("", "a", "é\x00\x1b[2J", "\u202e", "\r\n2026-01-01 forged", "x" * 5000, "{}%s%n")
        )

    def value(self, depth: int = 0) -> Any:
        """Any value, nested some levels at most."""
        draw = self.random
        kind = draw.randrange(8 if depth < 4 else 5)
        if kind == 5:
            return [self.value(depth + 1) for _ in range(draw.randrange(4))]
        if kind >= 6:
            return {
                draw.choice((*_WORDS, self.text())): self.value(depth + 1) for _ in range(draw.randrange(4))
            }
        return (None, self.number(), self.text(), draw.randbytes(draw.randrange(9)), draw.random())[kind]


def _framed(payload: bytes) -> bytes:
    return _HEADER.pack(len(payload)) + payload


def _valid(mutator: Mutator) -> bytes:
    return _framed(mutator.encode(mutator.message()))


def _from_vectors(mutator: Mutator) -> bytes:
    return _framed(mutator.random.choice(vector_payloads()))


def _with_flipped_bits(mutator: Mutator) -> bytes:
    payload = bytearray(mutator.seed_payload())
    for _ in range(mutator.random.randrange(1, 5)):
        if payload:
            payload[mutator.random.randrange(len(payload))] ^= 1 << mutator.random.randrange(8)
    return _framed(bytes(payload))


def _with_a_hole(mutator: Mutator) -> bytes:
    payload = mutator.seed_payload()
    begin = mutator.random.randrange(len(payload) + 1)
    return _framed(payload[:begin] + payload[begin + mutator.random.randrange(1, 20) :])


def _with_a_graft(mutator: Mutator) -> bytes:
    payload, other = mutator.seed_payload(), mutator.seed_payload()
    begin, end = mutator.random.randrange(len(payload) + 1), mutator.random.randrange(len(other) + 1)
    return _framed(payload[:begin] + other[end:] + payload[begin:])


def _of_two(mutator: Mutator) -> bytes:
    return _framed(mutator.seed_payload() + mutator.seed_payload())


def _noise(mutator: Mutator) -> bytes:
    return _framed(mutator.random.randbytes(mutator.random.randrange(200)))


def _with_mixed_keys(mutator: Mutator) -> bytes:
    message = mutator.message() | mutator.message()
    for key in list(message):
        if mutator.random.random() < 0.2:
            del message[key]
        elif mutator.random.random() < 0.2:
            message[key] = mutator.value()
    message[mutator.random.choice((*_WORDS, 1, None, b"id"))] = mutator.value()
    return _framed(msgpack.packb(message, default=str, unicode_errors="surrogatepass"))


def _deep(mutator: Mutator) -> bytes:
    depth = mutator.random.randrange(_DEEP)
    opening, closing = mutator.random.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b"\x91", b""), (b"\x81\xa1a", b""))
    )
    inner = b"1" if closing else b"\x01"
    head = b'{"id":2,"result":' if closing else b"\x82\xa2id\x02\xa6result"
    return _framed(head + opening * depth + inner + closing * depth + (b"}" if closing else b""))


def _boastful(mutator: Mutator) -> bytes:
    """A message that announces far more elements than it has."""
    begin = mutator.random.choice((b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"))
    return _framed(
        b"\x82\xa2id\x02\xa6result" + begin + mutator.random.choice((b"\xff" * 4, b"\x7f\xff\xff\xff"))
    )


def _big(mutator: Mutator) -> bytes:
    size = mutator.random.randrange(_BIG_BYTES)
    return _framed(msgpack.packb({"id": mutator.own_id(), "result": "x" * size}))


def _too_big(mutator: Mutator) -> bytes:
    """Over the limit of the session, which the trial sets low."""
    return _framed(
        msgpack.packb({"id": 2, "result": "x" * (_BIG_BYTES + mutator.random.randrange(_BIG_BYTES))})
    )


def _with_another_length(mutator: Mutator) -> bytes:
    payload = mutator.seed_payload()
    length = mutator.random.choice(
        (0, 1, len(payload) + 1, max(0, len(payload) - 1), 2**20, 2**29 - 1, 2**29, 2**32 - 1, 0x48545450)
    )
    return _HEADER.pack(length) + payload


def _stray_text(mutator: Mutator) -> bytes:
    return mutator.random.choice((b"Traceback (most recent call last):\n", b"\n", b"\0\0\0", b"\xff" * 7))


def _repeated(mutator: Mutator) -> bytes:
    return _valid(mutator) * mutator.random.randrange(2, 5)


# Most frames are nearly right: nonsense ends a worker, and what follows it is not read any more.
_CHOICES: Final[dict[_Strategy, float]] = {
    _valid: 60,
    _repeated: 6,
    _from_vectors: 6,
    _with_mixed_keys: 8,
    _with_flipped_bits: 8,
    _with_a_hole: 3,
    _with_a_graft: 3,
    _of_two: 1,
    _noise: 1,
    _deep: 2,
    _boastful: 1,
    _big: 0.3,
    _too_big: 0.1,
    _with_another_length: 0.4,
    _stray_text: 0.2,
}
_STRATEGIES: Final = tuple(_CHOICES)
_WEIGHTS: Final = tuple(_CHOICES.values())
