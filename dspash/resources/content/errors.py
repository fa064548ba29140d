"""ContentError: what is wrong with the content of a module or program, and where."""

from __future__ import annotations

__all__ = ["ContentError"]


class ContentError(ValueError):
    """A content that cannot be read, or written. Fix what `path` names.

    `path` is a place in a value (`$.modules[0].type`) or a file of a folder, `problem` what is wrong there, `way_out` what
    would be right. Actions tell it as InvalidInputError.
    """

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        self.path = path
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{path}: {problem}; {way_out}")
