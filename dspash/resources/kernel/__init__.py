"""The kernel of resources: what a declaration is made of, and what runs its actions.

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
from dspash.resources.kernel.identity import new_id
from dspash.resources.kernel.policy import OpenPolicy, Policy
from dspash.resources.kernel.relation import BelongsTo, HasMany, Relation
from dspash.resources.kernel.resource import Declaration, Resource, declaration_of
from dspash.resources.kernel.scene import Scene, StoredScene
from dspash.resources.kernel.state_machine import StateMachine

if TYPE_CHECKING:
    from dspash.resources.kernel.collection import Collection
    from dspash.resources.kernel.page import Page

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

_NEED_SQLALCHEMY = {"Collection": "collection", "Page": "page"}


def __getattr__(name: str) -> Any:
    if name not in _NEED_SQLALCHEMY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NEED_SQLALCHEMY[name]}"), name)
