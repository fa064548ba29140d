"""Secrets: keys of providers, which stay out of everything that is shown, and are kept encrypted."""

from __future__ import annotations

from dspash.secrets.secret import SHOWN, Secret

__all__ = ["SHOWN", "Secret"]
