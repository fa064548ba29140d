"""Options: the worker's command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dspash_protocol import MAX_FRAME, MIN_FRAME, SKIP_LIMIT
from dspash_worker.channel import WRITE_DEADLINE_S

__all__ = ["Options", "read_options"]

_MOST_THREADS = 1024

NumberT = TypeVar("NumberT", int, float)


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker is run."""

    concurrency: int = 8  # calls at a time
    max_frame: int = MAX_FRAME  # longest payload taken, in bytes
    write_deadline_s: float = WRITE_DEADLINE_S  # how long the host may read nothing of what is sent


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line. Raises SystemExit with status 2, having said on stderr what does not fit."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -P -m dspash_worker",
        description="Hosts DSPy and speaks the dspash protocol on descriptors 0 and 1; prints go to descriptor 2.",
    )
    parser.add_argument(
        "--concurrency",
        type=_number(int, 1, _MOST_THREADS),
        default=defaults.concurrency,
        metavar="N",
        help="calls run at a time (default %(default)s)",
    )
    parser.add_argument(
        "--max-frame",
        type=_number(int, MIN_FRAME, SKIP_LIMIT - 1),
        default=defaults.max_frame,
        metavar="BYTES",
        help="longest payload taken (default %(default)s)",
    )
    parser.add_argument(
        "--write-deadline",
        type=_number(float, 0.01, 86_400.0),
        default=defaults.write_deadline_s,
        metavar="SECONDS",
        dest="write_deadline_s",
        help="end when the host has read nothing for so long (default %(default)s)",
    )
    return Options(**vars(parser.parse_args(arguments)))


def _number(kind: Callable[[str], NumberT], least: NumberT, most: NumberT) -> Callable[[str], NumberT]:
    """The reader of a number between two bounds, both allowed."""

    def read(text: str) -> NumberT:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    return read
