"""Catalogue: every attempt, by category."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt
from tests.escape.corpus.files import FILES
from tests.escape.corpus.hints import HINTS
from tests.escape.corpus.interpreter import INTERPRETER
from tests.escape.corpus.kernel import KERNEL
from tests.escape.corpus.leavings import LEAVINGS
from tests.escape.corpus.machine import MACHINE
from tests.escape.corpus.neighbours import NEIGHBOURS
from tests.escape.corpus.network import NETWORK
from tests.escape.corpus.output import OUTPUT
from tests.escape.corpus.pages import PAGES
from tests.escape.corpus.privileges import PRIVILEGES
from tests.escape.corpus.processes import PROCESSES
from tests.escape.corpus.protocol import PROTOCOL
from tests.escape.corpus.resources import RESOURCES
from tests.escape.corpus.strangers import STRANGERS

__all__ = ["ATTEMPTS", "CATEGORIES"]

CATEGORIES: Final[dict[str, tuple[Attempt, ...]]] = {
    "files": FILES,
    "leavings": LEAVINGS,
    "machine": MACHINE,
    "network": NETWORK,
    "processes": PROCESSES,
    "strangers": STRANGERS,
    "kernel": KERNEL,
    "privileges": PRIVILEGES,
    "resources": RESOURCES,
    "neighbours": NEIGHBOURS,
    "pages": PAGES,
    "hints": HINTS,
    "interpreter": INTERPRETER,
    "protocol": PROTOCOL,
    "output": OUTPUT,
}

ATTEMPTS: Final[tuple[Attempt, ...]] = tuple(attempt for group in CATEGORIES.values() for attempt in group)
