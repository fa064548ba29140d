"""Interpreter: runs code that a model writes, in a process of its own, for whoever speaks DSPy's protocol for that."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn, Self

from dspash.errors import DspashError
from dspash.interpreter.foundry import shared_foundry
from dspash.interpreter.kernel import Kernel, KernelFailedError
from dspash.interpreter.kin import execution_error, final_output, interpreter_error, observed
from dspash.interpreter.names import check_tools, check_variables, field_names
from dspash.interpreter.time_limits import TimeLimits
from dspash.interpreter.tool_runner import ToolRunner
from dspash.interpreter.tools import serve_by
from dspash.interpreter.values import read_value, write_value
from dspash.sandbox import Limits, Tier
from dspash_protocol import FrameTooLargeError, Progress
from dspash_protocol.interpreter import EMPTY_MAP, INSTRUCTIONS, Cell, Outcome, OutcomeKind
from dspash_protocol.long_texts import LongTexts, Split

__all__ = ["Interpreter", "InterpreterFactory"]


class Interpreter:
    """Runs Python code in a worker process of its own; names last from one execution to the next.

    It is an interpreter for DSPy's modules (`dspy.RLM(…, interpreter_factory=dspash.Interpreter)`), and takes the place of
    `dspy.PythonInterpreter` and `dspy.LocalInterpreter`. It can be used without DSPy as well.

    tools: functions of this process that the code may call, by name.
    output_fields: what SUBMIT takes, each a map with a `name`; one value without them.
    execution_timeout: seconds an execution may take, its tools included; past it the interpreter is ended.
    sandbox: how the worker is confined: `strict`, or one of the weaker tiers; `process` is no sandbox at all.
    limits: what an execution may use: time, and the size and number of its messages and tool calls.
    callbacks: DSPy's callbacks, which are told of what happens here.

    Both `tools` and `output_fields` may be changed between executions.
    """

    execution_instructions: ClassVar[str] = INSTRUCTIONS

    def __init__(
        self,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        output_fields: Sequence[Mapping[str, Any]] | None = None,
        *,
        execution_timeout: float | None = None,
        sandbox: str = "strict",
        limits: Limits | None = None,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        """See the class. Raises ValueError for names that code cannot call."""
        if execution_timeout is not None and execution_timeout <= 0:
            raise ValueError("execution_timeout must be positive or None")
        self.tools: dict[str, Callable[..., Any]] = dict(tools or {})
        self.output_fields = None if output_fields is None else [dict(field) for field in output_fields]
        self.execution_timeout = execution_timeout
        self.sandbox = _tier_of(sandbox)
        self.limits = limits or Limits()
        self.callbacks = list(callbacks or [])
        check_tools(self.tools)
        field_names(self.output_fields)
        self._runner = ToolRunner(functools.partial(serve_by, self.invoke_tool))
        self._kernel: Kernel | None = None
        self._long_texts = LongTexts()
        self._over: str | None = None  # why nothing more is executed
        self._executing = threading.Lock()

    @classmethod
    def factory(cls, **settings: Any) -> InterpreterFactory:
        """Return what makes interpreters with these settings, for DSPy's `interpreter_factory`.

        Raises ValueError as making one of them would.
        """
        cls(**settings)
        return InterpreterFactory(cls, settings)

    def __repr__(self) -> str:
        return f"<Interpreter {self._over or self._kernel or 'not started'}>"

    @observed
    def start(self) -> None:
        """Start the worker now and not at the first execution. Raises CodeInterpreterError."""
        if self._over is not None:
            raise interpreter_error(f"{self._over}; create a new interpreter")
        if self._kernel is not None:
            return
        try:
            kernel = shared_foundry().start(self.sandbox, self.limits)
        except (OSError, DspashError) as error:
            raise interpreter_error(f"the interpreter's worker cannot be started: {error}") from error
        weakref.finalize(self, _end, kernel, os.getpid())
        self._kernel = kernel
        try:
            kernel.boot()
        except KernelFailedError as error:
            self._give_up(error)

    @observed
    def execute(self, code: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Run a piece of code, with `variables` (of JSON-compatible values) as globals of it.

        Returns a FinalOutput when the code called SUBMIT, else the value of its last expression, or if that is None what
        was printed, or None. A value that has no JSON form is told by its repr.

        Raises SyntaxError, having run nothing; CodeExecutionError when the code raised, and the interpreter goes on;
        CodeInterpreterError for everything else, and but for arguments that do not fit the interpreter is then over; where
        that was for a limit, the error's `__cause__` is a LimitExceededError.
        """
        if not self._executing.acquire(blocking=False):
            raise interpreter_error("this interpreter already has an active execution")
        try:
            return self._returned(self._execute(code, variables or {}))
        finally:
            self._executing.release()

    def __call__(self, code: str, variables: Mapping[str, Any] | None = None) -> Any:
        """The same as `execute`."""
        return self.execute(code, variables)

    @observed
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call one of the tools, as the code asks for it."""
        return self.tools[tool_name](*args, **kwargs)

    @observed
    def shutdown(self) -> None:
        """End the worker; names are gone, and nothing more can be executed. Idempotent."""
        self._over = self._over or "the interpreter has been shut down"
        if self._kernel is not None:
            self._kernel.end()
        self._runner.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _execute(self, code: str, variables: Mapping[str, Any]) -> Outcome:
        check_tools(self.tools)
        self._check(code, variables)
        split = self._long_texts.split(variables)
        cell = self._cell(code, split)
        if self._kernel is None or self._over is not None:
            self.start()
        kernel = self._kernel
        assert kernel is not None  # noqa: S101 - start has made it or raised
        times = TimeLimits(
            wall_s=self.limits.wall_s, total_s=self.limits.total_s, timeout_s=self.execution_timeout
        )
        try:
            outcome = kernel.execute(
                cell.to_map(),
                tools=frozenset(cell.tools),
                runner=self._runner,
                times=times,
                aside=self.execution_timeout is not None,
            )
            self._long_texts.note(split)
            return outcome
        except KernelFailedError as error:
            self._give_up(
                error, None if error.overrun is None else error.overrun.error(Progress.SIDE_EFFECTS)
            )
        except FrameTooLargeError as error:
            raise interpreter_error(
                f"code and variables take {error.size} bytes, over the limit of {error.limit}"
            ) from None
        except BaseException:
            self._over = self._over or "the interpreter was interrupted"
            raise

    def _check(self, code: str, variables: Mapping[str, Any]) -> None:
        if not isinstance(code, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise interpreter_error("code must be a string")
        if not isinstance(variables, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise interpreter_error("variables must map Python identifiers to JSON-compatible values")
        check_variables(variables, self.tools)
        try:
            code.encode()
        except UnicodeEncodeError as error:
            raise execution_error(f"UnicodeEncodeError: the code is no text: {error}") from None

    def _cell(self, code: str, split: Split) -> Cell:
        try:
            variables = write_value(split.rest) if split.rest else EMPTY_MAP
        except (TypeError, ValueError) as error:
            raise interpreter_error(f"variables must be JSON-compatible: {error}") from error
        fields = field_names(self.output_fields)
        return Cell(code, variables, split.texts, split.kept, tuple(self.tools), fields)

    def _returned(self, outcome: Outcome) -> Any:
        if outcome.kind is OutcomeKind.SYNTAX:
            raise SyntaxError(outcome.error)
        if outcome.kind is OutcomeKind.ERROR:
            raise execution_error(outcome.error)
        try:
            value = read_value(outcome.value)
        except ValueError as error:
            self._give_up(error)
        if outcome.kind is OutcomeKind.FINAL:
            return final_output(value)
        return value if value is not None else (outcome.output or None)

    def _give_up(self, error: Exception, cause: Exception | None = None) -> NoReturn:
        self._over = f"the interpreter has ended: {error}"
        self._runner.close()
        ended = interpreter_error(f"{self._over}; its names are lost, create a new one")
        if self._kernel is not None:
            self._kernel.end()
            ended.stderr_tail = self._kernel.stderr_tail
        raise ended from cause or error


@dataclass(frozen=True, slots=True)
class InterpreterFactory:
    """Makes interpreters with the same settings, one at each call. May be called from several threads at once."""

    kind: type[Interpreter]
    settings: Mapping[str, Any]

    @property
    def execution_instructions(self) -> str:
        """What DSPy tells a model of where its code runs."""
        return self.kind.execution_instructions

    def __call__(self) -> Interpreter:
        return self.kind(**self.settings)


def _tier_of(sandbox: str) -> Tier:
    try:
        return Tier(sandbox)
    except ValueError:
        raise ValueError(f"sandbox is one of {', '.join(Tier)}, not {sandbox!r}") from None


def _end(kernel: Kernel, owner: int) -> None:
    if os.getpid() == owner:
        kernel.end()
    else:
        kernel.let_go()
