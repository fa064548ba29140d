"""Binds: what of the host an interpreter needs to see in its sandbox, and nothing beside it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.sandbox.identity import sandbox_identity
from dspash.sandbox.runtime import Runtime

__all__ = ["Bind", "Binds", "find_binds"]

PACKAGES: Final = ("dspash_worker", "dspash_protocol")
_SYSTEM_LIBRARIES: Final = ("/usr/lib64", "/lib64")
_SITE_NAMES: Final = ("site-packages", "dist-packages")
_ROOT_LINKS: Final = (Path("/lib"), Path("/lib64"))
_MUSL: Final = ("/lib", "/usr/lib")  # Alpine keeps all its libraries in these two


@dataclass(frozen=True, slots=True)
class Bind:
    """`source`, a real path of the host, is seen inside as `target`."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Binds:
    """All that an interpreter is shown: `pairs` as they are, and `files` as copies made when it starts.

    `links` are symbolic links at the root, as (text, path). `readable` covers every target, in few paths: for Landlock.
    `packages` are the host's folders that `files` are in. `library_path` are the folders of shared libraries that the
    loader would not find by itself. `left_out` are folders that the interpreter imports from outside a sandbox, and not
    inside. `hidden` are folders below a target that are to be seen empty.
    """

    python: str
    pairs: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]
    readable: tuple[str, ...]
    packages: tuple[str, ...]
    library_path: tuple[str, ...]
    left_out: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The real paths behind `pairs`, each once."""
        return tuple(dict.fromkeys(pair.source for pair in self.pairs))

    @property
    def files(self) -> tuple[Bind, ...]:
        """The worker's modules, file by file, where they are in no folder that is shown. Looked for each time."""
        return tuple(
            Bind(str(path), _inside(str(path)))
            for package in self.packages
            for path in _code_files(Path(package))
        )


@functools.lru_cache(maxsize=64)
def find_binds(runtime: Runtime, python_path: tuple[str, ...] = ()) -> Binds:
    """Find what `runtime` needs, once; `python_path` are the folders that its user allowed beside.

    Raises ConfigurationError when it lacks dspash, or when the sandbox's user could not read one of its parts.
    """
    view = _View()
    for path in (
        runtime.executable,
        runtime.pyvenv,
        *runtime.stdlib,
        *runtime.sites,
        *runtime.zoneinfo,
        *python_path,
    ):
        view.add(path)
    library_folders = list(_library_folders(runtime))
    for path in (*library_folders, runtime.loader):
        view.add(path)
    library_path = list(view.add_libraries(runtime.mapped))
    readable = view.outermost()
    used: set[str] = set()
    packages: list[str] = []
    for package in PACKAGES:
        home = _find_home(package, (*python_path, *runtime.sites, *runtime.linked), runtime.executable)
        used.add(home)
        if view.covers(home):
            continue
        readable.append(_inside(home))  # where nothing else is to be seen
        packages.append(f"{home}/{package}")
    binds = Binds(
        python=_inside(runtime.executable),
        pairs=tuple(Bind(view.sources[target], target) for target in view.outermost()),
        links=tuple(_root_links()),
        readable=tuple(readable),
        packages=tuple(packages),
        library_path=tuple(dict.fromkeys(library_path)),
        left_out=tuple(
            folder for folder in runtime.linked if folder not in used and folder not in python_path
        ),
        hidden=tuple(_strange_sites(runtime)),
    )
    _require_open(binds.sources)
    return binds


class _View:
    """The targets collected so far, each with its source."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def add(self, path: str | None) -> None:
        """Show what is at `path`, under that name and under its real one; what does not exist is not shown."""
        if path is not None and Path(path).exists():
            real = str(Path(path).resolve())
            self.sources[_inside(path)] = real
            self.sources[_inside(real)] = real

    def add_libraries(self, libraries: Iterable[str]) -> Iterator[str]:
        """Show shared libraries that are in no folder shown, under all names they have; yield their folders."""
        for library in libraries:
            if self.covers(library):
                continue
            folder = Path(library).parent
            for name in folder.iterdir():
                if name.is_symlink() and str(name.resolve()) == library:
                    self.add(str(name))
            self.add(library)
            yield str(folder)

    def covers(self, path: str) -> bool:
        """Whether `path` is shown already, as a target or below one."""
        inside = _inside(path)
        return inside in self.sources or any(str(folder) in self.sources for folder in Path(inside).parents)

    def outermost(self) -> list[str]:
        """The targets that are in no other, shortest first. What is below a shown folder is shown with it."""
        ordered = sorted(self.sources, key=lambda target: (target.count("/"), target))
        return [target for target in ordered if not any(str(p) in self.sources for p in Path(target).parents)]


def _library_folders(runtime: Runtime) -> Iterator[str]:
    """The folder of the C library, and where this system keeps further ones."""
    yield from (folder for folder in _SYSTEM_LIBRARIES if Path(folder).is_dir())
    for library in runtime.mapped:
        name = Path(library).name
        if name.startswith(("libc.so", "libc-2", "libc.musl")):
            yield str(Path(library).parent)
        if name.startswith(("libc.musl", "ld-musl")):
            yield from _MUSL


def _strange_sites(runtime: Runtime) -> Iterator[str]:
    """Site-packages inside the standard library's folder that are not searched: those below a virtual environment."""
    for stdlib in dict.fromkeys(map(_inside, runtime.stdlib)):
        for folder in _SITE_NAMES:
            path = f"{stdlib}/{folder}"
            if (
                Path(path).is_dir()
                and not Path(path).is_symlink()
                and path not in map(_inside, runtime.sites)
            ):
                yield path


def _find_home(package: str, folders: Iterable[str], python: str) -> str:
    """The first folder that has `package`."""
    for folder in folders:
        if (Path(folder) / package / "__init__.py").is_file():
            return folder
    raise ConfigurationError(
        "python",
        f"{python} has no {package}",
        f"run {python} -m pip install dspash, or name its folder in python_path",
    )


def _code_files(package: Path) -> Iterator[Path]:
    """A package's modules, file by file: whatever else lies beside them stays outside."""
    for path in sorted(package.rglob("*.py")):
        if path.is_file() and not path.is_symlink():
            yield path


def _require_open(sources: Iterable[str]) -> None:
    """Raise ConfigurationError for a part that the sandbox's user could not read: its zygote would fail oddly."""
    identity = sandbox_identity()
    for source in sources:
        path = Path(source)
        readable = os.access(path, os.R_OK) if identity.is_ours else identity.may_read(path.stat())
        if not readable:
            raise ConfigurationError(
                "python",
                f"{path} is closed to the user that sandboxes run as",
                f"chmod -R go+rX {path}, or use an interpreter that others may read",
            )


def _inside(path: str) -> str:
    """The name that `path` has inside, where the root's links are what they are outside."""
    normal = Path(os.path.normpath(path))
    for link in _ROOT_LINKS:
        if link.is_symlink() and normal.is_relative_to(link):
            return str(Path("/").joinpath(link.readlink(), normal.relative_to(link)))
    return str(normal)


def _root_links() -> Iterator[tuple[str, str]]:
    """Links at the root through which shared libraries are named, such as /lib64 -> usr/lib64."""
    for link in _ROOT_LINKS:
        if link.is_symlink():
            yield str(link.readlink()), str(link)
