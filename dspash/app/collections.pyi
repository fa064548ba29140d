# Made by scripts/generate from the actions that the resources declare.

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from dspash.app.records import Records
from dspash.app.registrar import Registrar
from dspash.datasets import FileReading
from dspash.prediction import Prediction
from dspash.resources.budget import Budget, Calls, Cost, Period, Scope, Share
from dspash.resources.cache_entry import CacheEntry
from dspash.resources.dataset import Dataset, Examples, FormatName
from dspash.resources.evaluation import Evaluation, EvaluationResult, SignificanceTest
from dspash.resources.example import Example
from dspash.resources.journal_entry import JournalEntry
from dspash.resources.kernel import Collection
from dspash.resources.kernel.audit import AuditEntry
from dspash.resources.lm_request import Grouping, LMRequest
from dspash.resources.metric import Metric, MetricType
from dspash.resources.model_alias import ModelAlias, ModelId, Names, Settings
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.optimizer import Optimizer
from dspash.resources.predictor import Predictor
from dspash.resources.program import ExampleSource, Origin, Program, evaluation, optimization_run
from dspash.resources.program_version import ProgramVersion
from dspash.resources.provider import ConfigurableName, Provider
from dspash.resources.provider_config import ProviderConfig
from dspash.resources.recording import Recorder
from dspash.resources.signature import FieldSpec, Signature
from dspash.resources.trace import Trace

__all__ = ["SHORT", "Collections"]

class _SignatureCollection(Collection[Signature]):
    def compile(self, *, signature_string: str) -> dict[str, Any]: ...
    async def acompile(self, *, signature_string: str) -> dict[str, Any]: ...
    def create(
        self,
        *,
        name: str,
        inputs: list[FieldSpec | str] | None = ...,
        outputs: list[FieldSpec | str] | None = ...,
        signature_string: str | None = ...,
        docstring: str = ...,
        metadata: dict[str, Any] | None = ...,
    ) -> Signature: ...
    async def acreate(
        self,
        *,
        name: str,
        inputs: list[FieldSpec | str] | None = ...,
        outputs: list[FieldSpec | str] | None = ...,
        signature_string: str | None = ...,
        docstring: str = ...,
        metadata: dict[str, Any] | None = ...,
    ) -> Signature: ...
    def update(
        self,
        key: Signature | UUID | str,
        /,
        *,
        inputs: list[FieldSpec | str] | None = ...,
        outputs: list[FieldSpec | str] | None = ...,
        docstring: str | None = ...,
        metadata: dict[str, Any] | None = ...,
    ) -> Signature: ...
    async def aupdate(
        self,
        key: Signature | UUID | str,
        /,
        *,
        inputs: list[FieldSpec | str] | None = ...,
        outputs: list[FieldSpec | str] | None = ...,
        docstring: str | None = ...,
        metadata: dict[str, Any] | None = ...,
    ) -> Signature: ...

