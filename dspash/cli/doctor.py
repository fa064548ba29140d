"""Doctor: `dspash doctor`, which says whether this machine can run workers, and what to do if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dspash.cli.command import Answer, command
from dspash.cli.exit_status import ExitStatus
from dspash.cli.invocation import current

if TYPE_CHECKING:
    from dspash.cli.checks import Check

__all__ = ["doctor"]


@command
def doctor() -> Answer:
    """Check this machine, and say what to do.

    Python, DSPy, settings, the database, extras, containment, sandboxes and a worker; each problem with its way out.
    """
    from dspash.cli.checks import Outcome, run_checks

    checks: list[Check] = []
    for check in run_checks():
        checks.append(check)
        if not current().as_json:
            typer.echo(_text_of(check))
    failed = any(check.outcome is Outcome.FAILED for check in checks)
    return Answer(
        value={"ok": not failed, "checks": [check.to_map() for check in checks]},
        status=ExitStatus.FAILED if failed else ExitStatus.DONE,
    )


def _text_of(check: Check) -> str:
    way_out = f" -> {check.way_out}" if check.way_out else ""
    line = f"{check.outcome:<7} {check.name}: {check.found}{way_out}"
    return "\n".join([line, *[f"        {more}" for more in check.details.splitlines()]])
