"""Speed: starting, small calls one by one and many at once, large payloads."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.arena import Arena
from benchmarks.figures import Figure, Unit, absences, summarise
from benchmarks.peers.roster import REFERENCE
from benchmarks.rounds import play_rounds
from benchmarks.scale import Scale

__all__ = ["measure_echo", "measure_pipelined", "measure_round_trip", "measure_start"]

_SMALL, _MIB = 64, 1 << 20


def measure_start(arena: Arena, scale: Scale) -> list[Figure]:
    """From a closed system to its first answer; the library is imported already."""

    def turn(name: str) -> list[float]:
        host = arena.enter(name)
        host.do("close")
        return [host.do("start")]

    return summarise("start", Unit.SECONDS, play_rounds(arena.names, scale.starts, turn), reference=REFERENCE)


def measure_round_trip(arena: Arena, scale: Scale) -> list[Figure]:
    """One small call after another."""
    turn = _echo_turn(arena, scale.trips, _SMALL)
    play_rounds(arena.names, 1, turn)  # warm-up
    turns = play_rounds(arena.names, scale.trip_rounds, turn)
    return summarise("round_trip", Unit.SECONDS, turns, reference=REFERENCE)


def measure_pipelined(arena: Arena, scale: Scale) -> list[Figure]:
    """Small calls with many unanswered, on one worker."""
    cannot: dict[str, str] = {}
    for name in arena.names:
        if (why := arena.enter(name).do("cannot").get("pipelined")) is not None:
            cannot[name] = why

    def turn(name: str) -> list[float]:
        return [arena.enter(name).do("pipelined", count=scale.pipelined, window=scale.window)]

    able = [name for name in arena.names if name not in cannot]
    play_rounds(able, 1, turn)  # warm-up
    turns = play_rounds(able, scale.pipeline_rounds, turn)
    figures = summarise("pipelined", Unit.CALLS_PER_SECOND, turns, reference="bare-frames")
    return figures + absences("pipelined", Unit.CALLS_PER_SECOND, cannot)


def measure_echo(arena: Arena, scale: Scale) -> list[Figure]:
    """Large payloads there and back."""
    figures: list[Figure] = []
    for label, size, count in (
        ("echo_1m", _MIB, scale.small_echoes),
        ("echo_16m", 16 * _MIB, scale.big_echoes),
    ):
        turn = _echo_turn(arena, count, size)
        play_rounds(arena.names, 1, turn)  # warm-up
        turns = play_rounds(arena.names, scale.echo_rounds, turn)
        figures += summarise(label, Unit.SECONDS, turns, reference=REFERENCE)
    return figures


def _echo_turn(arena: Arena, count: int, size: int) -> Callable[[str], list[float]]:
    def turn(name: str) -> list[float]:
        seconds: list[float] = arena.enter(name).do("round_trips", count=count, size=size)
        return seconds

    return turn
