"""Content: what modules and programs are: their canonical form, its hash, differences, and plain files."""

from __future__ import annotations

from dspash.resources.content.canonical import canonical_text, hash_of, json_of, wire_of
from dspash.resources.content.content import (
    Content,
    ModuleContent,
    ProgramContent,
    ProgramForm,
    State,
    ToolContent,
    classes_in,
    content_of,
    signature_of,
)
from dspash.resources.content.diff import ContentDiff, PredictorDiff, SettingDiff, diff_contents
from dspash.resources.content.disk import read_folder, write_folder
from dspash.resources.content.errors import ContentError
from dspash.resources.content.folder import ProgramFolder
from dspash.resources.content.leaves import Leaf, edited_leaf, leaves_of, with_leaf

__all__ = [
    "Content",
    "ContentDiff",
    "ContentError",
    "Leaf",
    "ModuleContent",
    "PredictorDiff",
    "ProgramContent",
    "ProgramFolder",
    "ProgramForm",
    "SettingDiff",
    "State",
    "ToolContent",
    "canonical_text",
    "classes_in",
    "content_of",
    "diff_contents",
    "edited_leaf",
    "hash_of",
    "json_of",
    "leaves_of",
    "read_folder",
    "signature_of",
    "wire_of",
    "with_leaf",
    "write_folder",
]
