"""Output folder: the files that a program leaves for its caller."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dspash_protocol import EventKind
from dspash_worker.call import Call
from dspash_worker.refusal import invalid, invalid_value

__all__ = ["read_folder", "send_files"]

PIECE_BYTES: Final = 256 * 1024  # well below the shortest frame a host may ask for


def read_folder(raw: object, *, path: str) -> Path | None:
    """Make the folder that `raw` names, below the current one. Raises FaultError for what is no such name."""
    if raw is None:
        return None
    if not isinstance(raw, str):
        raise invalid_value(path, "a folder's name", raw)
    if not raw or raw.startswith(".") or os.sep in raw:
        raise invalid(path, f"{raw!r:.60} is no name of a folder", hint="use a plain name")
    folder = Path.cwd() / raw
    folder.mkdir(exist_ok=True)
    return folder


def send_files(call: Call, folder: Path) -> None:
    """Send what is in the folder, in the order of its names. Links are not followed, nor anything but files read."""
    for path, descriptor in _files_in(folder):
        try:
            _send(call, path, descriptor)
        finally:
            os.close(descriptor)


def _send(call: Call, path: str, descriptor: int) -> None:
    piece = os.read(descriptor, PIECE_BYTES)
    while True:
        following = os.read(descriptor, PIECE_BYTES) if piece else b""
        call.emit(EventKind.FILE, {"path": path, "data": piece, "more": bool(following)})
        if not following:
            return
        piece = following


def _is_text(place: Path) -> bool:
    """Whether it can be told: a name may be any bytes."""
    try:
        str(place).encode()
    except UnicodeEncodeError:
        return False
    return True


def _files_in(folder: Path) -> Iterator[tuple[str, int]]:
    """Each regular file whose path is text, by that below `folder`, opened for reading."""
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders.sort()
        for name in sorted(names):
            place = Path(parent, name)
            if not _is_text(place):
                continue
            try:
                descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue  # a link, a socket, or nothing that may be read
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                yield place.relative_to(folder).as_posix(), descriptor
            else:
                os.close(descriptor)