class _ModuleCollection(Collection[Module]):
    def create(
        self,
        *,
        name: str,
        type: str,
        signature: str | dict[str, Any] | None = ...,
        signature_id: UUID | str | None = ...,
        config: dict[str, Any] | None = ...,
        module: str | None = ...,
        reward: Any = ...,
        cls: str | None = ...,
    ) -> Module: ...
    async def acreate(
        self,
        *,
        name: str,
        type: str,
        signature: str | dict[str, Any] | None = ...,
        signature_id: UUID | str | None = ...,
        config: dict[str, Any] | None = ...,
        module: str | None = ...,
        reward: Any = ...,
        cls: str | None = ...,
    ) -> Module: ...
    def define(self, *, name: str, definition: dict[str, Any]) -> Module: ...
    async def adefine(self, *, name: str, definition: dict[str, Any]) -> Module: ...
    def adopt(self, *, name: str, definition: dict[str, Any]) -> Module: ...
    async def aadopt(self, *, name: str, definition: dict[str, Any]) -> Module: ...
    def redefine(self, key: Module | UUID | str, /, *, definition: dict[str, Any]) -> Module: ...
    async def aredefine(self, key: Module | UUID | str, /, *, definition: dict[str, Any]) -> Module: ...
    def update(
        self,
        key: Module | UUID | str,
        /,
        *,
        config: dict[str, Any] | None = ...,
        signature: str | dict[str, Any] | None = ...,
    ) -> Module: ...
    async def aupdate(
        self,
        key: Module | UUID | str,
        /,
        *,
        config: dict[str, Any] | None = ...,
        signature: str | dict[str, Any] | None = ...,
    ) -> Module: ...
    def learn(self, key: Module | UUID | str, /, *, state: dict[str, Any] | None) -> Module: ...
    async def alearn(self, key: Module | UUID | str, /, *, state: dict[str, Any] | None) -> Module: ...
    def edit(self, key: Module | UUID | str, /, *, leaf: dict[str, Any]) -> Module: ...
    async def aedit(self, key: Module | UUID | str, /, *, leaf: dict[str, Any]) -> Module: ...
    def forward(
        self, key: Module | UUID | str, /, *, inputs: dict[str, Any], timeout_s: float | None = ...
    ) -> Prediction: ...
    async def aforward(
        self, key: Module | UUID | str, /, *, inputs: dict[str, Any], timeout_s: float | None = ...
    ) -> Prediction: ...
    def get_demos(self, key: Module | UUID | str, /) -> dict[str, list[dict[str, Any]]]: ...
    async def aget_demos(self, key: Module | UUID | str, /) -> dict[str, list[dict[str, Any]]]: ...
    def set_demos(
        self, key: Module | UUID | str, /, *, demos: list[dict[str, Any]], predictor: str | None = ...
    ) -> Module: ...
    async def aset_demos(
        self, key: Module | UUID | str, /, *, demos: list[dict[str, Any]], predictor: str | None = ...
    ) -> Module: ...

