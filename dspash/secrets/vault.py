"""Vault: seals secrets, so that whoever reads the database has none of them, and opens them again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dspash.errors import ConfigurationError
from dspash.secrets.secret import Secret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ["KEY_VARIABLE", "REFERENCE", "Vault", "is_reference", "new_key"]

KEY_VARIABLE: Final = "DSPASH_SECRET_KEY"
"""Holds the keys that secrets are sealed with, the newest first, divided by commas."""

REFERENCE: Final = "env:"
_SEALED: Final = "sealed:"
_VARIABLE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}")


class Vault:
    """Seals with the newest key and opens with any, by Fernet (AES-128-CBC and HMAC-SHA256).

    What it returns is text for the database: a sealed secret, or `env:NAME`, which says where a secret is that is not kept
    at all. `keys` is asked when the first secret is sealed or opened.
    """

    def __init__(self, keys: Callable[[], Sequence[str]], environ: Mapping[str, str]) -> None:
        self._keys = keys
        self._environ = environ
        self._fernet: MultiFernet | None = None

    def __repr__(self) -> str:
        return f"<Vault {'locked' if self._fernet is None else 'open'}>"

    def kept_form(self, given: str) -> str:
        """What is to be kept of a secret: the reference that it is, or its sealed form.

        Raises ConfigurationError where there is no key to seal with, or a reference is none.
        """
        if not given.startswith(REFERENCE):
            return self.seal(Secret(given))
        if not is_reference(given):
            raise ConfigurationError(
                "api_key", "this is no reference to a variable", "write env: and the variable's name"
            )
        return given

    def seal(self, secret: Secret) -> str:
        """`secret` as text that only this vault's keys open."""
        return _SEALED + self._lock().encrypt(secret.reveal().encode()).decode()

    def open(self, kept: str) -> Secret | None:
        """The secret behind what `kept_form` returned; None for a variable that is not set.

        Raises ConfigurationError where none of the keys opens it.
        """
        if kept.startswith(REFERENCE):
            value = self._environ.get(kept.removeprefix(REFERENCE), "").strip()
            return Secret(value) if value else None
        from cryptography.fernet import InvalidToken

        try:
            return Secret(self._lock().decrypt(kept.removeprefix(_SEALED).encode()).decode())
        except InvalidToken:
            pass
        raise ConfigurationError(
            KEY_VARIABLE,
            "none of the keys opens this secret",
            "add the key it was sealed with, or give the provider its key anew",
        )

    def reseal(self, kept: str) -> str:
        """The same, sealed with the newest key. Raises ConfigurationError where none of the keys opens it."""
        secret = None if kept.startswith(REFERENCE) else self.open(kept)
        return kept if secret is None else self.seal(secret)

    def _lock(self) -> MultiFernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet, MultiFernet

            try:
                self._fernet = MultiFernet([Fernet(key) for key in self._keys()])
            except ValueError:
                self._fernet = None
        if self._fernet is None:
            # Outside of the handler: its error may quote a part of the key.
            raise ConfigurationError(
                KEY_VARIABLE,
                "this is no key",
                "a key is 32 random bytes in URL-safe base64: `dspash lm new-key` makes one",
            )
        return self._fernet


def is_reference(text: str) -> bool:
    """Whether it says where a secret is, and is none itself."""
    return _VARIABLE.fullmatch(text) is not None


def new_key() -> str:
    """A key to seal with."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
