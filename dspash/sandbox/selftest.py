"""Selftest: has a confined worker attempt what it must not be able to do, before any untrusted program runs."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from dspash.errors import SandboxUnavailableError
from dspash.sandbox import attempts
from dspash.sandbox.spec import Trade
from dspash.sandbox.tier import Tier
from dspash_protocol import (
    PROTOCOL_VERSION,
    Command,
    Defect,
    ErrorReply,
    ProtocolError,
    Request,
    Result,
    Role,
    Session,
)
from dspash_protocol.fields import Fields
from dspash_protocol.interpreter import Cell, Outcome
from dspash_protocol.json_text import write_json

__all__ = ["examine"]

TIMEOUT_S: Final = 30.0  # some 20 ms when nothing else runs
_PROGRAM: Final = "selftest"
_READ_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 20
_LONGEST_FOLDER: Final = 107 - len("/dspash-selftest-12345678/socket")  # bytes


def examine(
    channel: socket.socket, tier: Tier, *, trade: Trade = Trade.PROGRAMS, timeout_s: float = TIMEOUT_S
) -> None:
    """Have the newborn worker at the other end of `channel` run the attempts. Blocks; the worker is of no more use then.

    `trade` is what such workers are for: it says how they are told to run something.

    Raises SandboxUnavailableError when one went through, or when the worker did not answer as it should.
    """
    try:
        with _targets() as targets:
            breaches = _breaches(_run(channel, trade, targets, timeout_s))
    except (OSError, EOFError, ProtocolError, _NotAnsweredError) as error:
        raise _refusal(tier, f"the worker could not be examined ({error or type(error).__name__})") from error
    if breaches:
        raise _refusal(tier, f"a confined program can {', '.join(breaches)}")


class _NotAnsweredError(Exception):
    """The worker said something else than the answer."""


def _run(channel: socket.socket, trade: Trade, targets: Mapping[str, Any], timeout_s: float) -> Any:
    """Run the program of attempts; return what it answered. Raises what examine names."""
    session = Session(Role.HOST, max_frame=_MOST_BYTES)
    greeting: dict[str, Any] = {"protocol": PROTOCOL_VERSION, "features": [], "max_frame": _MOST_BYTES}
    dialogue = ((Command.HELLO, greeting), *_orders(trade, targets))
    until = time.monotonic() + timeout_s
    answer: Any = None
    for number, (command, args) in enumerate(dialogue, 1):
        channel.settimeout(max(0.001, until - time.monotonic()))
        channel.sendall(session.send(Request(number, command, args)))
        answer = _await_answer(channel, session, number, until)
    return answer if trade is Trade.PROGRAMS else _value_in(answer)


def _orders(trade: Trade, targets: Mapping[str, Any]) -> tuple[tuple[Command, dict[str, Any]], ...]:
    """How a worker of this trade is told to make the attempts."""
    text = Path(attempts.__file__).read_text(encoding="utf-8") + "\nresult = try_all(targets)\n"
    if trade is Trade.PROGRAMS:
        return (
            (Command.CREATE_PROGRAM, {"id": _PROGRAM, "forward_fn": text}),
            (Command.EXECUTE, {"program_id": _PROGRAM, "inputs": {"targets": dict(targets)}}),
        )
    cell = Cell(f"{text}result\n", write_json({"targets": dict(targets)}))
    return ((Command.INTERPRETER_OPEN, {}), (Command.INTERPRETER_EXECUTE, cell.to_map()))


def _value_in(answer: Any) -> Any:
    """The value of the code, in an interpreter's answer. Raises _NotAnsweredError or ProtocolError."""
    outcome = Outcome.from_map(cast("dict[str, Any]", answer) if isinstance(answer, dict) else {})
    try:
        return json.loads(outcome.value)
    except (ValueError, RecursionError):
        raise _NotAnsweredError(outcome.error or "its answer is no JSON text") from None


def _await_answer(channel: socket.socket, session: Session, number: int, until: float) -> Any:
    while True:
        channel.settimeout(max(0.001, until - time.monotonic()))
        data = channel.recv(_READ_BYTES)
        if not data:
            raise EOFError("it ended")
        for message in session.receive(data):
            match message:
                case Result(id=answered) if answered == number:
                    return message.result
                case ErrorReply() | Defect():
                    raise _NotAnsweredError(message.fault.message)
                case _:
                    continue  # a notice, or an event


def _breaches(answer: Any) -> list[str]:
    """The attempts that went through. Raises _NotAnsweredError or ProtocolError unless every one is accounted for."""
    if not isinstance(answer, dict):
        raise _NotAnsweredError("its answer is no list of attempts")
    fields = Fields(cast("dict[str, Any]", answer))
    reached = fields.texts("reached")
    told = sorted([*reached, *fields.texts("held")])
    if told != sorted(attempts.ATTEMPTS):
        strange = ", ".join(sorted(set(told) ^ set(attempts.ATTEMPTS)))
        raise _NotAnsweredError(f"it did not account for each attempt once ({strange})")
    return list(reached)


def _short_folder() -> str | None:
    """Where temporary files belong, or /tmp: the kernel takes no socket's path of more than 107 bytes."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108 - what is made in it is private


@contextlib.contextmanager
def _targets() -> Generator[dict[str, Any], None, None]:
    """Lay out, outside of any sandbox, what is to be attempted: a file, sockets, and this process."""
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="dspash-selftest-", dir=_short_folder()))
        )
        folder.chmod(0o755)  # only the sandbox is to keep it from the worker
        file = folder / "file"
        file.write_text("nobody inside may read this", encoding="utf-8")
        name = f"dspash-selftest-{secrets.token_hex(8)}"
        path = folder / "socket"
        for family, address in ((socket.AF_UNIX, f"\0{name}"), (socket.AF_UNIX, str(path))):
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.bind(address)
            listener.listen()
        path.chmod(0o777)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        yield {
            "file": str(file),
            "folder": str(folder),
            "name": name,
            "socket": str(path),
            "port": tcp.getsockname()[1],
            "pid": os.getpid(),
        }


def _refusal(tier: Tier, cause: str) -> SandboxUnavailableError:
    return SandboxUnavailableError(
        tier=tier,
        probe="self-test",
        cause=cause,
        way_out="run no untrusted program here, and report this with what dspash doctor --json says",
    )
