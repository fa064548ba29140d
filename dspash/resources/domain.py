"""DOMAIN: every resource of dspash, each declared in a file of its own."""

from __future__ import annotations

from typing import Final

from dspash.resources.budget import Budget
from dspash.resources.cache_entry import CacheEntry
from dspash.resources.dataset import Dataset
from dspash.resources.evaluation import Evaluation, EvaluationResult
from dspash.resources.example import Example
from dspash.resources.journal_entry import JournalEntry
from dspash.resources.kernel import Domain
from dspash.resources.lm_request import LMRequest
from dspash.resources.metric import Metric
from dspash.resources.model_alias import ModelAlias
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.optimizer import Optimizer
from dspash.resources.predictor import Predictor
from dspash.resources.program import Program
from dspash.resources.program_version import ProgramVersion
from dspash.resources.provider import Provider
from dspash.resources.signature import Signature
from dspash.resources.trace import Trace

__all__ = ["DOMAIN"]

DOMAIN: Final = Domain(
    [
        Signature,
        Module,
        Program,
        ProgramVersion,
        Predictor,
        Optimizer,
        OptimizationRun,
        Evaluation,
        EvaluationResult,
        Dataset,
        Example,
        Metric,
        Trace,
        LMRequest,
        CacheEntry,
        JournalEntry,
        Budget,
        Provider,
        ModelAlias,
    ]
)
