"""The fake worker: starts in 50 ms, serves snippets as the real one does, and misbehaves on request.

`FAKE_BOOT` says how it starts: `ready` (as it should), `crash`, `hang` (alive and never ready), `refuse` (hello).
Commands that begin with `fake.` are misdeeds; see MISDEEDS.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from dspash_protocol import (
    Cancel,
    Defect,
    ErrorReply,
    Event,
    EventKind,
    Fault,
    FaultError,
    FaultKind,
    Message,
    Notice,
    Request,
    Result,
    Role,
    Session,
)

os.set_inheritable(0, False)
os.set_inheritable(1, False)
PIPE = socket.socket(fileno=os.dup(0))
PIPE.set_inheritable(False)
os.dup2(2, 1)
NULL = os.open(os.devnull, os.O_RDONLY)
os.dup2(NULL, 0)

session = Session(Role.WORKER)
writing = threading.Lock()
programs: dict[str, dict[str, Any]] = {}
told: list[list[Any]] = []  # every definition in the order of its arrival
running: dict[int, threading.Thread] = {}
answers: dict[int, queue.SimpleQueue[Any]] = {}
ask_ids = itertools.count(-1, -1)
beating = threading.Event()
held: list[bytearray] = []


class Cancelled(BaseException):
    """Raised in the thread of a call that the host has cancelled."""


def say(message: Message) -> None:
    write(session.send(message))


def write(data: bytes) -> None:
    with writing:
        PIPE.sendall(data)


def ask(call_id: int, command: str, args: dict[str, Any]) -> Any:
    request_id = next(ask_ids)
    inbox = answers[request_id] = queue.SimpleQueue()
    say(Request(request_id, command, {**args, "call": call_id}))
    while True:
        try:
            reply = inbox.get(timeout=0.02)  # a cancellation can be raised in between
            break
        except queue.Empty:
            continue
    if isinstance(reply, ErrorReply):
        raise FaultError(reply.fault)
    return reply.result


def execute(request: Request) -> dict[str, Any]:
    program = programs.get(str(request.args.get("program_id")))
    if program is None:
        raise FaultError.of(FaultKind.NOT_FOUND, f"{request.args.get('program_id')!r} was never created")

    def tool(name: str) -> Callable[..., Any]:
        return lambda **args: ask(request.id, "tool.call", {"name": name, "args": args})

    names: dict[str, Any] = {entry["name"]: tool(entry["name"]) for entry in program.get("tools", [])}
    seqs = itertools.count()
    names["emit"] = lambda data: say(Event(request.id, EventKind.ITEM, next(seqs), data))
    names.update(request.args["inputs"])
    exec(program["forward_fn"], names)
    return {"fields": names["result"], "usage": {}}


def serve(request: Request) -> None:
    try:
        value = execute(request)
    except Cancelled:
        fault = Fault(FaultKind.CANCELLED, "cancelled by the host")
    except FaultError as error:
        fault = error.fault
    except BaseException as error:  # noqa: BLE001 - whatever a snippet raises is its call's outcome
        fault = Fault(FaultKind.PROGRAM_ERROR, str(error), type(error).__name__)
    else:
        running.pop(request.id, None)
        say(Result(request.id, value))
        return
    running.pop(request.id, None)
    say(ErrorReply(request.id, fault))


def cancel(request_id: int) -> None:
    thread = running.get(request_id)
    if thread is not None and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Cancelled))


def define(request: Request) -> None:
    subject = str(request.args.get("id", "$configure"))
    told.append([request.command, subject, request.args.get("version")])
    if request.args.get("refused"):
        say(ErrorReply(request.id, Fault(FaultKind.INVALID_INPUT, "refused")))
        return
    if request.command == "create_program":
        programs[subject] = dict(request.args)
    elif request.command == "delete":
        programs.pop(subject, None)
    say(Result(request.id, {"id": subject}))


# --- misdeeds: each is told the request that asked for it ---


def stray(request: Request) -> None:
    """A reply, and then text that is no frame, in one piece."""
    write(session.send(Result(request.id, "before the noise")) + b"Hello, I am a library banner\n")


def half_frame(request: Request) -> None:
    """The beginning of a frame, and then the end of the process."""
    write(session.send(Result(request.id, "x" * 1000))[: int(request.args.get("bytes", 100))])
    os.kill(os.getpid(), signal.SIGKILL)


def twice(request: Request) -> None:
    """One request, two replies."""
    frame = session.send(Result(request.id, "once"))
    write(frame + frame)


def unknown(request: Request) -> None:
    """A reply to a request that nobody made, and then the right one."""
    session._open[10_000_000] = session._open[request.id]
    write(session.send(Result(10_000_000, "who asked?")))
    say(Result(request.id, "mine"))


def malformed(request: Request) -> None:
    """A whole frame about this request whose content cannot be read."""
    payload = b'{"id": %d, "result": NaN}' % request.id
    session.forget(request.id)
    write(struct.pack(">I", len(payload)) + payload)


def unattributable(request: Request) -> None:
    """A whole frame that makes no sense and does not say what it is about."""
    write(struct.pack(">I", 9) + b"{not json")


def oversized(request: Request) -> None:
    """A reply that is longer than the host takes."""
    payload = b'{"id": %d, "result": "%s"}' % (request.id, b"x" * int(request.args["bytes"]))
    session.forget(request.id)
    write(struct.pack(">I", len(payload)) + payload)


def flood_stderr(request: Request) -> None:
    """More on stderr than a pipe holds, and then the reply."""
    for number in range(int(request.args.get("lines", 20_000))):
        os.write(2, b"line %d\n" % number)
    say(Result(request.id, "written"))


def silent(request: Request) -> None:
    """No heartbeat any more, and nothing to do."""
    beating.clear()
    say(Result(request.id, None))


def close_pipe(request: Request) -> None:
    """Its end of the pipe is closed, and the process lives on."""
    PIPE.shutdown(socket.SHUT_RDWR)
    PIPE.close()
    threading.Event().wait()


def hold_pipe(request: Request) -> None:
    """A child that inherits the pipe and outlives the worker, which dies."""
    PIPE.set_inheritable(True)
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    write(session.send(Result(request.id, child.pid)))
    os.kill(os.getpid(), signal.SIGKILL)


def daemon(request: Request) -> None:
    """A grandchild in a session of its own, which writes its pid down and sleeps."""
    script = "import os,time; os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    say(Result(request.id, int(child.stdout.readline())))


def die(request: Request) -> None:
    """The process ends by a signal, with a last word on stderr."""
    os.write(2, b"the last word\n")
    os.kill(os.getpid(), int(request.args.get("signal", signal.SIGKILL)))


def leave(request: Request) -> None:
    """The process ends by itself."""
    os._exit(int(request.args.get("code", 0)))


def stop_reading(request: Request) -> None:
    """The reading thread is busy for a while: what the host writes piles up."""
    time.sleep(float(request.args["seconds"]))
    say(Result(request.id, None))


def echo_slowly(request: Request) -> None:
    """Replies without reading meanwhile: as many large ones as asked for."""
    for _ in range(int(request.args["count"])):
        say(Event(request.id, EventKind.PROGRESS, 0, "x" * int(request.args["bytes"])))
    say(Result(request.id, None))


def break_ask(request: Request) -> None:
    """A reverse request that the protocol does not allow, answered with a fault."""
    payload = b'{"id": -77, "command": 5, "args": {}}'
    inbox = answers[-77] = queue.SimpleQueue()
    threading.Thread(target=_await_fault, args=(request, inbox), daemon=True).start()
    write(struct.pack(">I", len(payload)) + payload)


def _await_fault(request: Request, inbox: queue.SimpleQueue[Any]) -> None:
    reply = inbox.get(timeout=10)
    say(Result(request.id, reply.fault.kind if isinstance(reply, ErrorReply) else "a result"))


def complain(request: Request) -> None:
    """The worker says that it could not read a frame of the host's."""
    say(Notice("protocol_error", {"message": "what was that?"}))


