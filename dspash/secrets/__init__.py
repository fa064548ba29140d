"""Secrets: keys of providers, which stay out of everything that is shown, and are kept sealed."""

from __future__ import annotations

from dspash.secrets.key_file import KeyFile, user_vault
from dspash.secrets.secret import SHOWN, Secret
from dspash.secrets.vault import KEY_VARIABLE, REFERENCE, Vault, is_reference, new_key

__all__ = [
    "KEY_VARIABLE",
    "REFERENCE",
    "SHOWN",
    "KeyFile",
    "Secret",
    "Vault",
    "is_reference",
    "new_key",
    "user_vault",
]
