"""Optimizers: the table of what `optimize` can run: all of DSPy's that need no fine-tuning."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import dspy

from dspash_protocol.signature import closest
from dspash_worker.classes import own_signature
from dspash_worker.parameters import Parameter, parameters_of
from dspash_worker.refusal import invalid

__all__ = ["OPTIMIZERS", "OptimizerType", "Sizes", "find_optimizer"]

_FILES: Final = "a worker writes no files of its own choosing"
_NETWORK: Final = "a worker reaches no network of its own"
_UNCHECKED: Final = "these would go on unchecked; set what they hold directly"
_REFUSED: Final[Mapping[str, str]] = {
    "log_dir": _FILES,
    "use_wandb": _NETWORK,
    "wandb_api_key": _NETWORK,
    "wandb_init_kwargs": _NETWORK,
    "use_mlflow": _NETWORK,
    "gepa_kwargs": _UNCHECKED,
    "eval_kwargs": _UNCHECKED,
    "optimizer_compile_args": _UNCHECKED,
    "requires_permission_to_run": "nobody is there to be asked",
}
_GIVEN: Final = (
    "self",
    "metric",
    "student",
    "teacher",
    "trainset",
    "valset",
    "programs",
    "vectorizer",
    "reduce_fn",
)
_NUMBER_OF_THREADS: Final = Parameter("num_threads", (int, type(None)))
_LM: Final = (str, dict)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is to work with: examples, and predictors in the program."""

    trainset: int
    valset: int | None
    predictors: int


@dataclass(frozen=True, slots=True)
class OptimizerType:
    """One row of the table.

    `models` are parameters that take an LM, `more` those that are ours, `base` a class whose parameters it passes on.
    `percent`: whether the scores of the candidates it keeps go to 100. `portable`: whether all that it makes is in the
    state of the program, so that another worker can have it. `complete` fills in what DSPy's defaults get
    wrong for small data sets or contradict.
    """

    name: str
    optimizer: Any
    models: tuple[str, ...] = ()
    more: tuple[Parameter, ...] = ()
    base: Any = None
    aliases: tuple[str, ...] = ()
    needs_metric: bool = True
    needs_trainset: bool = True
    percent: bool = True
    wants_feedback: bool = False
    portable: bool = True
    complete: Callable[[dict[str, Any], Sizes], None] | None = None
    refused: Mapping[str, str] = field(default_factory=lambda: _REFUSED)

    @property
    def takes_teacher(self) -> bool:
        """Whether another program can show it how it is done. GEPA's `compile` has a teacher, and refuses any."""
        return self.name != "gepa" and "teacher" in inspect.signature(self.optimizer.compile).parameters

    def init_parameters(self) -> dict[str, Parameter]:
        """What a configuration may set when the optimizer is made."""
        found = parameters_of(self.base, given=_GIVEN) if self.base is not None else {}
        found |= parameters_of(self.optimizer, given=_GIVEN)
        found |= {name: Parameter(name, _LM) for name in self.models}
        if "teacher_settings" in found:
            found["teacher_settings"] = Parameter("teacher_settings", (dict,))
        return {name: parameter for name, parameter in found.items() if name not in self.refused}

    def compile_parameters(self) -> dict[str, Parameter]:
        """What a configuration may set when it is run."""
        found = parameters_of(self.optimizer.compile, given=_GIVEN)
        return {name: parameter for name, parameter in found.items() if name not in self.refused}

    def parameters(self) -> dict[str, Parameter]:
        """All that a configuration may set."""
        ours = {parameter.name: parameter for parameter in self.more}
        return {**self.compile_parameters(), **self.init_parameters(), **ours}


class _InferRules(dspy.InferRules):
    """DSPy's writes each candidate's rules into a signature class that all candidates share, so that the last one's
    rules end up in the best one. Here each candidate gets a class of its own first.
    """

    def update_program_instructions(self, predictor: Any, natural_language_rules: str) -> None:
        own_signature(predictor)
        super().update_program_instructions(predictor, natural_language_rules)