def flood(request: Request) -> None:
    """Events without end, as fast as they go; of `bytes` each."""
    data = "x" * int(request.args.get("bytes", 1))
    for seq in itertools.count():
        say(Event(request.id, EventKind.PROGRESS, seq, data))


def flood_tiny(request: Request) -> None:
    """The smallest frames there are, which mean nothing."""
    while True:
        write(struct.pack(">I", 1) + b"\x80" * 1 + struct.pack(">I", 1) + b"\x80")


def drip(request: Request) -> None:
    """A frame that was begun and never ends."""
    write(struct.pack(">I", 100) + b"{")
    threading.Event().wait()


def ask_for(request: Request) -> None:
    """A reverse request like any, made of the arguments; the result says how it was answered."""
    args = dict(request.args["args"])
    threading.Thread(target=_ask_for, args=(request, args), daemon=True).start()


def _ask_for(request: Request, args: dict[str, Any]) -> None:
    try:
        answer = ask(request.args.get("as", request.id), request.args["command"], args)
    except FaultError as error:
        answer = str(error.fault.kind)
    say(Result(request.id, answer))


def deliver(request: Request) -> None:
    """Files, as pieces; then the result."""
    for seq, piece in enumerate(request.args["pieces"]):
        say(Event(request.id, "file", seq, piece))
    say(Result(request.id, {"fields": {}, "usage": {}}))


