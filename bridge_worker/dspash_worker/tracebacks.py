"""Tracebacks: the frames of the user's own program, without anybody else's and without this machine's paths."""

from __future__ import annotations

import sysconfig
import traceback
from types import TracebackType
from typing import Final

import dspy

import dspash_protocol
import dspash_worker
from dspash_worker.secret_texts import redact
from dspash_worker.source import title_of_file

__all__ = ["MAX_FRAMES", "user_line", "user_traceback"]

MAX_FRAMES: Final = 20

_FOREIGN: Final = (
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(package.__path__[0] for package in (dspy, dspash_worker, dspash_protocol)),
)
"""Folders of Python, of installed packages, of DSPy and of ours: no file in them is the user's program."""


def user_traceback(error: BaseException) -> str | None:
    """Return the frames of the program's own code, innermost last, as text; None when there are none."""
    frames = _user_frames(error.__traceback__)
    if not frames:
        return None
    lines = [f"  {title}, line {line}, in {name}\n    {text}".rstrip() for title, line, name, text in frames]
    return redact("\n".join(["Traceback (most recent call last):", *lines[-MAX_FRAMES:], _last_line(error)]))


def user_line(error: BaseException) -> tuple[str, int] | None:
    """Return the title and line of the innermost frame of the program's own code."""
    frames = _user_frames(error.__traceback__)
    return frames[-1][:2] if frames else None


def _user_frames(trace: TracebackType | None) -> list[tuple[str, int, str, str]]:
    frames: list[tuple[str, int, str, str]] = []
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        title = title_of_file(file)
        if title is None and not _is_foreign(file):
            title = str(frame.f_globals.get("__name__", "program"))
        if title is not None:
            shown = traceback.FrameSummary(file, line, frame.f_code.co_name).line or ""
            frames.append((title, line, frame.f_code.co_name, shown))
    return frames


def _is_foreign(file: str) -> bool:
    return not file or file.startswith(("<", *_FOREIGN))


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()
