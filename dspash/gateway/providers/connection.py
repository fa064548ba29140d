"""Connection: one configured provider, with its address and its key: what the wires need and nobody else sees."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from dspash.errors import ConfigurationError
from dspash.gateway.port import JsonMap
from dspash.gateway.providers.catalogue import PROVIDER_TYPES
from dspash.gateway.providers.provider_type import ProviderType, Wire
from dspash.gateway.target import KeyLimits, Target
from dspash.secrets import Secret

__all__ = ["Connection", "address_of", "provider_type"]

_LOCAL_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - what a server listens on, no client can call
_PLACEHOLDER: Final = "none"  # what servers without keys are sent


@dataclass(frozen=True, slots=True)
class Connection:
    """How one provider is reached. Its repr, like that of a Secret, holds no key."""

    name: str
    """What it is configured as."""
    type: ProviderType
    base_url: str | None
    """Without a slash at its end; None where the address is made of `settings`, as Azure's is."""
    key: Secret | None = None
    wire: Wire | None = None
    """Which of the type's wires; None for its first."""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]], repr=False)
    """What the owner states of single models: prices, limits and abilities as the table of models has them."""
    default_model: str | None = None
    """What is asked where a program names the provider alone."""
    limits: KeyLimits = field(default_factory=KeyLimits)

    def __post_init__(self) -> None:
        if self.wire is not None and self.wire not in self.type.doors:
            known = ", ".join(self.type.doors)
            raise ConfigurationError("wire", f"{self.type.name} has no wire {self.wire!r}", f"it has {known}")

    @property
    def spoken(self) -> Wire:
        """The wire that completions go by."""
        return self.wire or self.type.wire

    @property
    def door(self) -> str:
        """What lm15 calls that wire of this type."""
        return self.type.doors[self.spoken]

    @property
    def endpoint(self) -> str:
        """Which server it is, in words without secrets."""
        return self.base_url or ",".join(f"{name}={value}" for name, value in sorted(self.settings.items()))

    @property
    def key_id(self) -> str:
        """A fingerprint of type, server and key, which does not lead back to the key: a hash that a database may hold."""
        key = "" if self.key is None else self.key.reveal()
        return _digest("key", self.type.name, self.endpoint, key)

    @property
    def id(self) -> str:
        """A fingerprint of all that makes this connection differ from another."""
        settings = repr(sorted(self.settings.items()))
        return _digest("connection", self.name, self.key_id, str(self.wire), settings)

    def target(
        self, model: str, defaults: JsonMap | None = None, *, most_output: int | None = None
    ) -> Target:
        """`model` at this provider, as the pipeline knows it."""
        return Target(
            provider=self.name,
            type=self.type.name,
            model=model,
            key_id=self.key_id,
            defaults=defaults or {},
            connection=self.id,
            endpoint=self.endpoint,
            limits=self.limits,
            max_output_tokens=most_output,
        )

    def sent_key(self) -> str:
        """The key as it is sent; a word that means nothing for a server that wants none."""
        return _PLACEHOLDER if self.key is None else self.key.reveal()

    def redacted(self, text: str) -> str:
        """`text` without the key, should a provider quote it."""
        return text if self.key is None else self.key.redacted(text)


def provider_type(name: str) -> ProviderType:
    """The kind of provider called so. Raises ConfigurationError with the kinds there are."""
    found = PROVIDER_TYPES.get(name)
    if found is None:
        raise ConfigurationError(
            "type", f"no kind of provider is called {name!r}", f"there are {', '.join(PROVIDER_TYPES)}"
        )
    return found


def address_of(kind: ProviderType, given: str | None) -> str | None:
    """The base URL that `given` means for this kind of provider, which has one of its own where nothing is given.

    A host without a scheme is one of this network, as OLLAMA_HOST has it. Raises ConfigurationError for what is no
    address, and for one that holds a password, which would be shown.
    """
    if not given:
        return kind.base_url
    text = given.strip() if "://" in given else f"http://{given.strip()}"
    parts = _split(text)
    if parts is None:  # and it is not quoted: who knows what it is
        raise ConfigurationError("base_url", "is no address", "begin it with https:// or http://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "base_url", "is more than scheme, host and path", "give a key as the provider's key"
        )
    host = next(
        (
            parts.netloc.replace(any_, own, 1)
            for any_, own in _LOCAL_HOSTS.items()
            if parts.netloc.startswith(any_)
        ),
        parts.netloc,
    )
    address = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    return address if not kind.suffix or address.endswith(kind.suffix) else address + kind.suffix


def _split(text: str) -> SplitResult | None:
    """The parts of an address; None of what is none."""
    try:
        parts = urlsplit(text)
        return parts if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _digest(purpose: str, *parts: str) -> str:
    joined = "\0".join(parts).encode()
    return hashlib.blake2b(joined, digest_size=12, person=f"dspash {purpose}".encode()[:16]).hexdigest()
