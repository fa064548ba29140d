"""Table: rows for people, in columns that fit the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dspash.cli.printable import printable

__all__ = ["print_table"]


def print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `headings`, without frames, so that columns can be cut out of it."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*[Text(printable(cell)) for cell in row])  # as Text: what a record says is no markup
    console.print(table)
