"""OutputFiles: what a sandboxed program has left in its output folder, as its worker sends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from dspash.bridge.overrun import Limit, Overrun
from dspash.sandbox.limits import Limits

__all__ = ["OutputFiles"]

_MIB: Final = 1024 * 1024
_NAME: Final = re.compile(r"[\w .,()+=@-]{1,255}")
LONGEST_PATH: Final = 1_000
DEEPEST: Final = 16


class OutputFiles:
    """Gathers pieces of files: maps of `path`, `data` (bytes) and `more`, each file's in order, one file after another.

    What is no such map, or names a place that is not below the folder, is left out: the worker is not trusted.
    """

    def __init__(self, limits: Limits) -> None:
        self._most_bytes = limits.scratch_mb * _MIB
        self._most_files = limits.scratch_files
        self._bytes = 0
        self._files: dict[str, bytes] = {}
        self._path = ""  # of the file that is not whole yet
        self._pieces: list[bytes] = []

    def __repr__(self) -> str:
        return f"<OutputFiles files={len(self._files)} bytes={self._bytes}>"

    @property
    def whole(self) -> Mapping[str, bytes]:
        """The files that have come to their end, by path."""
        return self._files

    def take(self, piece: Any) -> Overrun | None:
        """Take one piece; the limit it went past, if it did."""
        if not isinstance(piece, dict):
            return None
        fields = cast("dict[str, Any]", piece)
        path, data = fields.get("path"), fields.get("data")
        if not isinstance(path, str) or not isinstance(data, bytes) or not _is_below(path):
            return None
        self._bytes += len(data)
        if self._bytes > self._most_bytes:
            return Overrun(Limit.SCRATCH, self._bytes / _MIB, self._most_bytes / _MIB)
        if path != self._path:
            self._path, self._pieces = path, []
        self._pieces.append(data)
        if fields.get("more") is not True:
            self._files[path] = b"".join(self._pieces)
            self._path, self._pieces = "", []
        if len(self._files) > self._most_files:
            return Overrun(Limit.SCRATCH, None, self._most_bytes / _MIB)
        return None


def _is_below(path: str) -> bool:
    """Whether it is a plain relative path: no step up, no empty step, no name that a shell or a system reads otherwise."""
    steps = path.split("/")
    return (
        len(path) <= LONGEST_PATH
        and len(steps) <= DEEPEST
        and all(_NAME.fullmatch(step) is not None and step.strip(". ") != "" for step in steps)
    )