def fail_as(request: Request) -> None:
    """The error of a program that has met a limit."""
    fault = Fault(
        FaultKind.PROGRAM_ERROR,
        request.args["message"],
        type=request.args["type"],
        details=request.args["details"],
    )
    say(ErrorReply(request.id, fault))


def burn(request: Request) -> None:
    """CPU time, and no answer."""
    threading.Thread(target=lambda: [None for _ in itertools.count() if False], daemon=True).start()


def grow(request: Request) -> None:
    """Memory, and no answer."""
    held.append(bytearray(int(request.args["bytes"])))
    held[-1][::4096] = b"x" * len(held[-1][::4096])


MISDEEDS: dict[str, Callable[[Request], None]] = {
    f"fake.{deed.__name__}": deed
    for deed in (
        ask_for,
        break_ask,
        burn,
        close_pipe,
        complain,
        daemon,
        deliver,
        die,
        drip,
        echo_slowly,
        fail_as,
        flood,
        flood_stderr,
        flood_tiny,
        grow,
        half_frame,
        hold_pipe,
        leave,
        malformed,
        oversized,
        silent,
        stop_reading,
        stray,
        twice,
        unattributable,
        unknown,
    )
}


# --- the session ---


def take(message: Any) -> None:
    match message:
        case Request(command="hello"):
            greet(message)
        case Request(command="ping"):
            say(Result(message.id, {"payload": message.args.get("payload")}))
        case Request(command="list"):
            say(Result(message.id, {"told": told, "environment": dict(os.environ), "pid": os.getpid()}))
        case Request(command="configure" | "create_module" | "create_program" | "load_state" | "delete"):
            define(message)
        case Request(command="execute"):
            thread = threading.Thread(target=serve, args=(message,), daemon=True)
            running[message.id] = thread
            thread.start()
        case Request(command=command):
            deed = MISDEEDS.get(command)
            if deed is None:
                say(ErrorReply(message.id, Fault(FaultKind.UNKNOWN_COMMAND, f"there is no {command}")))
            else:
                deed(message)
        case Cancel(id=request_id):
            cancel(request_id)
        case Result(id=request_id) | ErrorReply(id=request_id):
            answers.pop(request_id).put(message)
        case Defect() | _:
            pass


def greet(request: Request) -> None:
    boot = os.environ.get("FAKE_BOOT", "ready")
    if boot == "crash":
        sys.stderr.write("Traceback (most recent call last):\nImportError: no module named dspy\n")
        sys.stderr.flush()
        os._exit(5)
    if boot == "refuse":
        say(ErrorReply(request.id, Fault(FaultKind.INVALID_INPUT, "this worker speaks version 9")))
        return
    session.peer_max_frame = request.args["max_frame"]
    say(Result(request.id, {"protocol": 1}))
    if boot == "hang":
        return
    say(Notice("ready", {"pid": os.getpid()}))
    if request.args["heartbeat_s"] > 0:
        beating.set()
        threading.Thread(target=beat, args=(float(request.args["heartbeat_s"]),), daemon=True).start()


def beat(every_s: float) -> None:
    rss = int(os.environ.get("FAKE_RSS", "1000000"))
    while beating.is_set():
        say(Notice("heartbeat", {"rss": rss}))
        time.sleep(every_s)


def main() -> None:
    if os.environ.pop("DSPASH_PARENT", None) is not None:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    while True:
        data = PIPE.recv(1 << 18)
        if not data:
            os._exit(0)
        for message in session.receive(data):
            take(message)


if __name__ == "__main__":
    main()
