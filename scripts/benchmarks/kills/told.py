"""Told: what hosts have acknowledged before they were killed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Told"]


@dataclass(slots=True)
class Told:
    """`records`: by resource and id, the last version that an API call returned, with the status it had then.

    `executed`: questions of executions that were awaited in the records. `held`: evaluations that were under way, and
    stayed so until the end.
    """

    records: dict[tuple[str, str], tuple[int, str]] = field(
        default_factory=dict[tuple[str, str], tuple[int, str]]
    )
    executed: Counter[str] = field(default_factory=Counter[str])
    held: set[str] = field(default_factory=set[str])

    def hear(self, line: bytes) -> None:
        """Take one line of a host. One that was cut off by the kill acknowledges nothing."""
        if not line.endswith(b"\n"):
            return
        match json.loads(line):
            case {"executed": questions}:
                self.executed.update(questions)
            case {"held": evaluation}:
                self.held.add(evaluation)
            case {"resource": resource, "id": number, "version": version, "status": status}:
                key = (resource, number)
                self.records[key] = max(self.records.get(key, (0, "")), (version, status))
            case strange:
                raise AssertionError(strange)

    @property
    def count(self) -> int:
        """How much was acknowledged: executions, and versions of records."""
        return self.executed.total() + sum(version for version, _ in self.records.values())
