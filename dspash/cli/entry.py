"""Entry: from the process's arguments to its exit status, and every error to one line on the way."""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from dspash.cli.exit_status import ExitStatus, status_of
from dspash.cli.group import dspash
from dspash.cli.invocation import Invocation, entered
from dspash.errors import DspashError, SupervisorGaveUpError, WorkerFaultError, WorkerLostError

__all__ = ["main", "run"]


def main() -> NoReturn:
    """Run `dspash` with the process's arguments, and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without some letter shows "?" and not a traceback.
            stream.reconfigure(errors="replace")
    try:
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # just before or after a command; one that comes during it is `run`'s
        status = ExitStatus.INTERRUPTED
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status. An error is one line on stderr; `--debug` shows all there is.

    With `--json` that line is JSON, too: `{"error": {"type": …, "message": …, "status": …}}`.
    """
    invocation = entered()
    try:
        status = dspash().main(list(arguments), prog_name="dspash", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        status = ExitStatus.INTERRUPTED
    except TyperException as error:
        # Which options were given is not known when they do not parse.
        invocation.as_json |= "--json" in arguments
        return _refuse(invocation, "UsageError", _usage_line(error), ExitStatus.BAD_INPUT)
    except DspashError as error:
        if invocation.debug:
            typer.echo(_details_of(error), err=True)
        return _refuse(invocation, type(error).__name__, f"dspash: {_line_of(error)}", status_of(error))
    except Exception as error:  # noqa: BLE001 - the process's edge: what nobody foresaw is told in one line, too
        if invocation.debug:
            typer.echo("".join(traceback.format_exception(error)).rstrip("\n"), err=True)
        told = " ".join(str(error).split())
        line = f"dspash: unexpected {type(error).__name__}: {told}; report it, with what --debug shows"
        return _refuse(invocation, type(error).__name__, line, ExitStatus.FAILED)
    if status == ExitStatus.INTERRUPTED:
        typer.echo("interrupted", err=True)
    return status if isinstance(status, int) else ExitStatus.DONE


def _refuse(invocation: Invocation, kind: str, line: str, status: ExitStatus) -> ExitStatus:
    if invocation.as_json:
        message = line.removeprefix("dspash: ")
        line = json.dumps(
            {"error": {"type": kind, "message": message, "status": int(status)}}, ensure_ascii=False
        )
    typer.echo(line, err=True)
    return status


def _usage_line(error: TyperException) -> str:
    """One line, with the help to ask for; Typer keeps the command on those errors that belong to one."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dspash"
    told = " ".join(error.format_message().split())
    return f"{command}: {told} See {command} --help."


def _line_of(error: DspashError) -> str:
    if isinstance(error, SupervisorGaveUpError):  # its own way out is a Python attribute
        return f"{error.report.summary()}; --debug, or dspash doctor, shows the cause"
    return str(error)


def _details_of(error: DspashError) -> str:
    """The traceback, and what the error knows of the worker's side."""
    parts = ["".join(traceback.format_exception(error))]
    match error:
        case SupervisorGaveUpError():
            parts.append(error.report.render())
        case WorkerFaultError():
            parts.append(error.traceback or "")
        case WorkerLostError():
            parts.append(error.stderr_tail)
        case _:
            pass
    return "\n".join(part.rstrip("\n") for part in parts if part)
