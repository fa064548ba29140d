"""Missing packages: the peers belong to the `bench` extra, which may not be installed."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["MissingPackageError", "load"]


class MissingPackageError(Exception):
    """A peer's package is not installed. Run `scripts/bench`, or install `dspash[bench]`."""


def load(package: str) -> Any:
    """Import a package of the `bench` extra. Untyped, since type checks run without that extra."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{error.name} is not installed (pip extra dspash[bench])") from None
