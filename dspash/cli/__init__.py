"""The command line: `dspash`, a face on the app."""

from __future__ import annotations

from dspash.cli.entry import main

__all__ = ["main"]
