"""Persistence: what the kernel's declarations become in a database, and the collections that read and write it."""

from __future__ import annotations

from dspash.resources.persistence.collection import Collection
from dspash.resources.persistence.page import Page
from dspash.resources.persistence.tables import make_tables

__all__ = ["Collection", "Page", "make_tables"]
