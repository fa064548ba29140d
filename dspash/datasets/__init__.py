"""Data sets on disk: examples read from files in bounded memory, and cut into sets by what they say."""

from __future__ import annotations

from dspash.datasets.file_format import FileFormat
from dspash.datasets.hotpotqa import INPUTS as HOTPOTQA_INPUTS
from dspash.datasets.reading import FileReading, OnReading, SplitRow, read_files
from dspash.datasets.row import Row
from dspash.datasets.splitting import SplitPlan

__all__ = [
    "HOTPOTQA_INPUTS",
    "FileFormat",
    "FileReading",
    "OnReading",
    "Row",
    "SplitPlan",
    "SplitRow",
    "read_files",
]
