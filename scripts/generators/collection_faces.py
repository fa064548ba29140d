"""Collection faces: dspash/app/collections.pyi, in which every action of every resource has its types."""

from __future__ import annotations

import ast
import builtins
import enum
import inspect
import keyword
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typing_extensions
from ruff import find_ruff_bin

from dspash.app.collections import SHORT
from dspash.resources.kernel import Action, ActionKind, Declaration, Domain

__all__ = ["make_faces"]

_HEAD: Final = """\
# Made by scripts/generate from the actions that the resources declare.

{imports}

__all__ = ["SHORT", "Collections"]

"""
_PARTS: Final = {
    "Records": "dspash.app.records",
    "Registrar": "dspash.app.registrar",
    "Recorder": "dspash.resources.recording",
}
"""What the class has of the app."""

_KNOWN: Final = ("Any", "Literal", "Annotated")


def make_faces(path: Path, domain: Domain) -> dict[Path, str]:
    """The text of the stub."""
    imports = _Imports()
    classes = [text for declared in domain.declarations.values() for text in _face(declared, imports)]
    tables = {declared.table: _face_name(declared) for declared in domain.declarations.values()}
    named = {**tables, **{short: tables[table] for short, table in SHORT.items()}}
    named = {
        name: face for name, face in named.items() if f"stored_{name}" not in SHORT
    }  # the app has its own
    imports.add("Final", "typing")
    imports.add("Collection", "dspash.resources.kernel")
    owner = ["SHORT: Final[dict[str, str]]", "", "class Collections:"]
    for name, home in _PARTS.items():
        imports.add(name, home)
        owner.append(f"    _{name.lower()}: {name}{' | None' if name == 'Recorder' else ''}")
    for name, face in sorted(named.items()):
        owner += ["    @property", f"    def {name}(self) -> {face}: ..."]
    text = _HEAD.format(imports=imports.text()) + "\n\n".join([*classes, "\n".join(owner)]) + "\n"
    return {path: _formatted(text, path)}


class _Imports:
    """What the stub's annotations name, and where each is from."""

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}

    def add(self, name: str, home: str) -> None:
        known = self._homes.setdefault(name, home)
        if known != home and vars(sys.modules[known])[name] is not vars(sys.modules[home])[name]:
            raise ValueError(
                f"{name} is from {self._homes[name]} and from {home}: give one of them another name"
            )

    def read(self, annotation: str, module: str) -> str:
        """The annotation, as it stands in `module`, for the stub; what it names is imported.

        A JSON value is whatever the caller has: `dict[str, str]` would be no `dict[str, JsonValue]`.
        """
        tree = ast.parse(annotation, mode="eval")
        for node in [found for found in ast.walk(tree) if isinstance(found, ast.Name)]:
            name = "Any" if node.id == "JsonValue" else node.id
            if not hasattr(builtins, name):
                self.add(name, _home_of(name, module))
            node.id = f"{name} | str" if _is_text(name, module) else name
        return ast.unparse(tree)

    def text(self) -> str:
        return "\n".join(f"from {home} import {name}" for name, home in sorted(self._homes.items()))


def _is_text(name: str, module: str) -> bool:
    """Whether it is an enumeration of texts, for which the text itself may be given."""
    found = vars(sys.modules[module]).get(name)
    return isinstance(found, type) and issubclass(found, enum.StrEnum)


def _home_of(name: str, module: str) -> str:
    """The module that defines what `name` means in `module`; that module itself for what carries no such note."""
    if name in _KNOWN:
        return "typing"
    found = vars(sys.modules[module]).get(name)
    home = getattr(found, "__module__", None)
    if (
        isinstance(home, str)
        and hasattr(sys.modules.get(home), name)
        and home not in {"typing", typing_extensions.__name__}
    ):
        return _public_home(name, home)
    return module


def _public_home(name: str, home: str) -> str:
    """The shortest package above `home` that offers the same name."""
    value = getattr(sys.modules[home], name)
    parts = home.split(".")
    above = (".".join(parts[:count]) for count in range(1, len(parts)))
    # What `dspash` itself offers it loads at first use: whether it is there depends on what ran before.
    offering = (
        package for package in above if package != "dspash" and vars(sys.modules[package]).get(name) is value
    )
    return next(offering, home)


def _face(declared: Declaration, imports: _Imports) -> Iterator[str]:
    imports.add(declared.name, declared.record.__module__)
    lines = [f"class {_face_name(declared)}(Collection[{declared.name}]):"]
    for action in declared.actions.values():
        if action.kind is not ActionKind.DESTROY:
            lines += _method(declared, action, imports)
    yield "\n".join(lines if len(lines) > 1 else [*lines, "    ..."])


def _face_name(declared: Declaration) -> str:
    return f"_{declared.name}Collection"


def _method(declared: Declaration, action: Action, imports: _Imports) -> Iterator[str]:
    module = action.function.__module__
    parameters = ["self"]
    if action.takes_record:
        imports.add("UUID", "uuid")
        parameters += [f"key: {declared.name} | UUID | str", "/"]
    keywords = [
        found
        for found in inspect.signature(action.function).parameters.values()
        if found.kind is found.KEYWORD_ONLY
    ]
    for index, found in enumerate(keywords):
        annotation = imports.read(str(found.annotation), module)
        default = "" if found.default is found.empty else " = ..."
        parameters.append(f"{'*, ' if not index else ''}{found.name}: {annotation}{default}")
    result = _result(declared, action, imports)
    given = ", ".join(parameters)
    name = f"{action.name}_" if keyword.iskeyword(action.name) else action.name
    yield f"    def {name}({given}) -> {result}: ..."
    yield f"    async def a{action.name}({given}) -> {result}: ..."


def _result(declared: Declaration, action: Action, imports: _Imports) -> str:
    if action.kind is not ActionKind.GENERIC:
        return declared.name
    annotation = str(typing.cast("Any", action.function).__annotations__.get("return", "Any"))
    return imports.read(annotation, action.function.__module__)


def _formatted(text: str, path: Path) -> str:
    for command in (["check", "--fix", "--select", "I,F401", "--exit-zero"], ["format"]):
        text = subprocess.run(
            [find_ruff_bin(), *command, "--quiet", "--stdin-filename", str(path), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
    return text
