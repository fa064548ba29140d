"""Source: a file of examples, read once from its beginning, in bounded memory."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from dspash.datasets.refusal import unfit

__all__ = ["MAX_ITEM", "Source", "opened"]

MAX_ITEM: Final = 16 * 2**20
"""Bytes of one line or item: more than any example, and a bound on what is held of a file at a time."""

_MARK: Final = b"\xef\xbb\xbf"  # the byte order mark, which some editors begin a file with


class Source:
    """An open file; errors name it as `name`. Made by `opened`."""

    def __init__(self, name: str, raw: IO[bytes], stream: IO[bytes]) -> None:
        self.name = name
        self.size = os.fstat(raw.fileno()).st_size
        self._raw = raw
        self._stream = stream

    def __repr__(self) -> str:
        return f"<Source {self.name} of {self.size} bytes>"

    @property
    def position(self) -> int:
        """How many of its `size` bytes were read."""
        return self._raw.tell()

    @property
    def stream(self) -> IO[bytes]:
        """The bytes themselves, for readers of formats that have no lines."""
        return self._stream

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes more, nothing at the end. Raises InvalidInputError where they cannot be read."""
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise unfit(self.name, f"it cannot be read: {error}") from None

    def lines(self) -> Iterator[bytes]:
        """Yield its lines, with their ends; the first is line 1. Raises InvalidInputError, also for one past MAX_ITEM."""
        number = 0
        readline = self._stream.readline
        while True:
            number += 1
            try:
                line = readline(MAX_ITEM + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise unfit(self.name, f"it cannot be read: {error}", line=number) from None
            if not line:
                return
            if len(line) > MAX_ITEM:
                raise unfit(self.name, f"it is longer than {MAX_ITEM} bytes", line=number)
            yield line.removeprefix(_MARK) if number == 1 else line


@contextmanager
def opened(path: Path, *, name: str | None = None) -> Generator[Source]:
    """Open a regular file, unpacked on the way where its name ends in .gz. Raises InvalidInputError naming it."""
    name = str(path) if name is None else name
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
            raise unfit(name, "a file is wanted, this is something else")
        raw = path.open("rb")
    except FileNotFoundError:
        raise unfit(name, "there is no such file") from None
    except OSError as error:
        raise unfit(name, f"it cannot be read: {error.strerror}") from None
    with raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as stream:
                yield Source(name, raw, cast("IO[bytes]", stream))
        else:
            yield Source(name, raw, raw)
