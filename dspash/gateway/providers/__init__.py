"""Providers: the wires to language models elsewhere, and what is known of them."""

from __future__ import annotations

__all__: list[str] = []
