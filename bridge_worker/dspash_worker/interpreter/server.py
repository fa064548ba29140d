"""Server: serves one host, one request after the other."""

from __future__ import annotations

import os
import platform
import signal
import socket
import sys
from collections import deque
from collections.abc import Collection, Mapping
from types import FrameType
from typing import Any, Final, NoReturn

from dspash_protocol import (
    MAX_FRAME,
    PROTOCOL_VERSION,
    Command,
    Defect,
    ErrorReply,
    Fault,
    FaultError,
    FaultKind,
    FrameTooLargeError,
    InvalidPayloadError,
    LocalProtocolError,
    Notice,
    NoticeName,
    Progress,
    Received,
    RemoteProtocolError,
    Request,
    Result,
    Role,
    Session,
)
from dspash_protocol.interpreter import Cell, Outcome, OutcomeKind
from dspash_worker.allocation import keep_large_blocks
from dspash_worker.exit import ExitCode
from dspash_worker.greeting import answer_greeting, read_greeting
from dspash_worker.interpreter.kernel import OUTPUT_BYTES, Kernel
from dspash_worker.interpreter.line import Line
from dspash_worker.interpreter.tool_calls import ToolCalls
from dspash_worker.stdio import Pipes

__all__ = ["rehearse", "serve"]

FEATURES: Final = ("interpreter", "reverse_requests")
MOST_OUTPUT_BYTES: Final = 2**40
MOST_REHEARSED_BYTES: Final = 1 << 16


def serve(pipes: Pipes, *, max_frame: int = MAX_FRAME, layers: Collection[str] = ()) -> ExitCode:
    """Serve the host on `pipes` until it closes them or asks for the end; return why that was.

    `layers` are those this process is confined by, which the host is told.

    Call it in the main thread, in which the code then runs. Threads that the code has left behind may still run when it
    returns: only `exit.leave` should follow.
    """
    signal.signal(signal.SIGINT, _leave_to_host)
    keep_large_blocks()
    line = Line(pipes, Session(Role.WORKER, max_frame=max_frame))
    os.register_at_fork(after_in_child=line.disown)
    server = _Server(line, max_frame, layers)
    try:
        server.run()
    except (EOFError, _Over):
        return ExitCode.DONE
    except (RemoteProtocolError, OSError):
        return ExitCode.BROKEN_PIPE


def rehearse() -> None:
    """Serve an imaginary host, all of it in this thread, and leave nothing changed.

    What a first time finds out, and CPython's notes on code that has run, are then there in every fork of this process.
    """
    before = sys.stdout, sys.stderr, sys.modules["__main__"]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        host = Session(Role.HOST)
        server = _Server(
            Line(Pipes(theirs.fileno(), theirs.fileno()), Session(Role.WORKER)), MAX_FRAME, layers=()
        )
        for number, (command, args) in enumerate(_REHEARSED, 1):
            ours.sendall(host.send(Request(number, command, args)))
            server.serve_next()
            host.receive(ours.recv(MOST_REHEARSED_BYTES))
    sys.stdout, sys.stderr, sys.modules["__main__"] = before


_REHEARSED: Final[tuple[tuple[Command, dict[str, Any]], ...]] = (
    (Command.HELLO, {"protocol": PROTOCOL_VERSION}),
    (Command.INTERPRETER_OPEN, {}),
    *(
        (Command.INTERPRETER_EXECUTE, {"code": code, "variables": '{"x": [1]}', "output_fields": ["y"]})
        for code in ("import asyncio\nawait asyncio.sleep(0)\nprint(x)", "1 / 0", "SUBMIT(x)", "x") * 2
    ),
)


class _Over(Exception):  # noqa: N818 - no error
    """There is nothing more to serve."""


