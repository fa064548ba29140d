"""Kinds: the interpreters that are measured."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.coders.coder import Coder, Session
from benchmarks.peers.missing import load

__all__ = ["CODERS", "OURS", "make_coder"]


_FETCH_S: Final = 50.0
_MOST_OPEN: Final = 16  # at a time, where a kind wants to know


def _echo(value: Any) -> Any:
    return value


class _Ours(Coder):
    """dspash.Interpreter in one tier."""

    tier: str

    def __init__(self) -> None:
        import dspash

        self._make = dspash.Interpreter

    def open(self) -> Session:
        return _Shutting(self._make(tools={"echo": _echo}, sandbox=self.tier))

    def close(self) -> None:
        from dspash.interpreter.foundry import close_shared

        close_shared()


class Strict(_Ours):
    """As it comes."""

    title = "dspash.Interpreter: CPython, all layers of the sandbox, forked by a zygote"
    tier = "strict"


class Process(_Ours):
    """Without the sandbox."""

    title = 'dspash.Interpreter(sandbox="process"): the same without the sandbox'
    tier = "process"


class Local(Coder):
    """DSPy's own without a sandbox."""

    title = "dspy.LocalInterpreter: CPython, a subprocess with all the rights of its user"

    def __init__(self) -> None:
        import dspy

        self._make = dspy.LocalInterpreter

    def open(self) -> Session:
        return _Shutting(self._make(tools={"echo": _echo}))


class Deno(Coder):
    """DSPy's own with one."""

    title = "dspy.PythonInterpreter: Pyodide, CPython compiled to WebAssembly, in Deno (PyPI deno)"

    def __init__(self) -> None:
        self._deno: str = load("deno").find_deno_bin()
        import dspy

        self._make = dspy.PythonInterpreter
        self._loads = False

    def open(self) -> Session:
        if not self._loads:
            self._require_what_it_loads()
            self._loads = True
        return _Shutting(self._make(tools={"echo": _echo}))

    def _require_what_it_loads(self) -> None:
        """Deno fetches Pyodide, and what drives it, when it first runs. Raises RuntimeError saying what cannot be had."""
        from dspy.primitives import python_interpreter

        runner = Path(python_interpreter.__file__).with_name("runner.js")
        done = subprocess.run(
            [self._deno, "cache", "--no-config", "--no-lock", str(runner)],
            capture_output=True,
            text=True,
            timeout=_FETCH_S,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        if done.returncode != 0:
            errors = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
            raise RuntimeError(f"Pyodide cannot be loaded in Deno: {'; '.join(errors)}")


class Monty(Coder):
    """An interpreter of its own."""

    title = "pydantic-monty: a subset of Python, interpreted in Rust, in a pool of ready subprocesses"

    def __init__(self) -> None:
        self._package = load("pydantic_monty")
        self._pool: Any = None

    def open(self) -> Session:
        if self._pool is None:
            self._pool = self._package.Monty(max_processes=_MOST_OPEN)
            self._pool.__enter__()
        return _MontySession(self._pool)

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)


class _Shutting:
    """An interpreter of DSPy's protocol."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter

    def execute(self, code: str, variables: Mapping[str, Any]) -> Any:
        value = self._interpreter.execute(code, dict(variables))
        return int(value) if isinstance(value, str) and value.isdigit() else value  # Deno's come as text

    def close(self) -> None:
        self._interpreter.shutdown()


class _MontySession:
    """One of Monty's, checked out of its pool."""

    def __init__(self, pool: Any) -> None:
        self._checked_out = pool.checkout()
        self._session = self._checked_out.__enter__()

    def execute(self, code: str, variables: Mapping[str, Any]) -> Any:
        return self._session.feed_run(code, inputs=dict(variables), external_lookup={"echo": _echo})

    def close(self) -> None:
        self._checked_out.__exit__(None, None, None)


OURS: Final = "dspash"

CODERS: Final[dict[str, type[Coder]]] = {
    OURS: Strict,
    "dspash-process": Process,
    "dspy-local": Local,
    "dspy-deno": Deno,
    "monty": Monty,
}
"""By name, in the order of the table."""


def make_coder(name: str) -> Coder:
    """Make one. Raises KeyError, or MissingPackageError."""
    return CODERS[name]()
