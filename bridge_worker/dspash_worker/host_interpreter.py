"""HostInterpreter: an interpreter that the host keeps for this call, in a process apart from this one."""

from __future__ import annotations

import contextvars
import json
import keyword
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NoReturn, Self, cast

from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError, FinalOutput
from dspy.utils.callback import BaseCallback, with_callbacks
from pydantic_core import to_jsonable_python

from dspash_protocol import FaultError, FaultKind, InvalidPayloadError, ReverseCommand
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import EMPTY_MAP, INSTRUCTIONS, Cell, Outcome, OutcomeKind
from dspash_protocol.json_text import write_json
from dspash_protocol.long_texts import LongTexts, Split
from dspash_worker.awaiting import await_in_sync
from dspash_worker.call import Call
from dspash_worker.current import current_call

__all__ = ["HostInterpreter"]

_RESERVED: Final = frozenset({"SUBMIT", "__builtins__"})


class HostInterpreter:
    """Runs code for DSPy's modules where the host says: in a sandboxed process that knows nothing of this one.

    It belongs to the call that makes it, and ends with it. Tools are run here, in the thread that waits for the code;
    where code calls several at once, in threads of their own. `ask_host` goes from the code to the host directly.
    """

    execution_instructions: ClassVar[str] = INSTRUCTIONS

    def __init__(
        self,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        output_fields: Sequence[Mapping[str, Any]] | None = None,
        *,
        callbacks: Sequence[BaseCallback] | None = None,
    ) -> None:
        self.tools = dict(tools or {})
        self.output_fields = None if output_fields is None else [dict(field) for field in output_fields]
        self.callbacks = list(callbacks or [])
        _check_names(self.tools, "tool", ValueError)
        _field_names(self.output_fields)
        self._id: int | None = None
        self._long_texts = LongTexts()
        self._over: str | None = None  # why nothing more is executed
        self._executing = threading.Lock()

    def __repr__(self) -> str:
        return f"<HostInterpreter {self._over or self._id or 'not started'}>"

    @with_callbacks
    def start(self) -> None:
        """Have the host open it. Raises CodeInterpreterError, or FaultError for a host that offers none."""
        if self._over is not None:
            raise CodeInterpreterError(f"{self._over}; create a new interpreter")
        if self._id is None:
            try:
                opened = current_call().ask(ReverseCommand.INTERPRETER_OPEN, {})
                self._id = Fields(_map(opened)).count("interpreter")
            except FaultError as error:
                if error.fault.kind is FaultKind.UNKNOWN_COMMAND:
                    raise
                raise CodeInterpreterError(f"the host opens no interpreter: {error.fault.message}") from error
            except InvalidPayloadError as error:
                raise CodeInterpreterError(f"the host's answer makes no sense: {error}") from error

    @with_callbacks
    def execute(self, code: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Run code; as DSPy's protocol for interpreters says."""
        if not self._executing.acquire(blocking=False):
            raise CodeInterpreterError("this interpreter already has an active execution")
        try:
            self._check(code, variables or {})
            split = self._long_texts.split(variables or {})
            cell = self._cell(code, split)
            if self._id is None or self._over is not None:
                self.start()
            outcome = self._execute(current_call(), cell)
            self._long_texts.note(split)
            return _returned(outcome)
        finally:
            self._executing.release()

    __call__ = execute

    @with_callbacks
    def invoke_tool(self, tool_name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Call one of the tools, as the code asks for it."""
        return await_in_sync(self.tools[tool_name](*args, **kwargs))

    @with_callbacks
    def shutdown(self) -> None:
        """Have the host end it. Idempotent; where the call has ended, so has the interpreter."""
        self._over = self._over or "the interpreter has been shut down"
        number, self._id = self._id, None
        if number is not None:
            try:
                current_call().ask(ReverseCommand.INTERPRETER_CLOSE, {"interpreter": number})
            except (FaultError, ConnectionError):
                pass  # it is gone with its host, or with what went wrong before

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    # --- one execution ---

    def _check(self, code: str, variables: Mapping[str, Any]) -> None:
        _check_names(self.tools, "tool", ValueError)
        _check_names(variables, "variable", CodeInterpreterError, taken=self.tools)
        if not isinstance(code, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise CodeInterpreterError("code must be a string")

    def _cell(self, code: str, split: Split) -> Cell:
        try:
            variables = write_json(split.rest, default=to_jsonable_python) if split.rest else EMPTY_MAP
        except (TypeError, ValueError, RecursionError) as error:
            raise CodeInterpreterError(f"variables must be JSON-compatible: {error}") from error
        fields = _field_names(self.output_fields)
        return Cell(code, variables, split.texts, split.kept, tuple(self.tools), fields)

    def _execute(self, call: Call, cell: Cell) -> Outcome:
        args = {"interpreter": self._id, **cell.to_map()}
        stream = call.ask_stream(ReverseCommand.INTERPRETER_EXECUTE, args)
        try:
            while True:
                try:
                    self._serve(call, Fields(_map(next(stream))))
                except StopIteration as ended:
                    return Outcome.from_map(_map(ended.value))
        except FaultError as error:
            self._give_up(error.fault.message, error)
        except InvalidPayloadError as error:
            self._give_up(f"the host said what makes no sense: {error}", error)
        except BaseException:
            self._over = self._over or "the interpreter was interrupted"
            raise
        finally:
            stream.close()

    def _give_up(self, reason: str, error: Exception) -> NoReturn:
        self._over = reason
        raise CodeInterpreterError(reason) from error

    def _serve(self, call: Call, asked: Fields) -> None:
        """Run a tool that the code calls, and tell the host what came of it."""
        number, name, arguments = asked.count("ask"), asked.text("name"), asked.text("arguments")
        if asked.flag("alone"):
            self._answer(call, number, self._outcome_of(name, arguments))
            return
        context = contextvars.copy_context()

        def work() -> None:
            try:
                self._answer(call, number, context.run(self._outcome_of, name, arguments))
            except BaseException as error:  # noqa: BLE001 - the call is over, or the host does not take the answer
                self._over = self._over or f"a tool's answer was lost: {type(error).__name__}"

        threading.Thread(target=work, name=f"dspash-tool-{number}", daemon=True).start()

    def _outcome_of(self, name: str, arguments: str) -> dict[str, str]:
        try:
            if name not in self.tools:
                raise LookupError(f"there is no tool {name!r:.80}")
            args, kwargs = json.loads(arguments)
            value = self.invoke_tool(name, args, kwargs)
            return {"value": write_json(value, default=to_jsonable_python)}
        except Exception as error:  # noqa: BLE001 - a tool is the program's code, and its error is the answer
            return {"error": _text_of(error)}

    def _answer(self, call: Call, number: int, outcome: Mapping[str, str]) -> None:
        call.ask(ReverseCommand.INTERPRETER_ANSWER, {"interpreter": self._id, "ask": number, **outcome})


def _map(told: Any) -> dict[str, Any]:
    """What the host said, where a map is wanted: an empty one in place of anything else, which then lacks what it must."""
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}


def _returned(outcome: Outcome) -> Any:
    match outcome.kind:
        case OutcomeKind.SYNTAX:
            raise SyntaxError(outcome.error)
        case OutcomeKind.ERROR:
            raise CodeExecutionError(outcome.error)
        case OutcomeKind.FINAL:
            return FinalOutput(json.loads(outcome.value))
        case _:
            value = json.loads(outcome.value)
            return value if value is not None else (outcome.output or None)


def _field_names(output_fields: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...] | None:
    if output_fields is None:
        return None
    names = [field.get("name") for field in output_fields]
    if len(set(names)) != len(names):
        raise ValueError("output field names must be unique")
    _check_names(names, "output field", ValueError)
    return cast("tuple[str, ...]", tuple(names))


def _check_names(
    names: Any, what: str, error: type[Exception], *, taken: Mapping[str, Any] | None = None
) -> None:
    invalid = [name for name in names if not _is_free(name) or (taken is not None and name in taken)]
    if invalid:
        raise error(f"{what} names must be non-reserved Python identifiers; invalid names: {invalid!r}")


def _is_free(name: object) -> bool:
    return (
        isinstance(name, str)
        and name.isidentifier()
        and not keyword.iskeyword(name)
        and name not in _RESERVED
    )


def _text_of(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is somebody's code, too
        return f"{type(error).__name__}, which raised {type(second).__name__} when it was looked at"
