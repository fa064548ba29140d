"""Kernel: runs the cells of one interpreter, one after the other, and tells what became of each."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, Final, cast

from dspash_protocol import FaultError, FaultKind
from dspash_protocol.interpreter import NULL, Cell, Outcome, OutcomeKind
from dspash_protocol.long_texts import KEPT_FROM
from dspash_worker.interpreter.namespace import Namespace, line_in
from dspash_worker.interpreter.output import Output
from dspash_worker.interpreter.results import last_value, submitted
from dspash_worker.interpreter.submission import Submission, submitter
from dspash_worker.interpreter.tool_calls import ToolCalls

__all__ = ["OUTPUT_BYTES", "SUBMIT", "Kernel"]

OUTPUT_BYTES: Final = 1024 * 1024
SUBMIT: Final = "SUBMIT"

_RESERVED: Final = frozenset({SUBMIT, "__builtins__"})


class Kernel:
    """What `interpreter.open` makes. Belongs to the thread that serves requests, in which the code runs as well."""

    def __init__(self, tool_calls: ToolCalls, *, output_bytes: int) -> None:
        self._tool_calls = tool_calls
        self._output = Output(output_bytes)
        self._namespace = Namespace()
        self._tools: tuple[str, ...] = ()
        self._kept: dict[str, str] = {}  # the last long text of each name, which the host need not send again
        self._current: object = None  # the cell that runs; SUBMIT and tools of another are refused

    def execute(self, request_id: int, cell: Cell) -> Outcome:
        """Run a cell. Raises FaultError, having run nothing, when what it is given does not fit."""
        key = object()
        variables = self._read_variables(cell)
        for name in self._tools:
            self._namespace.unbind(name)
        self._tools = cell.tools
        self._namespace.bind(
            {
                name: self._tool_calls.function(name, request_id, lambda: self._current is key)
                for name in cell.tools
            }
        )
        self._namespace.bind(variables)
        self._namespace.bind({SUBMIT: submitter(key, cell.output_fields)})
        self._output.install()
        self._current = key
        try:
            outcome = self._run(cell.code, key)
        finally:
            self._current = None
        output = self._output.take()
        if len(sys._current_frames()) > 1:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            return Outcome(
                OutcomeKind.BROKEN, NULL, output, f"the code left threads running: {_other_threads()}"
            )
        return Outcome(outcome.kind, outcome.value, output, outcome.error)

    def _read_variables(self, cell: Cell) -> dict[str, Any]:
        """The variables of a cell, in whatever way they came."""
        if lost := [name for name in cell.kept if name not in self._kept]:
            raise _unfit("kept", f"{', '.join(lost)} was never sent")
        kept = {name: self._kept[name] for name in cell.kept}
        variables = {**_read_json(cell), **cell.texts, **kept}
        if taken := variables.keys() & {*_RESERVED, *cell.tools}:
            raise _unfit("variables", f"{', '.join(sorted(taken))} is taken")
        if taken := _RESERVED.intersection(cell.tools):
            raise _unfit("tools", f"{', '.join(sorted(taken))} is taken")
        self._kept.update({name: text for name, text in cell.texts.items() if len(text) >= KEPT_FROM})
        return variables

    def _run(self, code: str, key: object) -> Outcome:
        try:
            return Outcome(OutcomeKind.VALUE, last_value(self._namespace.run(code)))
        except Submission as submission:
            if submission.key is not key:
                return Outcome(
                    OutcomeKind.ERROR, error="RuntimeError: SUBMIT belongs to an earlier execution"
                )
            return _final(submission)
        except SyntaxError as error:
            if line_in(error.__traceback__) is None:
                return Outcome(OutcomeKind.SYNTAX, error=_text_of(error))
            return _raised(error)  # by the code itself, in an eval or an import
        except BaseException as error:  # noqa: BLE001 - the boundary to the code: even its exit is only its outcome
            return _raised(error)


def _read_json(cell: Cell) -> dict[str, Any]:
    try:
        variables: Any = json.loads(cell.variables)
    except (ValueError, RecursionError) as error:
        raise _unfit("variables", f"it is no JSON text: {error}") from None
    if not isinstance(variables, dict):
        raise _unfit("variables", "it is no JSON map")
    return cast("dict[str, Any]", variables)


def _final(submission: Submission) -> Outcome:
    try:
        return Outcome(OutcomeKind.FINAL, submitted(submission.values))
    except BaseException as error:  # noqa: BLE001 - a value's repr is the code's own
        return _raised(error)


def _raised(error: BaseException) -> Outcome:
    line = line_in(error.__traceback__)
    place = "" if line is None else f" (line {line})"
    return Outcome(OutcomeKind.ERROR, error=f"{type(error).__name__}: {_text_of(error)}{place}")


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException as second:  # noqa: BLE001 - an exception's own __str__ is the code's
        text = f"its text could not be had: {type(second).__name__}"
    return text.encode(errors="backslashreplace").decode()


def _other_threads() -> str:
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    return ", ".join(names) or "without a name"


def _unfit(name: str, problem: str) -> FaultError:
    return FaultError.of(FaultKind.INVALID_INPUT, f"{name}: {problem}", path=f"$.{name}")
