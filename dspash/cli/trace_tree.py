"""TraceTree: an execution as people read it, a line a step, with what went in and came out below it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from rich.text import Text
from rich.tree import Tree

from dspash.cli.printable import printable

if TYPE_CHECKING:
    from dspash.resources.trace import Trace
    from dspash.resources.tracing import Step

__all__ = ["headline", "trace_tree"]

_LONGEST_LINE: Final = 100
_DEEPEST: Final = 20  # levels; a line that is indented further cannot be read
_SHORT_FACTS: Final = ("inputs", "outputs", "error")
_ALL_FACTS: Final = (
    "inputs",
    "prompt",
    "options",
    "reasoning",
    "response",
    "outputs",
    "usage",
    "error",
)
_STYLES: Final = {"program": "bold", "module": "cyan", "lm": "magenta", "tool": "yellow"}


def trace_tree(trace: Trace, *, full: bool = False) -> Tree:
    """The tree of a trace, to be printed on a rich console; `full` shows prompts, responses and values whole.

    Whatever models and programs have said stands in it as plain text: it is no markup and steers no terminal.
    """
    root = trace.root()
    label = _label(root)
    label.append(f"  {trace.started_at:%Y-%m-%d %H:%M:%S}  {trace.id}", "dim")
    tree = Tree(label, guide_style="dim")
    _add(tree, root, full=full, levels=_DEEPEST)
    if trace.dropped:
        tree.add(Text(f"{trace.dropped} more were not kept", "dim"))
    return tree


def headline(trace: Trace) -> Text:
    """A trace in one line: when it ended, how, how long it took, what it was and what was asked of it."""
    failed = trace.status == "failed"
    line = Text(f"{trace.created_at:%H:%M:%S}  ")
    line.append("failed   " if failed else "ok       ", "red" if failed else "green")
    line.append(f"{_time(trace.duration_s):>8}  ")
    line.append(printable(trace.name), "bold")
    line.append(f"  {_short(trace.error if failed else trace.inputs)}")
    line.append(f"  {trace.id}", "dim")
    return line


def _add(tree: Tree, step: Step, *, full: bool, levels: int) -> None:
    for label in _facts(step.facts, full=full):
        tree.add(label)
    if levels == 0 and step.steps:
        tree.add(Text(f"… {sum(1 for _ in step.walk()) - 1} steps inside it", "dim"))
        return
    for inner in step.steps:
        _add(tree.add(_label(inner)), inner, full=full, levels=levels - 1)


def _label(step: Step) -> Text:
    label = Text()
    label.append(f"{step.kind} ", _STYLES.get(step.kind, ""))
    label.append(printable(step.name or step.type), "bold")
    if step.name and step.type:
        label.append(f" {printable(step.type)}", "dim")
    label.append(f"  {_time(step.duration_s)}")
    tokens = _tokens(step.facts.get("usage"))
    if tokens:
        label.append(f"  {tokens} tokens", "dim")
    if step.failed:
        label.append("  failed", "red")
    return label


def _facts(facts: Mapping[str, Any], *, full: bool) -> Iterator[Text]:
    for name in _ALL_FACTS if full else _SHORT_FACTS:
        value = facts.get(name)
        if value is None or value in ({}, []):
            continue
        label = Text(f"{name}: ", "red" if name == "error" else "dim")
        yield label.append(_whole(value) if full else _short(value), "")


def _short(value: Any) -> str:
    """A value in a line that is not too long; the only entry of a map without its name, an error by its message."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if "message" in entries and "kind" in entries:
            value = f"{entries.get('type') or entries['kind']}: {entries['message']}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _whole(value: Any) -> str:
    """A value in as many lines as it takes: messages and texts as they read, anything else as JSON."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if items and all(isinstance(item, str) for item in items):
            return printable("\n".join(items))
        if items and all(_is_message(item) for item in items):
            return "".join(f"\n{printable(str(item['role']))}: {_whole(item['content'])}" for item in items)
    return printable(json.dumps(value, ensure_ascii=False, indent=2))


def _is_message(item: Any) -> bool:
    return isinstance(item, dict) and "role" in item and "content" in item


def _tokens(usage: Any) -> int:
    found: Any = cast("dict[str, Any]", usage) if isinstance(usage, dict) else {}
    tokens = found.get("total_tokens") or found.get("lm_tokens")
    return tokens if isinstance(tokens, int) else 0


def _time(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
