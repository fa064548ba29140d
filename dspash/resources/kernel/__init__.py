"""The kernel of resources: what a declaration is made of, and what a domain can be asked.

class Signature(Resource, table="signatures"):
    name: Annotated[str, Attribute("How people refer to it.", unique=True)]

    @create
    def create(scene: Scene, *, name: str) -> Values: ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dspash.resources.kernel.action import (
    Action,
    ActionKind,
    Values,
    create,
    destroy,
    generic,
    internal,
    update,
)
from dspash.resources.kernel.attribute import Attribute, DeclaredAttribute, Kind
from dspash.resources.kernel.audit import AuditEntry
from dspash.resources.kernel.context import Context
from dspash.resources.kernel.domain import Domain
from dspash.resources.kernel.policy import OpenPolicy, Policy
from dspash.resources.kernel.relation import BelongsTo, HasMany, Relation
from dspash.resources.kernel.resource import Declaration, Resource, declaration_of
from dspash.resources.kernel.scene import Scene, StoredScene
from dspash.resources.kernel.state_machine import StateMachine
from dspash.store.identity import new_id

if TYPE_CHECKING:
    from dspash.resources.persistence import Collection, Page

__all__ = [
    "Action",
    "ActionKind",
    "Attribute",
    "AuditEntry",
    "BelongsTo",
    "Collection",
    "Context",
    "Declaration",
    "DeclaredAttribute",
    "Domain",
    "HasMany",
    "Kind",
    "OpenPolicy",
    "Page",
    "Policy",
    "Relation",
    "Resource",
    "Scene",
    "StateMachine",
    "StoredScene",
    "Values",
    "create",
    "declaration_of",
    "destroy",
    "generic",
    "internal",
    "new_id",
    "update",
]

_PERSISTENT = {"Collection", "Page"}


def __getattr__(name: str) -> Any:
    # What needs SQLAlchemy is loaded when it is first used.
    if name not in _PERSISTENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("dspash.resources.persistence"), name)
