"""The interpreter: code that a model writes, run in a process of its own."""

from __future__ import annotations

from dspash.interpreter.interpreter import Interpreter, InterpreterFactory
from dspash.interpreter.kin import FinalOutput

__all__ = ["FinalOutput", "Interpreter", "InterpreterFactory"]
