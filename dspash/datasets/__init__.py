"""Data sets on disk: examples read from files in bounded memory, and cut into sets by what they say."""

from __future__ import annotations

from dspash.datasets.file_format import FileFormat, FormatName
from dspash.datasets.folder import DataFile, files_of
from dspash.datasets.hotpotqa import INPUTS as HOTPOTQA_INPUTS
from dspash.datasets.reading import FileReading, OnReading, SplitRow, read_files
from dspash.datasets.refusal import check_fields
from dspash.datasets.row import Row
from dspash.datasets.splitting import SplitPlan

__all__ = [
    "HOTPOTQA_INPUTS",
    "DataFile",
    "FileFormat",
    "FileReading",
    "FormatName",
    "OnReading",
    "Row",
    "SplitPlan",
    "SplitRow",
    "check_fields",
    "files_of",
    "read_files",
]
