"""Public names: every module of the three packages lists what it has for others, exactly, and has what it lists."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol/dspash_protocol", "bridge_worker/dspash_worker", "dspash")
MODULES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


@dataclass
class Surface:
    """What a module's source says of its names, without running it."""

    listed: list[str] | None = None
    defined: set[str] = field(
        default_factory=set[str]
    )  # functions, classes and type aliases without underscore
    imported: set[str] = field(default_factory=set[str])  # from our own packages
    is_program: bool = False


@functools.cache
def surface_of(path: Path) -> Surface:
    surface = Surface()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                surface.listed = ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                surface.listed = ast.literal_eval(value)
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                surface.defined.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                surface.defined.add(name)
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0].startswith(
                "dspash"
            ):
                surface.imported |= {name.asname or name.name for name in names}
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
                surface.is_program = True
            case _:
                pass
    surface.defined = {name for name in surface.defined if not name.startswith("_")}
    return surface


def statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The module's own statements, those under `if TYPE_CHECKING:` and in `try:` as well."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If | ast.Try):
            found += statements([*node.body, *node.orelse])
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def module_of(path: Path) -> str:
    (package,) = (REPOSITORY / package for package in PACKAGES if path.is_relative_to(REPOSITORY / package))
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_all_three_packages_are_looked_at() -> None:
    assert {module_of(path) for path in MODULES} >= {"dspash", "dspash_protocol", "dspash_worker"}
    assert len(MODULES) > 50


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_lists_exactly_what_it_has_for_others(path: Path) -> None:
    surface = surface_of(path)
    if surface.is_program:
        assert surface.listed in (None, ["main"]), "a program is run, not imported"
        return
    public = surface.defined | (surface.imported if path.name == "__init__.py" else set[str]())
    listed = surface.listed
    if listed is None:
        assert public == set(), "these are public and __all__ is missing"
        return
    assert len(listed) == len(set(listed))
    assert not [name for name in listed if name.startswith("_") and name != "__version__"]
    assert public - set(listed) == set(), "public, and not in __all__: list them or give them an underscore"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_takes_only_what_others_list(path: Path) -> None:
    surfaces = {module_of(other): surface_of(other) for other in MODULES}
    taken = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module in surfaces
        for alias in node.names
        if alias.name not in (surfaces[node.module].listed or [])
        and f"{node.module}.{alias.name}" not in surfaces
    ]
    assert taken == [], "these are taken, and not in their module's __all__"


@pytest.mark.parametrize("package", PACKAGES)
def test_module_has_what_it_lists(package: str) -> None:
    listed = {
        module_of(path): surface.listed
        for path in MODULES
        if path.is_relative_to(REPOSITORY / package) and not (surface := surface_of(path)).is_program
    }
    # In a process of its own: this one keeps its import time, its warnings and its modules.
    script = (
        "import importlib, json, sys\n"
        "for module, names in json.load(sys.stdin).items():\n"
        "    found = importlib.import_module(module)\n"
        "    missing = [name for name in names or [] if not hasattr(found, name)]\n"
        "    assert not missing, f'{module} lists {missing} and has no such names'\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        input=json.dumps(listed),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY.parent,
    )
    assert done.returncode == 0, done.stderr
