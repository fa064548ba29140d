"""Arena: the hosts of one run, each started when it is first needed and replaced when it is broken."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from benchmarks.host import ActFailedError, Host

__all__ = ["Arena"]


class Arena:
    """Owns its hosts, all of one role: leaving the context ends them."""

    def __init__(self, names: Iterable[str], *, role: str = "contestant") -> None:
        self._role = role
        self.names = tuple(names)
        self._hosts: dict[str, Host] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._hosts:
            self._hosts.popitem()[1].close()

    def enter(self, name: str) -> Host:
        """The host of `name`, its contestant started. Raises ActFailedError when that cannot be."""
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(self._role, name)
            try:
                host.do("start")
            except ActFailedError:
                self.remove(name)
                raise
        return host

    def remove(self, name: str) -> None:
        """Kill the host of `name`; the next `enter` starts another."""
        host = self._hosts.pop(name, None)
        if host is not None:
            host.kill()
