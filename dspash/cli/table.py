"""Table: rows for people, in columns that fit the terminal; whole lines where nobody looks at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["print_table"]

_PIPE_WIDTH: Final = 10_000  # into a pipe or file a cell is not cut: whatever reads it wants all of it


def print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `headings`, without frames, so that columns can be cut out of it."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(
            heading, overflow="fold" if console.is_terminal else "ignore", no_wrap=not console.is_terminal
        )
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])  # as Text: what a record says is no markup
    console.print(table, width=None if console.is_terminal else _PIPE_WIDTH)
