"""Collections: the records of every resource, as attributes of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dspash.app.records import Records
    from dspash.app.registrar import Registrar
    from dspash.resources.recording import Recorder

__all__ = ["SHORT", "Collections"]

SHORT: Final = {"stored_metrics": "metrics", "runs": "optimization_runs", "versions": "program_versions"}
"""Names that people say, and the tables that they mean; `app.metrics` tells how something ran."""

_RECORDED: Final = frozenset({"traces", "lm_requests", "cache_entries"})


class Collections:
    """`app.programs`, `app.modules` and so on: one Collection for each table of the domain.

    What was defined and executed before is written when they are asked for. Raises ConfigurationError where nothing is
    kept, and StoreError where the database cannot be used. Their types are in collections.pyi.
    """

    _records: Records
    _registrar: Registrar
    _recorder: Recorder | None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        from dspash.resources import DOMAIN

        table = SHORT.get(name, name)
        tables = [declared.table for declared in DOMAIN.declarations.values()]
        if table not in tables:
            known = ", ".join([*tables, *SHORT])
            raise AttributeError(f"an app has no {name!r}; its collections are {known}", name=name, obj=self)
        self._registrar.settle()
        if table in _RECORDED and self._recorder is not None:
            self._recorder.flush()
        return self._records.collection(table)
