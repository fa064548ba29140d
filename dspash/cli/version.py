"""Version: `dspash version`."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from dspash.cli.invocation import debug_option, json_option

__all__ = ["version"]


@click.command
@json_option("Print one line of JSON.")
@debug_option
def version(*, as_json: bool) -> None:
    """Print the versions of dspash, DSPy and Python."""
    versions = {
        "dspash": metadata.version("dspash"),
        "dspy": metadata.version("dspy"),
        "python": platform.python_version(),
    }
    if as_json:
        click.echo(json.dumps(versions))
        return
    for name, number in versions.items():
        click.echo(f"{name} {number}")