class _ProgramCollection(Collection[Program]):
    def create(
        self,
        *,
        name: str,
        description: str = ...,
        source: str | None = ...,
        forward_fn: str | None = ...,
        cls: str | None = ...,
        class_name: str | None = ...,
        modules: dict[str, str] | None = ...,
        config: dict[str, Any] | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    async def acreate(
        self,
        *,
        name: str,
        description: str = ...,
        source: str | None = ...,
        forward_fn: str | None = ...,
        cls: str | None = ...,
        class_name: str | None = ...,
        modules: dict[str, str] | None = ...,
        config: dict[str, Any] | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    def adopt(
        self,
        *,
        name: str,
        content: dict[str, Any],
        origin: Origin = ...,
        description: str = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    async def aadopt(
        self,
        *,
        name: str,
        content: dict[str, Any],
        origin: Origin = ...,
        description: str = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    def define(
        self,
        *,
        name: str,
        content: dict[str, Any],
        origin: Origin = ...,
        description: str | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    async def adefine(
        self,
        *,
        name: str,
        content: dict[str, Any],
        origin: Origin = ...,
        description: str | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    def redefine(
        self, key: Program | UUID | str, /, *, content: dict[str, Any], origin: Origin = ...
    ) -> Program: ...
    async def aredefine(
        self, key: Program | UUID | str, /, *, content: dict[str, Any], origin: Origin = ...
    ) -> Program: ...
    def update(
        self,
        key: Program | UUID | str,
        /,
        *,
        description: str | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    async def aupdate(
        self,
        key: Program | UUID | str,
        /,
        *,
        description: str | None = ...,
        sandbox: dict[str, Any] | None = ...,
    ) -> Program: ...
    def edit(self, key: Program | UUID | str, /, *, leaf: dict[str, Any]) -> Program: ...
    async def aedit(self, key: Program | UUID | str, /, *, leaf: dict[str, Any]) -> Program: ...
    def learn(
        self,
        key: Program | UUID | str,
        /,
        *,
        state: dict[str, Any],
        version: int,
        score: float | None = ...,
        run_id: UUID | None = ...,
    ) -> Program: ...
    async def alearn(
        self,
        key: Program | UUID | str,
        /,
        *,
        state: dict[str, Any],
        version: int,
        score: float | None = ...,
        run_id: UUID | None = ...,
    ) -> Program: ...
    def promote(self, key: Program | UUID | str, /, *, version: int | None = ...) -> Program: ...
    async def apromote(self, key: Program | UUID | str, /, *, version: int | None = ...) -> Program: ...
    def rollback(self, key: Program | UUID | str, /) -> Program: ...
    async def arollback(self, key: Program | UUID | str, /) -> Program: ...
    def archive(self, key: Program | UUID | str, /) -> Program: ...
    async def aarchive(self, key: Program | UUID | str, /) -> Program: ...
    def restore(self, key: Program | UUID | str, /) -> Program: ...
    async def arestore(self, key: Program | UUID | str, /) -> Program: ...
    def inspect(self, key: Program | UUID | str, /) -> list[dict[str, Any]]: ...
    async def ainspect(self, key: Program | UUID | str, /) -> list[dict[str, Any]]: ...
    def note_state(self, key: Program | UUID | str, /, *, state: dict[str, Any]) -> Program: ...
    async def anote_state(self, key: Program | UUID | str, /, *, state: dict[str, Any]) -> Program: ...
    def diff(
        self, key: Program | UUID | str, /, *, before: int | None = ..., after: int | None = ...
    ) -> dict[str, Any]: ...
    async def adiff(
        self, key: Program | UUID | str, /, *, before: int | None = ..., after: int | None = ...
    ) -> dict[str, Any]: ...
    def export(
        self, key: Program | UUID | str, /, *, folder: str, version: int | None = ...
    ) -> list[str]: ...
    async def aexport(
        self, key: Program | UUID | str, /, *, folder: str, version: int | None = ...
    ) -> list[str]: ...
    def import_(self, *, folder: str, name: str | None = ..., classes: list[str] | None = ...) -> Program: ...
    async def aimport(
        self, *, folder: str, name: str | None = ..., classes: list[str] | None = ...
    ) -> Program: ...
    def execute(
        self,
        key: Program | UUID | str,
        /,
        *,
        inputs: dict[str, Any],
        version: int | None = ...,
        timeout_s: float | None = ...,
    ) -> Prediction: ...
    async def aexecute(
        self,
        key: Program | UUID | str,
        /,
        *,
        inputs: dict[str, Any],
        version: int | None = ...,
        timeout_s: float | None = ...,
    ) -> Prediction: ...
    def compile(
        self,
        key: Program | UUID | str,
        /,
        *,
        trainset: ExampleSource,
        metric: Any = ...,
        optimizer: str = ...,
        valset: ExampleSource | None = ...,
        config: dict[str, Any] | None = ...,
        seed: int = ...,
        version: int | None = ...,
    ) -> optimization_run.OptimizationRun: ...
    async def acompile(
        self,
        key: Program | UUID | str,
        /,
        *,
        trainset: ExampleSource,
        metric: Any = ...,
        optimizer: str = ...,
        valset: ExampleSource | None = ...,
        config: dict[str, Any] | None = ...,
        seed: int = ...,
        version: int | None = ...,
    ) -> optimization_run.OptimizationRun: ...
    def evaluate(
        self,
        key: Program | UUID | str,
        /,
        *,
        devset: ExampleSource,
        metric: Any = ...,
        version: int | None = ...,
    ) -> evaluation.Evaluation: ...
    async def aevaluate(
        self,
        key: Program | UUID | str,
        /,
        *,
        devset: ExampleSource,
        metric: Any = ...,
        version: int | None = ...,
    ) -> evaluation.Evaluation: ...

class _ProgramVersionCollection(Collection[ProgramVersion]): ...

class _PredictorCollection(Collection[Predictor]):
    def show(self, *, program_id: UUID | None, module_id: UUID | None, leaf: dict[str, Any]) -> Predictor: ...
    async def ashow(
        self, *, program_id: UUID | None, module_id: UUID | None, leaf: dict[str, Any]
    ) -> Predictor: ...
    def reshow(self, key: Predictor | UUID | str, /, *, leaf: dict[str, Any]) -> Predictor: ...
    async def areshow(self, key: Predictor | UUID | str, /, *, leaf: dict[str, Any]) -> Predictor: ...
    def update(
        self,
        key: Predictor | UUID | str,
        /,
        *,
        instructions: str | None = ...,
        demos: list[dict[str, Any]] | None = ...,
    ) -> Predictor: ...
    async def aupdate(
        self,
        key: Predictor | UUID | str,
        /,
        *,
        instructions: str | None = ...,
        demos: list[dict[str, Any]] | None = ...,
    ) -> Predictor: ...

class _OptimizerCollection(Collection[Optimizer]):
    def create(self, *, name: str, type: str, config: dict[str, Any] | None = ...) -> Optimizer: ...
    async def acreate(self, *, name: str, type: str, config: dict[str, Any] | None = ...) -> Optimizer: ...
    def update(
        self, key: Optimizer | UUID | str, /, *, type: str | None = ..., config: dict[str, Any] | None = ...
    ) -> Optimizer: ...
    async def aupdate(
        self, key: Optimizer | UUID | str, /, *, type: str | None = ..., config: dict[str, Any] | None = ...
    ) -> Optimizer: ...
    def types(self) -> list[dict[str, Any]]: ...
    async def atypes(self) -> list[dict[str, Any]]: ...
    def describe(self, *, type: str) -> dict[str, Any]: ...
    async def adescribe(self, *, type: str) -> dict[str, Any]: ...
    def note_run(self, key: Optimizer | UUID | str, /, *, run_id: UUID, score: float | None) -> Optimizer: ...
    async def anote_run(
        self, key: Optimizer | UUID | str, /, *, run_id: UUID, score: float | None
    ) -> Optimizer: ...
    def compile(
        self,
        key: Optimizer | UUID | str,
        /,
        *,
        program: str,
        trainset: ExampleSource,
        metric: Any = ...,
        valset: ExampleSource | None = ...,
        kwargs: dict[str, Any] | None = ...,
        seed: int = ...,
    ) -> optimization_run.OptimizationRun: ...
    async def acompile(
        self,
        key: Optimizer | UUID | str,
        /,
        *,
        program: str,
        trainset: ExampleSource,
        metric: Any = ...,
        valset: ExampleSource | None = ...,
        kwargs: dict[str, Any] | None = ...,
        seed: int = ...,
    ) -> optimization_run.OptimizationRun: ...

class _OptimizationRunCollection(Collection[OptimizationRun]):
    def create(
        self,
        *,
        program: str | None = ...,
        version: int | None = ...,
        module: str | None = ...,
        optimizer: str = ...,
        trainset: ExampleSource,
        valset: ExampleSource | None = ...,
        metric: Any = ...,
        config: dict[str, Any] | None = ...,
        seed: int = ...,
        name: Annotated[str, Field(min_length=1, max_length=200)] | None = ...,
    ) -> OptimizationRun: ...
    async def acreate(
        self,
        *,
        program: str | None = ...,
        version: int | None = ...,
        module: str | None = ...,
        optimizer: str = ...,
        trainset: ExampleSource,
        valset: ExampleSource | None = ...,
        metric: Any = ...,
        config: dict[str, Any] | None = ...,
        seed: int = ...,
        name: Annotated[str, Field(min_length=1, max_length=200)] | None = ...,
    ) -> OptimizationRun: ...
    def start(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    async def astart(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    def resume(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    async def aresume(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    def confirm(
        self, key: OptimizationRun | UUID | str, /, *, fingerprint: dict[str, Any]
    ) -> OptimizationRun: ...
    async def aconfirm(
        self, key: OptimizationRun | UUID | str, /, *, fingerprint: dict[str, Any]
    ) -> OptimizationRun: ...
    def release(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    async def arelease(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    def begin(self, key: OptimizationRun | UUID | str, /, *, owner: dict[str, Any]) -> OptimizationRun: ...
    async def abegin(
        self, key: OptimizationRun | UUID | str, /, *, owner: dict[str, Any]
    ) -> OptimizationRun: ...
    def fail(self, key: OptimizationRun | UUID | str, /, *, error: str) -> OptimizationRun: ...
    async def afail(self, key: OptimizationRun | UUID | str, /, *, error: str) -> OptimizationRun: ...
    def interrupt(
        self, key: OptimizationRun | UUID | str, /, *, error: str | None = ...
    ) -> OptimizationRun: ...
    async def ainterrupt(
        self, key: OptimizationRun | UUID | str, /, *, error: str | None = ...
    ) -> OptimizationRun: ...
    def cancel(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    async def acancel(self, key: OptimizationRun | UUID | str, /) -> OptimizationRun: ...
    def complete(
        self,
        key: OptimizationRun | UUID | str,
        /,
        *,
        state: dict[str, Any],
        score: float | None,
        trials: list[dict[str, Any]],
        traces: list[dict[str, Any]],
        usage: dict[str, Any],
    ) -> OptimizationRun: ...
    async def acomplete(
        self,
        key: OptimizationRun | UUID | str,
        /,
        *,
        state: dict[str, Any],
        score: float | None,
        trials: list[dict[str, Any]],
        traces: list[dict[str, Any]],
        usage: dict[str, Any],
    ) -> OptimizationRun: ...

class _EvaluationCollection(Collection[Evaluation]):
    def create(
        self,
        *,
        program: str | None = ...,
        version: int | None = ...,
        module: str | None = ...,
        devset: ExampleSource,
        metric: Any = ...,
        example_timeout_s: Annotated[float | None, Field(gt=0)] = ...,
    ) -> Evaluation: ...
    async def acreate(
        self,
        *,
        program: str | None = ...,
        version: int | None = ...,
        module: str | None = ...,
        devset: ExampleSource,
        metric: Any = ...,
        example_timeout_s: Annotated[float | None, Field(gt=0)] = ...,
    ) -> Evaluation: ...
    def run(self, key: Evaluation | UUID | str, /) -> Evaluation: ...
    async def arun(self, key: Evaluation | UUID | str, /) -> Evaluation: ...
    def complete(
        self,
        key: Evaluation | UUID | str,
        /,
        *,
        score: float,
        correct: int,
        failed: int,
        usage: dict[str, Any],
    ) -> Evaluation: ...
    async def acomplete(
        self,
        key: Evaluation | UUID | str,
        /,
        *,
        score: float,
        correct: int,
        failed: int,
        usage: dict[str, Any],
    ) -> Evaluation: ...
    def interval(
        self, key: Evaluation | UUID | str, /, *, level: Annotated[float, Field(gt=0, lt=1)] = ...
    ) -> dict[str, Any] | None: ...
    async def ainterval(
        self, key: Evaluation | UUID | str, /, *, level: Annotated[float, Field(gt=0, lt=1)] = ...
    ) -> dict[str, Any] | None: ...
    def compare(
        self, key: Evaluation | UUID | str, /, *, other: str, test: SignificanceTest | None = ...
    ) -> dict[str, Any]: ...
    async def acompare(
        self, key: Evaluation | UUID | str, /, *, other: str, test: SignificanceTest | None = ...
    ) -> dict[str, Any]: ...
    def export(self, key: Evaluation | UUID | str, /, *, path: str) -> dict[str, Any]: ...
    async def aexport(self, key: Evaluation | UUID | str, /, *, path: str) -> dict[str, Any]: ...
    def begin(self, key: Evaluation | UUID | str, /, *, owner: dict[str, Any]) -> Evaluation: ...
    async def abegin(self, key: Evaluation | UUID | str, /, *, owner: dict[str, Any]) -> Evaluation: ...
    def fail(self, key: Evaluation | UUID | str, /, *, error: str) -> Evaluation: ...
    async def afail(self, key: Evaluation | UUID | str, /, *, error: str) -> Evaluation: ...
    def interrupt(self, key: Evaluation | UUID | str, /, *, error: str | None = ...) -> Evaluation: ...
    async def ainterrupt(self, key: Evaluation | UUID | str, /, *, error: str | None = ...) -> Evaluation: ...
    def cancel(self, key: Evaluation | UUID | str, /) -> Evaluation: ...
    async def acancel(self, key: Evaluation | UUID | str, /) -> Evaluation: ...

class _EvaluationResultCollection(Collection[EvaluationResult]):
    def note(
        self,
        *,
        evaluation_id: UUID,
        index: int,
        score: float,
        prediction: dict[str, Any] | None,
        error: str | None,
    ) -> EvaluationResult: ...
    async def anote(
        self,
        *,
        evaluation_id: UUID,
        index: int,
        score: float,
        prediction: dict[str, Any] | None,
        error: str | None,
    ) -> EvaluationResult: ...

class _DatasetCollection(Collection[Dataset]):
    def begin(
        self, *, name: str, description: str = ..., input_fields: list[str], source: str = ...
    ) -> Dataset: ...
    async def abegin(
        self, *, name: str, description: str = ..., input_fields: list[str], source: str = ...
    ) -> Dataset: ...
    def complete(
        self, key: Dataset | UUID | str, /, *, total: int, splits: dict[str, int], content_hash: str
    ) -> Dataset: ...
    async def acomplete(
        self, key: Dataset | UUID | str, /, *, total: int, splits: dict[str, int], content_hash: str
    ) -> Dataset: ...
    def create(
        self,
        *,
        name: str,
        examples: Examples,
        inputs: list[str] | None = ...,
        sizes: dict[str, int | float] | None = ...,
        seed: int = ...,
        description: str = ...,
    ) -> Dataset: ...
    async def acreate(
        self,
        *,
        name: str,
        examples: Examples,
        inputs: list[str] | None = ...,
        sizes: dict[str, int | float] | None = ...,
        seed: int = ...,
        description: str = ...,
    ) -> Dataset: ...
    def import_(
        self,
        *,
        name: str,
        path: str,
        format: FormatName | None = ...,
        inputs: list[str] | None = ...,
        types: dict[str, str] | None = ...,
        sizes: dict[str, int | float] | None = ...,
        seed: int = ...,
        description: str = ...,
        on_progress: SkipJsonSchema[Callable[[FileReading], None] | None] = ...,
    ) -> Dataset: ...
    async def aimport(
        self,
        *,
        name: str,
        path: str,
        format: FormatName | None = ...,
        inputs: list[str] | None = ...,
        types: dict[str, str] | None = ...,
        sizes: dict[str, int | float] | None = ...,
        seed: int = ...,
        description: str = ...,
        on_progress: SkipJsonSchema[Callable[[FileReading], None] | None] = ...,
    ) -> Dataset: ...
    def update(self, key: Dataset | UUID | str, /, *, description: str) -> Dataset: ...
    async def aupdate(self, key: Dataset | UUID | str, /, *, description: str) -> Dataset: ...
    def split(
        self, key: Dataset | UUID | str, /, *, sizes: dict[str, int | float], seed: int = ...
    ) -> Dataset: ...
    async def asplit(
        self, key: Dataset | UUID | str, /, *, sizes: dict[str, int | float], seed: int = ...
    ) -> Dataset: ...
    def rows(
        self,
        key: Dataset | UUID | str,
        /,
        *,
        split: str | None = ...,
        limit: Annotated[int, Field(ge=1)] | None = ...,
    ) -> list[dict[str, Any]]: ...
    async def arows(
        self,
        key: Dataset | UUID | str,
        /,
        *,
        split: str | None = ...,
        limit: Annotated[int, Field(ge=1)] | None = ...,
    ) -> list[dict[str, Any]]: ...

class _ExampleCollection(Collection[Example]): ...

class _MetricCollection(Collection[Metric]):
    def create(
        self,
        *,
        name: Annotated[str, Field(min_length=1)],
        type: MetricType,
        field: str | None = ...,
        code: str | None = ...,
        instructions: str | None = ...,
        function: str | None = ...,
        description: str = ...,
    ) -> Metric: ...
    async def acreate(
        self,
        *,
        name: Annotated[str, Field(min_length=1)],
        type: MetricType,
        field: str | None = ...,
        code: str | None = ...,
        instructions: str | None = ...,
        function: str | None = ...,
        description: str = ...,
    ) -> Metric: ...
    def update(
        self,
        key: Metric | UUID | str,
        /,
        *,
        type: MetricType | None = ...,
        field: str | None = ...,
        code: str | None = ...,
        instructions: str | None = ...,
        function: str | None = ...,
        description: str | None = ...,
    ) -> Metric: ...
    async def aupdate(
        self,
        key: Metric | UUID | str,
        /,
        *,
        type: MetricType | None = ...,
        field: str | None = ...,
        code: str | None = ...,
        instructions: str | None = ...,
        function: str | None = ...,
        description: str | None = ...,
    ) -> Metric: ...
    def score(
        self, key: Metric | UUID | str, /, *, example: dict[str, Any], prediction: dict[str, Any]
    ) -> dict[str, Any]: ...
    async def ascore(
        self, key: Metric | UUID | str, /, *, example: dict[str, Any], prediction: dict[str, Any]
    ) -> dict[str, Any]: ...

class _TraceCollection(Collection[Trace]):
    def tree(self, key: Trace | UUID | str, /) -> dict[str, Any]: ...
    async def atree(self, key: Trace | UUID | str, /) -> dict[str, Any]: ...
    def metrics(
        self,
        *,
        name: str | None = ...,
        program_id: UUID | None = ...,
        module_id: UUID | None = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        every: timedelta | None = ...,
    ) -> dict[str, Any]: ...
    async def ametrics(
        self,
        *,
        name: str | None = ...,
        program_id: UUID | None = ...,
        module_id: UUID | None = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        every: timedelta | None = ...,
    ) -> dict[str, Any]: ...
    def prune(self, *, max_age: timedelta | None = ..., max_records: int | None = ...) -> dict[str, int]: ...
    async def aprune(
        self, *, max_age: timedelta | None = ..., max_records: int | None = ...
    ) -> dict[str, int]: ...

class _LMRequestCollection(Collection[LMRequest]):
    def usage(
        self,
        *,
        by: Grouping | Sequence[Grouping] = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        program: str | None = ...,
        run: str | None = ...,
        model: str | None = ...,
        provider: str | None = ...,
    ) -> list[dict[str, Any]]: ...
    async def ausage(
        self,
        *,
        by: Grouping | Sequence[Grouping] = ...,
        since: datetime | None = ...,
        until: datetime | None = ...,
        program: str | None = ...,
        run: str | None = ...,
        model: str | None = ...,
        provider: str | None = ...,
    ) -> list[dict[str, Any]]: ...
    def prune(self, *, max_age: timedelta | None = ..., max_records: int | None = ...) -> dict[str, int]: ...
    async def aprune(
        self, *, max_age: timedelta | None = ..., max_records: int | None = ...
    ) -> dict[str, int]: ...

class _CacheEntryCollection(Collection[CacheEntry]):
    def stats(self) -> dict[str, Any]: ...
    async def astats(self) -> dict[str, Any]: ...
    def prune(self, *, max_entries: int | None = ...) -> dict[str, int]: ...
    async def aprune(self, *, max_entries: int | None = ...) -> dict[str, int]: ...
    def clear(self, *, model: str | None = ..., key: str | None = ...) -> dict[str, int]: ...
    async def aclear(self, *, model: str | None = ..., key: str | None = ...) -> dict[str, int]: ...

class _JournalEntryCollection(Collection[JournalEntry]):
    def prune(self, *, max_age: timedelta | None = ...) -> dict[str, int]: ...
    async def aprune(self, *, max_age: timedelta | None = ...) -> dict[str, int]: ...
    def forget(self, *, run: str) -> dict[str, int]: ...
    async def aforget(self, *, run: str) -> dict[str, int]: ...

class _BudgetCollection(Collection[Budget]):
    def create(
        self,
        *,
        name: str,
        scope: Scope = ...,
        subject: str = ...,
        period: Period = ...,
        max_calls: Calls | None = ...,
        max_tokens: Calls | None = ...,
        max_cost: Cost | None = ...,
        warn_at: Share = ...,
    ) -> Budget: ...
    async def acreate(
        self,
        *,
        name: str,
        scope: Scope = ...,
        subject: str = ...,
        period: Period = ...,
        max_calls: Calls | None = ...,
        max_tokens: Calls | None = ...,
        max_cost: Cost | None = ...,
        warn_at: Share = ...,
    ) -> Budget: ...
    def update(
        self,
        key: Budget | UUID | str,
        /,
        *,
        max_calls: Calls | None = ...,
        max_tokens: Calls | None = ...,
        max_cost: Cost | None = ...,
        warn_at: Share | None = ...,
    ) -> Budget: ...
    async def aupdate(
        self,
        key: Budget | UUID | str,
        /,
        *,
        max_calls: Calls | None = ...,
        max_tokens: Calls | None = ...,
        max_cost: Cost | None = ...,
        warn_at: Share | None = ...,
    ) -> Budget: ...
    def reset(self, key: Budget | UUID | str, /) -> Budget: ...
    async def areset(self, key: Budget | UUID | str, /) -> Budget: ...

class _ProviderCollection(Collection[Provider]):
    def create(
        self,
        *,
        name: ConfigurableName,
        type: str | None = ...,
        api_key: Annotated[str, Field(min_length=1, max_length=10000)] | None = ...,
        config: ProviderConfig | None = ...,
        is_default: bool = ...,
    ) -> Provider: ...
    async def acreate(
        self,
        *,
        name: ConfigurableName,
        type: str | None = ...,
        api_key: Annotated[str, Field(min_length=1, max_length=10000)] | None = ...,
        config: ProviderConfig | None = ...,
        is_default: bool = ...,
    ) -> Provider: ...
    def update(
        self,
        key: Provider | UUID | str,
        /,
        *,
        name: ConfigurableName | None = ...,
        api_key: Annotated[str, Field(min_length=1, max_length=10000)] | None = ...,
        config: ProviderConfig | None = ...,
        is_default: bool | None = ...,
    ) -> Provider: ...
    async def aupdate(
        self,
        key: Provider | UUID | str,
        /,
        *,
        name: ConfigurableName | None = ...,
        api_key: Annotated[str, Field(min_length=1, max_length=10000)] | None = ...,
        config: ProviderConfig | None = ...,
        is_default: bool | None = ...,
    ) -> Provider: ...
    def reseal(self, key: Provider | UUID | str, /) -> Provider: ...
    async def areseal(self, key: Provider | UUID | str, /) -> Provider: ...
    def models(self, key: Provider | UUID | str, /) -> list[str]: ...
    async def amodels(self, key: Provider | UUID | str, /) -> list[str]: ...
    def test(self, key: Provider | UUID | str, /) -> dict[str, Any]: ...
    async def atest(self, key: Provider | UUID | str, /) -> dict[str, Any]: ...
    def generate(
        self,
        key: Provider | UUID | str,
        /,
        *,
        prompt: str,
        model: str | None = ...,
        options: dict[str, Any] | None = ...,
    ) -> str: ...
    async def agenerate(
        self,
        key: Provider | UUID | str,
        /,
        *,
        prompt: str,
        model: str | None = ...,
        options: dict[str, Any] | None = ...,
    ) -> str: ...

class _ModelAliasCollection(Collection[ModelAlias]):
    def create(
        self,
        *,
        name: ConfigurableName,
        model: ModelId,
        provider: Annotated[str, Field(max_length=100)] | None = ...,
        defaults: Settings | None = ...,
        fallbacks: Names = ...,
    ) -> ModelAlias: ...
    async def acreate(
        self,
        *,
        name: ConfigurableName,
        model: ModelId,
        provider: Annotated[str, Field(max_length=100)] | None = ...,
        defaults: Settings | None = ...,
        fallbacks: Names = ...,
    ) -> ModelAlias: ...
    def update(
        self,
        key: ModelAlias | UUID | str,
        /,
        *,
        model: ModelId | None = ...,
        provider: Annotated[str, Field(max_length=100)] | None = ...,
        defaults: Settings | None = ...,
        fallbacks: Names | None = ...,
    ) -> ModelAlias: ...
    async def aupdate(
        self,
        key: ModelAlias | UUID | str,
        /,
        *,
        model: ModelId | None = ...,
        provider: Annotated[str, Field(max_length=100)] | None = ...,
        defaults: Settings | None = ...,
        fallbacks: Names | None = ...,
    ) -> ModelAlias: ...

class _AuditEntryCollection(Collection[AuditEntry]): ...

SHORT: Final[dict[str, str]]

class Collections:
    _records: Records
    _registrar: Registrar
    _recorder: Recorder | None
    @property
    def audit_entries(self) -> _AuditEntryCollection: ...
    @property
    def budgets(self) -> _BudgetCollection: ...
    @property
    def cache_entries(self) -> _CacheEntryCollection: ...
    @property
    def datasets(self) -> _DatasetCollection: ...
    @property
    def evaluation_results(self) -> _EvaluationResultCollection: ...
    @property
    def evaluations(self) -> _EvaluationCollection: ...
    @property
    def examples(self) -> _ExampleCollection: ...
    @property
    def journal_entries(self) -> _JournalEntryCollection: ...
    @property
    def lm_requests(self) -> _LMRequestCollection: ...
    @property
    def model_aliases(self) -> _ModelAliasCollection: ...
    @property
    def modules(self) -> _ModuleCollection: ...
    @property
    def optimization_runs(self) -> _OptimizationRunCollection: ...
    @property
    def optimizers(self) -> _OptimizerCollection: ...
    @property
    def predictors(self) -> _PredictorCollection: ...
    @property
    def program_versions(self) -> _ProgramVersionCollection: ...
    @property
    def programs(self) -> _ProgramCollection: ...
    @property
    def providers(self) -> _ProviderCollection: ...
    @property
    def runs(self) -> _OptimizationRunCollection: ...
    @property
    def signatures(self) -> _SignatureCollection: ...
    @property
    def stored_metrics(self) -> _MetricCollection: ...
    @property
    def traces(self) -> _TraceCollection: ...
    @property
    def versions(self) -> _ProgramVersionCollection: ...
