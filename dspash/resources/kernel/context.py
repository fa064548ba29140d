"""Context: on whose behalf an action runs."""

from __future__ import annotations

from dataclasses import dataclass

from dspash.errors import ConfigurationError

__all__ = ["Context"]


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks (`actor`), for whom (`tenant`), and in which request; audit entries carry all three."""

    actor: str
    tenant: str
    request_id: str

    def __post_init__(self) -> None:
        for name in ("actor", "tenant", "request_id"):
            value: object = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or len(value) > 200 or "\0" in value:
                raise ConfigurationError(
                    name, f"{value!r} names nobody", "give a text of 1 to 200 characters"
                )