class _Server:
    def __init__(self, line: Line, max_frame: int, layers: Collection[str]) -> None:
        self._line = line
        self._max_frame = max_frame
        self._layers = tuple(layers)
        self._kernel: Kernel | None = None
        self._set_aside: deque[Received] = deque()  # what came while code ran
        self._tool_calls = ToolCalls(line, self._set_aside.append)

    def run(self) -> NoReturn:
        while True:
            self.serve_next()

    def serve_next(self) -> None:
        """Wait for one message and do as it says."""
        received = self._set_aside.popleft() if self._set_aside else self._line.receive()
        match received:
            case Request():
                self._serve(received)
            case Defect():
                self._refuse(received)
            case _:
                pass  # a cancel, which comes too late here; an answer nobody waits for; a newer host's notice

    def _serve(self, request: Request) -> None:
        try:
            answer = self._answer(request)
        except FaultError as error:
            self._line.send(ErrorReply(request.id, error.fault))
            return
        self._reply(request.id, answer)
        if request.command == Command.HELLO:
            ready = {"pid": os.getpid(), "import_ms": 0, "layers": list(self._layers)}
            self._line.send(Notice(NoticeName.READY, ready))
        if request.command in (Command.SHUTDOWN, Command.INTERPRETER_CLOSE):
            raise _Over

    def _reply(self, request_id: int, answer: Any) -> None:
        wire = answer.to_map() if isinstance(answer, Outcome) else answer
        try:
            self._line.send(Result(request_id, wire))
        except FrameTooLargeError as error:
            problem = (
                f"the result takes {error.size} bytes, over the limit of {error.limit}: return or print less"
            )
            outcome = Outcome(OutcomeKind.ERROR, error=f"ValueError: {problem}")
            self._line.send(Result(request_id, outcome.to_map()))
        except LocalProtocolError as error:
            self._line.send(ErrorReply(request_id, Fault(FaultKind.UNSERIALISABLE, str(error))))

    def _answer(self, request: Request) -> Any:
        match request.command:
            case Command.HELLO:
                return self._greet(request.args)
            case Command.PING:
                return {"payload": request.args.get("payload")}
            case Command.INTERPRETER_OPEN:
                return self._open(request.args)
            case Command.INTERPRETER_EXECUTE:
                return self._execute(request)
            case Command.INTERPRETER_CLOSE | Command.SHUTDOWN:
                return {"outcomes": {}} if request.command == Command.SHUTDOWN else None
            case _:
                problem = f"an interpreter does not offer {request.command!r:.80}"
                fault = Fault(FaultKind.UNKNOWN_COMMAND, problem, progress=Progress.SENT)
                raise FaultError(fault)

    def _greet(self, args: Mapping[str, Any]) -> dict[str, Any]:
        greeting = read_greeting(args)
        self._line.session.peer_max_frame = greeting.max_frame
        versions = {"python": platform.python_version()}
        return answer_greeting(
            max_frame=self._max_frame,
            concurrency=1,
            versions=versions,
            pid=os.getpid(),
            features=FEATURES,
        )

    def _open(self, args: Mapping[str, Any]) -> dict[str, Any]:
        if self._kernel is not None:
            raise FaultError.of(FaultKind.INVALID_REQUEST, "this worker's interpreter is open")
        output_bytes = args.get("output_bytes", OUTPUT_BYTES)
        if type(output_bytes) is not int or not 0 <= output_bytes <= MOST_OUTPUT_BYTES:
            raise FaultError.of(
                FaultKind.INVALID_INPUT,
                f"output_bytes is from 0 to {MOST_OUTPUT_BYTES}",
                path="$.output_bytes",
            )
        self._kernel = Kernel(self._tool_calls, output_bytes=output_bytes)
        return {"python": platform.python_version()}

    def _execute(self, request: Request) -> Outcome:
        if self._kernel is None:
            raise FaultError.of(FaultKind.INVALID_REQUEST, "interpreter.open comes first")
        try:
            cell = Cell.from_map(request.args)
        except InvalidPayloadError as error:
            raise FaultError.of(FaultKind.INVALID_INPUT, error.problem, path=error.path) from None
        return self._kernel.execute(request.id, cell)

    def _refuse(self, defect: Defect) -> None:
        if defect.request_id is not None:
            self._line.send(ErrorReply(defect.request_id, defect.fault))
        elif self._line.session.is_full:
            self._line.send(Notice(NoticeName.PROTOCOL_ERROR, defect.fault.to_map()))


def _leave_to_host(_signal: int, _frame: FrameType | None) -> None:
    """Ignore Ctrl-C: it goes to every process of the terminal, and the host decides what it means."""