def _complete_mipro(config: dict[str, Any], sizes: Sizes) -> None:
    """`num_candidates` means no automatic mode; trials follow from it as DSPy advises; no minibatch over its set."""
    if "num_candidates" in config or "num_trials" in config:
        config.setdefault("auto", None)
    if config.get("auto", "light") is not None:
        return
    count = config.setdefault("num_candidates", 10)
    config.setdefault("num_trials", _trials(count, sizes.predictors, _is_zero_shot(config)))
    judged = sizes.valset if sizes.valset is not None else max(1, int(sizes.trainset * 0.8))
    if "minibatch" not in config and config.get("minibatch_size", 35) > judged:
        config["minibatch"] = False


def _trials(candidates: int, predictors: int, zero_shot: bool) -> int:  # noqa: FBT001
    variables = predictors * (1 if zero_shot else 2)
    return max(1, int(max(2 * variables * max(1, candidates.bit_length() - 1), 1.5 * candidates)))


def _is_zero_shot(config: Mapping[str, Any]) -> bool:
    return config.get("max_bootstrapped_demos", 4) == 0 and config.get("max_labeled_demos", 4) == 0


def _complete_simba(config: dict[str, Any], sizes: Sizes) -> None:
    config.setdefault("bsize", min(32, sizes.trainset))


def _complete_gepa(config: dict[str, Any], _sizes: Sizes) -> None:
    if not {"auto", "max_full_evals", "max_metric_calls"} & config.keys():
        config["auto"] = "light"
    config.setdefault("track_stats", True)
    config.setdefault("reflection_lm", None)


def _complete_optuna(config: dict[str, Any], _sizes: Sizes) -> None:
    config.setdefault("max_demos", config.get("max_bootstrapped_demos", 4))


_ROWS: Final = (
    OptimizerType("labeled_few_shot", dspy.LabeledFewShot, needs_metric=False),
    OptimizerType("bootstrap_few_shot", dspy.BootstrapFewShot),
    OptimizerType(
        "bootstrap_few_shot_with_random_search",
        dspy.BootstrapFewShotWithRandomSearch,
        aliases=("bootstrap_rs",),
    ),
    OptimizerType(
        "bootstrap_few_shot_with_optuna", dspy.BootstrapFewShotWithOptuna, complete=_complete_optuna
    ),
    OptimizerType("copro", dspy.COPRO, models=("prompt_model",), more=(_NUMBER_OF_THREADS,)),
    OptimizerType(
        "mipro_v2",
        dspy.MIPROv2,
        models=("prompt_model", "task_model"),
        aliases=("mipro",),
        complete=_complete_mipro,
    ),
    OptimizerType("simba", dspy.SIMBA, models=("prompt_model",), percent=False, complete=_complete_simba),
    OptimizerType(
        "gepa",
        dspy.GEPA,
        models=("reflection_lm",),
        percent=False,
        wants_feedback=True,
        complete=_complete_gepa,
    ),
    OptimizerType(
        "knn_few_shot",
        dspy.KNNFewShot,
        base=dspy.BootstrapFewShot,
        more=(Parameter("embedder", (str, dict)),),
        needs_metric=False,
        portable=False,
    ),
    OptimizerType("infer_rules", _InferRules, base=dspy.BootstrapFewShot),
    OptimizerType(
        "ensemble",
        dspy.Ensemble,
        more=(Parameter("reduce", (str, type(None)), options=("majority", None), default="majority"),),
        needs_metric=False,
        needs_trainset=False,
        portable=False,
    ),
    OptimizerType("avatar_optimizer", dspy.AvatarOptimizer, aliases=("avatar",)),
    OptimizerType(
        "better_together", dspy.BetterTogether, more=(Parameter("optimizers", (dict,), required=True),)
    ),
)

OPTIMIZERS: Final[Mapping[str, OptimizerType]] = {row.name: row for row in _ROWS}
_SPELLINGS: Final[Mapping[str, str]] = {
    spelling.replace("_", ""): row.name for row in _ROWS for spelling in (row.name, *row.aliases)
}


def find_optimizer(name: str, *, path: str) -> OptimizerType:
    """Return the row that `name` means, in whatever case it is spelled (`BootstrapFewShot`, `bootstrap_fewshot`).

    Raises FaultError naming those there are.
    """
    found = _SPELLINGS.get(name.replace("_", "").replace("-", "").lower())
    if found is None:
        near = closest(name, OPTIMIZERS)
        raise invalid(
            path, f"{name!r:.60} is no optimizer", hint=f"{near} known are {', '.join(OPTIMIZERS)}".strip()
        )
    return OPTIMIZERS[found]
