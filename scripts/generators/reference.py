"""Reference: docs/reference.md, made from the names, signatures and docstrings of the library itself."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import dspash
from dspash.app import App, Module, Stream
from dspash_worker.metrics import METRIC_NAMES
from dspash_worker.module_types import MODULE_TYPES
from dspash_worker.optimizers import OPTIMIZERS

__all__ = ["make_reference"]

_INNER: Final = frozenset({"request", "take", "follow"})
"""Methods that the app's parts call on each other."""

_INTRODUCTION: Final = """\
# Reference

Made by `scripts/generate` from the library's own names and docstrings. [Glossary](glossary.md) ·
[how-to](how-to.md) · the wire: [SPEC](../protocol/SPEC.md).
"""


def make_reference(path: Path) -> dict[Path, str]:
    """The text of docs/reference.md."""
    sections = (
        _INTRODUCTION,
        "## Opening\n",
        *_functions("dspash", (dspash.open, dspash.aopen)),
        "## App\n",
        _docstring(App),
        *_methods(App, "app"),
        "## Module and Program\n",
        _docstring(Module),
        *_methods(Module, "module"),
        "## Values\n",
        *_classes((dspash.Prediction, dspash.Token, dspash.Evaluation, dspash.ExampleResult)),
        *_classes((dspash.SandboxWords, dspash.Limits, dspash.Usage, dspash.Isolation)),
        *_classes((dspash.BridgeStatus, dspash.WorkerStatus, dspash.SandboxStatus)),
        _heading("Stream"),
        _docstring(Stream),
        *_methods(Stream, "stream"),
        "## Interpreter\n",
        _code(f"dspash.Interpreter{_signature(dspash.Interpreter)}"),
        _docstring(dspash.Interpreter),
        *_methods(dspash.Interpreter, "interpreter"),
        "## Module types\n",
        _module_types(),
        "## Optimizers\n",
        _optimizers(),
        "## Metrics\n",
        _metrics(),
        "## Errors\n",
        _errors(),
    )
    return {path: "\n".join(sections)}


def _functions(prefix: str, functions: tuple[Callable[..., Any], ...]) -> Iterator[str]:
    for function in functions:
        yield _heading(f"{prefix}.{function.__name__}")
        yield _code(f"{prefix}.{function.__name__}{_signature(function)}")
        yield _docstring(function)


def _classes(classes: tuple[type, ...]) -> Iterator[str]:
    for cls in classes:
        yield _heading(cls.__name__)
        fields = getattr(cls, "__dataclass_fields__", {})
        if fields:
            yield _code(
                f"{cls.__name__}({', '.join(f'{field.name}: {field.type}' for field in fields.values())})"
            )
        yield _docstring(cls)


def _methods(cls: type, receiver: str) -> Iterator[str]:
    for name, member in _members(cls).items():
        if name in _INNER or (name.startswith("_") and name != "__call__") or not inspect.getdoc(member):
            continue
        shown = receiver if name == "__call__" else f"{receiver}.{name}"
        yield _heading(shown)
        yield _code(f"{'await ' if inspect.iscoroutinefunction(member) else ''}{shown}{_signature(member)}")
        yield _docstring(member)


def _members(cls: type) -> dict[str, Callable[..., Any]]:
    """The functions of a class in the order in which they are written, those of its bases first."""
    return {
        name: member
        for base in reversed(cls.__mro__[:-1])
        for name, member in vars(base).items()
        if inspect.isfunction(member)
    }


_INPUTS: Final = "the signature's inputs"
_INPUTS_OF: Final = {
    "multi_chain_comparison": f"{_INPUTS}, and `completions`: `M` outputs to compare, each a map with a `reasoning`",
    "best_of_n": "the module's inputs",
    "refine": "the module's inputs",
    "parallel": "`inputs`: a list of maps of the module's inputs; the prediction has `results` and `errors`",
}


def _module_types() -> str:
    rows = ["| type | takes | configuration | is called with |", "|---|---|---|---|"]
    for name, row in MODULE_TYPES.items():
        takes = [part for part in ("signature", "tools", "module", "reward") if getattr(row.takes, part)]
        rows.append(
            f"| `{name}` | {', '.join(takes)} | {_names(row.parameters)} | {_INPUTS_OF.get(name, _INPUTS)} |"
        )
    rows.append(
        "| `custom` | `cls`, and what the class's constructor takes | the constructor's parameters"
        " | what its `forward` takes |"
    )
    return "\n".join([*rows, ""])


def _optimizers() -> str:
    rows = ["| optimizer | also | configuration |", "|---|---|---|"]
    for name, row in OPTIMIZERS.items():
        aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
        rows.append(f"| `{name}` | {aliases} | {_names(row.parameters())} |")
    bound = [name for name, row in OPTIMIZERS.items() if not row.portable]
    note = (
        "Names are read without regard to case and underscores: `BootstrapFewShot` is `bootstrap_few_shot`. "
        f"What {_names(bound)} make is more than a state and cannot leave its worker: `app.optimize` refuses it, "
        '`app.submit("optimize", {…, "as": id}, sticky=key)` keeps it there.\n'
    )
    return "\n".join([note, *rows, ""])


def _metrics() -> str:
    known = ", ".join(f"`{name}`" for name in METRIC_NAMES)
    return (
        f"Built in: {known}. Text is compared as SQuAD's evaluation does. Any host function can be one too.\n"
    )


def _errors() -> str:
    rows = ["| error | what it means, what to do |", "|---|---|"]
    errors = [getattr(dspash, name) for name in dspash.__all__ if name.endswith("Error")]
    rows += [
        f"| `{error.__name__}` | {' '.join((inspect.getdoc(error) or '').split())} |"
        for error in sorted(errors, key=lambda error: (len(error.__mro__), error.__name__))
    ]
    return "\n".join([*rows, ""])


def _names(parameters: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(parameters))


def _heading(text: str) -> str:
    return f"### `{text}`\n"


def _code(text: str) -> str:
    return f"```text\n{textwrap.fill(text, 110, subsequent_indent='    ', break_long_words=False)}\n```\n"


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "self"]
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(signature.replace(parameters=parameters)))
    return re.sub(r"/[\w/.-]*/bin/python[\d.]*", "…", text)


def _docstring(documented: object) -> str:
    return f"{inspect.getdoc(documented) or ''}\n"
