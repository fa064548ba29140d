"""Entry: from the process's arguments to its exit status, and every error to one line on the way."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

import click

from dspash.cli.group import dspash
from dspash.cli.invocation import Invocation
from dspash.errors import (
    ConfigurationError,
    DspashError,
    SupervisorGaveUpError,
    WorkerFaultError,
    WorkerLostError,
)

__all__ = ["ExitStatus", "main", "run"]


class ExitStatus(IntEnum):
    """How a command ended, for the shell."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2  # arguments, or data they name
    INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


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
    """Run one command and return its exit status. An error is one line on stderr; `--debug` shows all there is."""
    invocation = Invocation()
    try:
        status = dspash.main(list(arguments), prog_name="dspash", standalone_mode=False, obj=invocation)
    except click.Abort:
        click.echo("interrupted", err=True)
        return ExitStatus.INTERRUPTED
    except click.ClickException as error:
        click.echo(_usage_line(error), err=True)
        return ExitStatus.BAD_INPUT
    except DspashError as error:
        if invocation.debug:
            click.echo(_details_of(error), err=True)
        click.echo(f"dspash: {_line_of(error)}", err=True)
        return ExitStatus.BAD_INPUT if _is_input_error(error) else ExitStatus.FAILED
    return status if isinstance(status, int) else ExitStatus.DONE


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "dspash"
    return f"{command}: {error.format_message()} See {command} --help."


def _is_input_error(error: DspashError) -> bool:
    from dspash.gateway import UnsupportedModelError

    return isinstance(error, (ConfigurationError, UnsupportedModelError))


def _line_of(error: DspashError) -> str:
    if isinstance(error, SupervisorGaveUpError):  # its own way out is a Python attribute
        return f"{error.report.summary()}; --debug, or dspash doctor, shows the cause"
    return str(error)


def _details_of(error: DspashError) -> str:
    """Return the traceback, and what the error knows of the worker's side."""
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
