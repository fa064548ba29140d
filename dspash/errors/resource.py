"""Resource errors: actions that were refused, with nothing written."""

from __future__ import annotations

from collections.abc import Sequence

from dspash.errors.dspash_error import DspashError

__all__ = ["ConflictError", "ForbiddenError", "ResourceError", "TransitionError"]


class ResourceError(DspashError):
    """An action on a resource was refused and nothing was written. See the subclass for the move."""


class ConflictError(ResourceError):
    """What is there already stands against it: a name that is taken, a lost race, a record others refer to.

    `resource` names the kind of record, `conflict` is one of `unique`, `version`, `reference`. After a lost race
    (`version`) read the record again and repeat; else fix the value or remove what refers to it.
    """

    def __init__(self, *, resource: str, conflict: str, problem: str, way_out: str) -> None:
        self.resource = resource
        self.conflict = conflict
        super().__init__(f"{resource}: {problem}; {way_out}", retryable=conflict == "version")


class TransitionError(ResourceError):
    """The record's state does not admit the action; `fitting` are those it does. Fix the order of actions."""

    def __init__(self, *, resource: str, state: str, action: str, fitting: Sequence[str]) -> None:
        self.resource = resource
        self.state = state
        self.action = action
        self.fitting = tuple(fitting)
        offer = f"from there: {', '.join(fitting)}" if fitting else "no action leads on from there"
        super().__init__(f"{resource} is {state}, which does not admit {action}; {offer}")


class ForbiddenError(ResourceError):
    """The actor may not do this; `actor`, `action` and `resource` say who and what. Fix the policy, or act as another."""

    def __init__(self, *, actor: str, action: str, resource: str) -> None:
        self.actor = actor
        self.action = action
        self.resource = resource
        super().__init__(f"{actor!r} may not {action} a {resource}; ask whoever set the policy")
