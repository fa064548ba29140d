"""Coder: the port through which every code interpreter is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

__all__ = ["Coder", "Session"]


class Session(Protocol):
    """One open interpreter, in whose code `echo` is a function of the host that returns its argument."""

    def execute(self, code: str, variables: Mapping[str, Any]) -> Any:
        """Run code in which `variables` are globals; return the value of its last expression."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Coder(ABC):
    """One kind of interpreter. A new object costs nothing but the import of its library."""

    title: ClassVar[str]
    """What it is, for the reader of the table."""

    @abstractmethod
    def open(self) -> Session:
        """Make an interpreter. Whether it is up already, or at its first execution, is its own matter."""

    def close(self) -> None:
        """End what its interpreters share, if anything."""
        return
