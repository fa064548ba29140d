"""Init: `dspash init`, a new project that runs as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from dspash.cli.command import Answer, command
from dspash.errors import ConfigurationError

__all__ = ["init"]

_TEMPLATES: Final = Path(__file__).with_name("scaffold")
_FILES: Final[Mapping[str, str]] = {
    "dspash.toml.in": "dspash.toml",
    "README.md.in": "README.md",
    "gitignore.in": ".gitignore",
    "programs/answer.py.in": "programs/answer.py",
    "data/questions.jsonl.in": "data/questions.jsonl",
    "tests/test_answer.py.in": "tests/test_answer.py",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@command
def init(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="NAME", help="The project's folder; it must be new or empty.")
    ],
) -> Answer:
    """Make a project that runs as it stands.

    It has settings, a program, examples, and a test that passes.
    """
    root = folder.expanduser().absolute()
    if not _NAME.match(root.name):
        raise ConfigurationError(str(folder), "this is no name of a project", "use letters, digits, - and _")
    _make_folder(root, folder)
    for template, name in _FILES.items():
        _write(
            root / name, (_TEMPLATES / template).read_text(encoding="utf-8").replace("{{name}}", root.name)
        )
    made = list(_FILES.values())
    told = [
        f"made {folder}: {', '.join(made)}",
        "",
        f"  cd {folder}",
        "  dspash eval programs/answer.py data/questions.jsonl",
        "  python -m unittest discover tests",
    ]
    return Answer(value={"folder": str(root), "files": made}, show="\n".join(told))


def _make_folder(root: Path, shown: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        occupied = any(root.iterdir())
    except OSError as error:
        raise ConfigurationError(
            str(shown), f"it cannot be made: {error.strerror}", "name another folder"
        ) from None
    if occupied:
        raise ConfigurationError(
            str(shown), "there is something in it already", "name a new folder, or an empty one"
        )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open(
            "x", encoding="utf-8"
        ) as file:  # never over what somebody else has put there meanwhile
            file.write(text)
    except OSError as error:
        raise ConfigurationError(
            str(path), f"it cannot be written: {error.strerror}", "name another folder"
        ) from None
