"""Redaction: keys and passwords taken out of what is kept of what has happened."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

__all__ = ["REDACTED", "Redaction", "secrets_in"]

REDACTED: Final = "[redacted]"
SHORTEST: Final = 8
"""Characters; a shorter secret is a word like others, and replacing it would garble ordinary text."""

_SECRET_NAME: Final = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)

_SHAPES: Final[Mapping[str, str]] = {
    "sk-": r"\bsk-[A-Za-z0-9_-]{20,}",  # OpenAI, Anthropic, OpenRouter
    "AIza": r"\bAIza[0-9A-Za-z_-]{35}",  # Google
    "AKIA": r"\bAKIA[0-9A-Z]{16}\b",  # AWS
    "ASIA": r"\bASIA[0-9A-Z]{16}\b",
    **{f"gh{kind}_": rf"\bgh{kind}_[A-Za-z0-9]{{36,}}" for kind in "pousr"},  # GitHub
    "github_pat_": r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    "glpat-": r"\bglpat-[A-Za-z0-9_-]{20,}",  # GitLab
    "hf_": r"\bhf_[A-Za-z0-9]{30,}",  # Hugging Face
    "gsk_": r"\bgsk_[A-Za-z0-9]{40,}",  # Groq
    "xox": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",  # Slack
    "eyJ": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",  # a JSON Web Token
    "PRIVATE KEY": (
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]{0,20000}(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
    ),
    "://": r"(?<=://)[^\s/:@]{1,200}:[^\s/@]{1,200}(?=@)",  # the user and password of an address
}
"""How keys look that are known by their form alone, each by a piece of text that all of its kind have."""

_RAREST: Final = "_JK/VxI-"
"""Characters of such pieces, the rarest in ordinary text first."""


def secrets_in(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The values of variables whose names say that they are secret."""
    return frozenset(value for name, value in environment.items() if _SECRET_NAME.search(name))


class Redaction:
    """Takes known secrets, and what looks like a key, out of texts and of values made of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({text for text in secrets if len(text) >= SHORTEST}, key=len, reverse=True)
        # Looked for one after the other in plain text, which takes a tenth of the time of one pattern for all of them;
        # and a single character in much less than a word, so the rarest of each sign goes first.
        self._patterns = tuple(
            (_rarest_in(sign), sign, re.compile(pattern))
            for sign, pattern in (*((secret, re.escape(secret)) for secret in known), *_SHAPES.items())
        )

        written = ((secret, json.dumps(secret, ensure_ascii=False)[1:-1]) for secret in known)
        self._escaped = tuple(escaped for secret, escaped in written if escaped != secret)

    def __repr__(self) -> str:
        return "<Redaction>"

    def text(self, text: str) -> str:
        """The text without secrets."""
        if len(text) >= SHORTEST:
            for rare, sign, pattern in self._patterns:
                if rare in text and sign in text:
                    text = pattern.sub(REDACTED, text)
        return text

    def json(self, text: str) -> str:
        """A JSON text without secrets, also where they stand in it escaped; it stays a JSON text."""
        for escaped in self._escaped:
            text = text.replace(escaped, REDACTED)
        return self.text(text)

    def value(self, value: Any) -> Any:
        """The value, of texts, lists and maps, without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            entries = cast("dict[str, Any]", value)
            return {
                key if len(key) < SHORTEST else self.text(key): self.value(item)
                for key, item in entries.items()
            }
        if isinstance(value, list):
            return [self.value(item) for item in cast("list[Any]", value)]
        return value


def _rarest_in(sign: str) -> str:
    return next((character for character in _RAREST if character in sign), sign[0])
