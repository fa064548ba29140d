"""Subject: the program that a command was given, by its name or as the file of its source."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from dspash.cli.completion import names_of
from dspash.cli.invocation import current
from dspash.errors import ConfigurationError

if TYPE_CHECKING:
    from dspash.app import App, Program
    from dspash.settings import Settings

__all__ = ["PROGRAM", "opened_app", "program_of"]

PROGRAM: Final = typer.Argument(
    metavar="PROGRAM",
    help="Its name, or the .py file of its source.",
    autocompletion=names_of("programs", "name"),
)
"""The argument that `program_of` reads."""

_SOURCE_SUFFIX: Final = ".py"
_LARGEST_SOURCE_BYTES: Final = 1 << 20


@contextmanager
def opened_app(**options: Any) -> Generator[tuple[App, Settings]]:
    """Open the app that the settings describe, for the block; `options` are those given to the command."""
    from dspash.app import open as open_app
    from dspash.app.records import DEFAULT_DATABASE

    settings = current().settings(**options).values
    with open_app(
        database=settings.database_url or DEFAULT_DATABASE,
        tenant=settings.tenant,
        actor=settings.actor,
        workers=settings.workers,
        lm=settings.lm,
        budget=_budget(settings),
        cache=settings.cache,
        cache_ttl_s=settings.cache_ttl_s,
        history=settings.history,
        timeout_s=settings.timeout_s,
        sandbox=settings.sandbox,
        sandboxes=settings.sandboxes,
        spares=settings.spares,
        concurrency=settings.concurrency,
        max_queue=settings.max_queue,
        python=settings.python,
        python_path=settings.python_path,
        max_memory_mb=settings.max_memory_mb,
    ) as app:
        yield app, settings


def _budget(settings: Settings) -> dict[str, float] | None:
    limits = {
        "usd": settings.budget_usd,
        "calls": settings.budget_calls,
        "tokens": settings.budget_tokens,
    }
    return {name: limit for name, limit in limits.items() if limit is not None} or None


def program_of(app: App, given: str) -> Program:
    """The program that `given` means: a file ending in `.py` is its source, anything else its name.

    A file's program is named by it: `programs/answer.py` is `answer`. Raises ConfigurationError for a file that cannot
    be read, NotFoundError for a name that nothing has.
    """
    if not given.endswith(_SOURCE_SUFFIX):
        return app.program(given)
    path = Path(given).expanduser()
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem)
    return app.program(name, source=_source(path))


def _source(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_SOURCE_BYTES:
            raise ConfigurationError(str(path), "it is larger than 1 MiB", "name a program's source")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        way_out = "name a file that is there, or a program by its name"
        raise ConfigurationError(str(path), "there is no such file", way_out) from None
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "it is no UTF-8 text", "name a program's source") from None
