"""Documents: files in prompts, in the form in which a request to the host carries them."""

from __future__ import annotations

import functools
from typing import Any, Final

import dspy

__all__ = ["leave_out_file_names", "write_file_names"]

_FORMAT: Final = "format"
_format: Final = getattr(dspy.File, _FORMAT)


def leave_out_file_names() -> None:
    """From now on prompts hold files without their names: lm15's documents have none, and DSPy refuses to drop one."""
    setattr(dspy.File, _FORMAT, _format_nameless)


def write_file_names() -> None:
    """From now on prompts hold files as DSPy writes them."""
    setattr(dspy.File, _FORMAT, _format)


@functools.wraps(_format)
def _format_nameless(file: dspy.File) -> Any:
    parts: list[dict[str, Any]] = _format(file)
    return [
        {**part, "file": {key: value for key, value in part["file"].items() if key != "filename"}}
        if "file" in part
        else part
        for part in parts
    ]
