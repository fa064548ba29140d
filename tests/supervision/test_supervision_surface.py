"""The package's surface: its names are those it lists, and it does nothing but decide."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import dspash.supervision

MODULES = [
    f"dspash.supervision.{module.name}" for module in pkgutil.iter_modules(dspash.supervision.__path__)
]
MAY_IMPORT = {
    "__future__",
    "collections",
    "dataclasses",
    "dspash",
    "enum",
    "itertools",
    "math",
    "os",
    "re",
    "signal",
    "typing",
}


def tree_of(name: str) -> ast.Module:
    source = importlib.import_module(name).__file__
    assert source is not None
    return ast.parse(Path(source).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_each_module_lists_exactly_what_it_defines_for_others(name: str) -> None:
    defined: set[str] = set()
    for node in tree_of(name).body:
        match node:
            case ast.ClassDef(name=symbol) | ast.FunctionDef(name=symbol):
                defined.add(symbol)
            case ast.AnnAssign(target=ast.Name(id=symbol), annotation=ast.Name(id="TypeAlias")):
                defined.add(symbol)
            case _:
                pass
    public = {symbol for symbol in defined if not symbol.startswith("_")}
    assert public == set(importlib.import_module(name).__all__)


def test_the_package_exports_every_public_name_but_validation() -> None:
    public = {symbol for name in MODULES for symbol in importlib.import_module(name).__all__}
    internal = set(importlib.import_module("dspash.supervision.validation").__all__)
    assert set(dspash.supervision.__all__) == public - internal


@pytest.mark.parametrize("name", MODULES)
def test_no_module_can_wait_read_or_know_the_time(name: str) -> None:
    roots: set[str] = set()
    for node in ast.walk(tree_of(name)):
        match node:
            case ast.Import(names=names):
                roots |= {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                roots.add(module.split(".")[0])
            case ast.Attribute(value=ast.Name(id="os"), attr=attribute):
                assert attribute == "waitstatus_to_exitcode"  # arithmetic on a status, no waiting
            case _:
                pass
    assert roots <= MAY_IMPORT
