"""Interpreters for tests: ours and DSPy's own, ended whatever the test did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from dspash.interpreter.foundry import close_shared


class Make(Protocol):
    """Makes an interpreter with these arguments."""

    def __call__(self, **settings: Any) -> Any: ...


@pytest.fixture(scope="session", autouse=True)
def _foundry() -> Iterator[None]:
    """Close what interpreters share once the last test has run."""
    yield
    close_shared()


@pytest.fixture
def made() -> Iterator[list[Any]]:
    """Interpreters that are shut down at the end of the test."""
    interpreters: list[Any] = []
    yield interpreters
    for interpreter in interpreters:
        interpreter.shutdown()


@pytest.fixture
def interpreter(made: list[Any]) -> Make:
    """Make interpreters of ours."""
    from dspash.interpreter import Interpreter

    def make(**settings: Any) -> Any:
        made.append(Interpreter(**settings))
        return made[-1]

    return make


@pytest.fixture(params=["dspash", "dspy"])
def either(request: pytest.FixtureRequest, made: list[Any]) -> Make:
    """Make interpreters: ours, and DSPy's LocalInterpreter, of which the same is expected."""
    import dspy

    import dspash

    kind = dspash.Interpreter if request.param == "dspash" else dspy.LocalInterpreter

    def make(**settings: Any) -> Any:
        made.append(kind(**settings))
        return made[-1]

    return make
