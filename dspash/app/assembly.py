"""Assembly: makes the parts of an app and joins them; the one place that constructs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dspash.app.builder import Builder
from dspash.app.caller import Caller
from dspash.app.jobs import Jobs
from dspash.app.language_models import LanguageModels
from dspash.app.lm_choice import LMChoice
from dspash.app.lm_parts import LMParts, assemble_gateway
from dspash.app.loader import Loader
from dspash.app.metrics import HostMetrics, StoredMetrics
from dspash.app.models import Models
from dspash.app.monitoring import Monitoring
from dspash.app.payers import Payers
from dspash.app.plan import Planner
from dspash.app.records import Keeping, Records
from dspash.app.registrar import Registrar
from dspash.app.runtime import AppRuntime, RuntimeOnDemand
from dspash.app.sandbox_choice import SandboxDefaults
from dspash.app.sandboxing import Sandboxing
from dspash.app.subjects import Subjects
from dspash.app.tidying import tidy
from dspash.app.tools import Toolbox
from dspash.bridge import Bridge, BridgeOptions
from dspash.gateway import Gateway
from dspash.interpreter.foundry import shared_foundry
from dspash.interpreter.lent import LentInterpreters
from dspash.resources.recording.recorder import Recorder
from dspash.sandbox import Limits, Tier
from dspash_protocol import Command, ReverseCommand

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["Parts", "assemble"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an app is made of. The bridge runs already; whoever has the parts closes them."""

    gateway: Gateway
    lm_parts: LMParts
    lm: LanguageModels
    payers: Payers
    interpreters: LentInterpreters
    bridge: Bridge
    planner: Planner
    sandboxing: Sandboxing
    caller: Caller
    jobs: Jobs
    builder: Builder
    runtime: AppRuntime
    records: Records
    registrar: Registrar
    loader: Loader
    subjects: Subjects
    recorder: Recorder | None
    metrics: HostMetrics
    monitoring: Monitoring

    def close(self) -> None:
        """End what runs; then write what is still to be kept, and close the database. Idempotent and bounded."""
        self.bridge.close()
        self.lm_parts.close()
        self.interpreters.end_all()
        if self.recorder is not None:
            self.recorder.close()
        self.registrar.close()
        self.records.close()


def assemble(
    app: App,
    options: BridgeOptions,
    *,
    lm: LMChoice,
    timeout_s: float,
    sandbox: Tier,
    limits: Limits,
    keeping: Keeping,
) -> Parts:
    """Make the parts of `app`. Raises UnsupportedModelError for a model that nobody serves, and what Bridge raises."""
    toolbox, metrics = Toolbox(), HostMetrics()
    later = RuntimeOnDemand(lambda: app)  # the gateway has to do with the records before anything can be run
    records = Records(keeping, later)
    recorder = Recorder(records.scene, tidy=tidy) if records.are_kept else None
    lm_parts = assemble_gateway(lm, records, recorder)
    gateway, payers = lm_parts.gateway, Payers(keeping.tenant)

    def capabilities(model: str) -> Mapping[str, Any]:
        return gateway.capabilities(model).to_map()

    defaults = SandboxDefaults(tier=sandbox, limits=limits, lm=lm.model, capabilities=capabilities)
    configure = {"lm": {"model": lm.model, "capabilities": capabilities(lm.model)}}
    models = Models(gateway, payer=payers.host, cache=lm.cache)
    interpreters = LentInterpreters(shared_foundry, tier=sandbox, limits=limits, serve_tool=toolbox.serve)
    bridge = Bridge(
        options,
        {
            **interpreters.handlers,
            **models.handlers,
            ReverseCommand.TOOL_CALL: toolbox.serve,
            ReverseCommand.METRIC_CALL: metrics.serve,
        },
        manners=models.manners,
    )
    bridge.definitions.append(Command.CONFIGURE, configure)
    sandboxing = Sandboxing(
        bridge, toolbox, python=options.python, lm=lm.model, configure=configure, max_frame=options.max_frame
    )
    caller = Caller(bridge, sandboxing, timeout_s=timeout_s)
    jobs = Jobs(
        caller,
        metrics,
        sandboxing,
        payers,
        among=options.workers * options.concurrency,
        sandboxes=options.sandboxes,
    )
    planner = Planner(app, toolbox, metrics, defaults)
    builder = Builder(app, planner, toolbox)

    def target_of(model: str | None) -> str:
        return gateway.targets(model, keeping.tenant)[0].name

    runtime = AppRuntime(
        app, builder, planner, jobs, metrics, start_run=gateway.start_run, target_of=target_of
    )
    later.adopt(runtime)
    metrics.stored = StoredMetrics(records)
    registrar = Registrar(records, runtime, defaults)
    subjects = Subjects(records, registrar)
    if keeping.traces:
        caller.recorder = recorder
    return Parts(
        gateway=gateway,
        lm_parts=lm_parts,
        lm=LanguageModels(
            gateway,
            records,
            recorder,
            lm_parts.keeper,
            prices=lm_parts.prices,
            payer=payers.host,
            cache=lm.cache,
            timeout_s=timeout_s,
        ),
        payers=payers,
        interpreters=interpreters,
        bridge=bridge,
        planner=planner,
        sandboxing=sandboxing,
        caller=caller,
        jobs=jobs,
        builder=builder,
        runtime=runtime,
        records=records,
        registrar=registrar,
        loader=Loader(records, registrar, builder),
        subjects=subjects,
        recorder=recorder,
        metrics=metrics,
        monitoring=Monitoring(records, recorder, subjects),
    )
