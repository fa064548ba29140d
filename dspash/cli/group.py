"""Group: `dspash` itself, with its commands."""

from __future__ import annotations

import click

from dspash.cli.demo import demo
from dspash.cli.doctor import doctor
from dspash.cli.invocation import debug_option
from dspash.cli.version import version

__all__ = ["dspash"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    commands=[demo, doctor, version],
)
@click.version_option(package_name="dspash", prog_name="dspash", message="%(prog)s %(version)s")
@debug_option
@click.pass_context
def dspash(context: click.Context) -> None:
    """Run DSPy programs in supervised worker processes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
