"""Doctor: `dspash doctor`, which says whether this machine can run workers, and what to do if not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dspash.cli.invocation import debug_option, json_option

if TYPE_CHECKING:
    from dspash.cli.checks import Check

__all__ = ["doctor"]


@click.command
@json_option("Print one line of JSON.")
@debug_option
def doctor(*, as_json: bool) -> int:
    """Check Python, DSPy, containment, sandboxes and a worker; each problem comes with its way out."""
    from dspash.cli.checks import Outcome, run_checks

    checks: list[Check] = []
    for check in run_checks():
        checks.append(check)
        if not as_json:
            click.echo(_text_of(check))
    failed = any(check.outcome is Outcome.FAILED for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [check.to_map() for check in checks]}))
    return int(failed)


def _text_of(check: Check) -> str:
    way_out = f" -> {check.way_out}" if check.way_out else ""
    line = f"{check.outcome:<7} {check.name}: {check.found}{way_out}"
    return "\n".join([line, *[f"        {more}" for more in check.details.splitlines()]])
