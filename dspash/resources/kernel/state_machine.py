"""StateMachine: which actions a record's state admits, and where they lead."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from dspash.errors import TransitionError

__all__ = ["StateMachine"]


@dataclass(frozen=True, eq=False)
class StateMachine:
    """(state, action) → state, over the text attribute `attribute`. Actions that no transition names fit every state.

    The kernel alone writes the attribute: `initial` on creation, then the target of each action that succeeded.
    """

    attribute: str
    initial: str
    transitions: Mapping[tuple[str, str], str]

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the initial one first, in the order of the transitions."""
        found = [self.initial]
        for (state, _), target in self.transitions.items():
            found += [state, target]
        return tuple(dict.fromkeys(found))

    def governs(self, action: str) -> bool:
        """Whether `action` is a transition at all."""
        return any(name == action for _, name in self.transitions)

    def target(self, resource: str, state: str, action: str, *, hidden: Container[str]) -> str:
        """The state that `action` leads to from `state`.

        Raises TransitionError where it does not fit, naming those that do, but for `hidden` ones.
        """
        target = self.transitions.get((state, action))
        if target is None:
            fitting = [name for start, name in self.transitions if start == state and name not in hidden]
            raise TransitionError(resource=resource, state=state, action=action, fitting=fitting)
        return target

    def describe(self) -> dict[str, Any]:
        """The table as plain data, and as a Mermaid diagram made from it."""
        arrows = [
            f"    {start} --> {target}: {action}" for (start, action), target in self.transitions.items()
        ]
        return {
            "attribute": self.attribute,
            "initial": self.initial,
            "states": list(self.states),
            "transitions": [
                {"from": start, "action": action, "to": target}
                for (start, action), target in self.transitions.items()
            ],
            "diagram": "\n".join(["stateDiagram-v2", f"    [*] --> {self.initial}", *arrows]),
        }
