"""Diff: what two contents of one program differ in: text, instructions, demonstrations, settings."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from dspash.resources.content.canonical import canonical_text, json_of
from dspash.resources.content.content import Content
from dspash.resources.content.leaves import Leaf, leaves_of

__all__ = ["ContentDiff", "PredictorDiff", "SettingDiff", "diff_contents"]

_MISSING: Final = object()
_APART: Final = ("text", "state")  # told line by line, and predictor by predictor


@dataclass(frozen=True, slots=True)
class SettingDiff:
    """One value that differs, by its place (`$.modules[0].config.temperature`); None where there is none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class PredictorDiff:
    """What one predictor is told otherwise: lines of a unified diff, and demos that came and went."""

    name: str
    instructions: tuple[str, ...] = ()
    demos_added: tuple[Mapping[str, Any], ...] = ()
    demos_removed: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ContentDiff:
    """All that differs, in the order of the later content. `source` has the lines of a unified diff, without headings.

    A predictor that only one side has is told with all that it has there.
    """

    source: tuple[str, ...] = ()
    predictors: tuple[PredictorDiff, ...] = ()
    settings: tuple[SettingDiff, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.source or self.predictors or self.settings)

    def to_map(self) -> dict[str, Any]:
        """As data: JSON values only."""
        return json_of(
            {
                "source": self.source,
                "predictors": [
                    {
                        "name": each.name,
                        "instructions": each.instructions,
                        "demos_added": each.demos_added,
                        "demos_removed": each.demos_removed,
                    }
                    for each in self.predictors
                ],
                "settings": [
                    {"path": each.path, "before": each.before, "after": each.after} for each in self.settings
                ],
            }
        )

    def lines(self) -> Iterator[str]:
        """As people read it: headings, and below each the lines that went and came."""
        if self.source:
            yield "source"
            yield from self.source
        for each in self.predictors:
            if each.instructions:
                yield f"instructions of {each.name}"
                yield from each.instructions
            if each.demos_added or each.demos_removed:
                yield f"demos of {each.name}"
                yield from (f"-{canonical_text(demo)}" for demo in each.demos_removed)
                yield from (f"+{canonical_text(demo)}" for demo in each.demos_added)
        if self.settings:
            yield "settings"
        for each in self.settings:
            yield f"-{each.path}: {canonical_text(each.before)}"
            yield f"+{each.path}: {canonical_text(each.after)}"


def diff_contents(before: Content, after: Content) -> ContentDiff:
    """Compare two contents. Their states should both be known; what one has not learned counts as empty."""
    old, new = before.to_map(), after.to_map()
    return ContentDiff(
        source=_unified(str(old.get("text", "")), str(new.get("text", ""))),
        predictors=tuple(_diff_leaves(leaves_of(before.state), leaves_of(after.state))),
        settings=tuple(_diff_values(_rest(old), _rest(new), "$")),
    )


def _diff_leaves(before: Iterable[Leaf], after: Iterable[Leaf]) -> Iterator[PredictorDiff]:
    old, new = ({leaf.name: leaf for leaf in leaves} for leaves in (before, after))
    for name in [*new, *(name for name in old if name not in new)]:
        was, now = old.get(name, Leaf(name, "", ())), new.get(name, Leaf(name, "", ()))
        found = PredictorDiff(
            name,
            _unified(was.instructions, now.instructions),
            _missing_from(was.demos, now.demos),
            _missing_from(now.demos, was.demos),
        )
        if found != PredictorDiff(name):
            yield found


def _missing_from(
    others: Iterable[Mapping[str, Any]], demos: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """The `demos` that `others` lack; of one that is there several times, as many as are too many."""
    there = Counter(map(canonical_text, others))
    missing: list[Mapping[str, Any]] = []
    for demo in demos:
        text = canonical_text(demo)
        if there[text]:
            there[text] -= 1
        else:
            missing.append(demo)
    return tuple(missing)


def _unified(before: str, after: str) -> tuple[str, ...]:
    """The hunks of a unified diff. Lines end at newlines only, as they do in files."""
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="")
    return tuple(lines)[2:]


def _diff_values(before: Any, after: Any, path: str) -> Iterator[SettingDiff]:
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for key in [*new, *(key for key in old if key not in new)]:
            yield from _diff_values(old.get(key, _MISSING), new.get(key, _MISSING), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        old_items, new_items = cast("list[Any]", before), cast("list[Any]", after)
        for index in range(max(len(old_items), len(new_items))):
            was, now = (items[index] if index < len(items) else _MISSING for items in (old_items, new_items))
            yield from _diff_values(was, now, f"{path}[{index}]")
    elif before is _MISSING or after is _MISSING or canonical_text(before) != canonical_text(after):
        yield SettingDiff(path, None if before is _MISSING else before, None if after is _MISSING else after)


def _rest(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in _APART}
