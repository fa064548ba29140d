"""Collections: the records of every resource, as attributes of an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dspash.app.records import Records
    from dspash.app.registrar import Registrar
    from dspash.resources.dataset import Dataset
    from dspash.resources.evaluation import Evaluation, EvaluationResult
    from dspash.resources.example import Example
    from dspash.resources.kernel import AuditEntry, Collection
    from dspash.resources.metric import Metric
    from dspash.resources.module import Module
    from dspash.resources.optimization_run import OptimizationRun
    from dspash.resources.optimizer import Optimizer
    from dspash.resources.predictor import Predictor
    from dspash.resources.program import Program
    from dspash.resources.program_version import ProgramVersion
    from dspash.resources.signature import Signature
    from dspash.resources.trace import Trace
    from dspash.resources.tracing import Recorder

__all__ = ["Collections"]

_SHORT: Final = {"stored_metrics": "metrics", "runs": "optimization_runs", "versions": "program_versions"}
"""Names that people say, and the tables that they mean; `app.metrics` tells how something ran."""


class Collections:
    """`app.programs`, `app.modules` and so on: one Collection for each table of the domain.

    What was defined and executed before is written when they are asked for. Raises ConfigurationError where nothing is kept, and
    StoreError where the database cannot be used.
    """

    _records: Records
    _registrar: Registrar
    _recorder: Recorder | None

    if TYPE_CHECKING:
        audit_entries: Collection[AuditEntry]
        datasets: Collection[Dataset]
        evaluation_results: Collection[EvaluationResult]
        evaluations: Collection[Evaluation]
        examples: Collection[Example]
        modules: Collection[Module]
        optimization_runs: Collection[OptimizationRun]
        optimizers: Collection[Optimizer]
        predictors: Collection[Predictor]
        program_versions: Collection[ProgramVersion]
        programs: Collection[Program]
        runs: Collection[OptimizationRun]
        signatures: Collection[Signature]
        stored_metrics: Collection[Metric]
        traces: Collection[Trace]
        versions: Collection[ProgramVersion]
    else:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            from dspash.resources import DOMAIN

            table = _SHORT.get(name, name)
            tables = [declared.table for declared in DOMAIN.declarations.values()]
            if table not in tables:
                known = ", ".join([*tables, *_SHORT])
                raise AttributeError(
                    f"an app has no {name!r}; its collections are {known}", name=name, obj=self
                )
            self._registrar.settle()
            if table == "traces" and self._recorder is not None:
                self._recorder.flush()
            return self._records.collection(table)
