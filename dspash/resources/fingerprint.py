"""Fingerprint: what a run's result depends on, by name: only what is equal in all of it is the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic import JsonValue

from dspash.resources.content import canonical_text, hash_of
from dspash.resources.kernel import Scene
from dspash.resources.software import installed_software
from dspash.resources.subject import Subject, definition_of_subject

__all__ = ["carried_by", "changes", "fingerprint_of", "models_in"]

_MODELS: Final = ("prompt_model", "task_model", "reflection_lm")
_SOFTWARE: Final = ("dspash", "dspy")
_DIGESTS: Final = ("program", "teacher", "trainset", "valset")
_SHOWN: Final = 80  # characters of a value


def fingerprint_of(scene: Scene, run: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Of what a run was asked: `run` has the attributes of an OptimizationRun. Raises NotFoundError for a lost subject.

    Programs and examples are told by their SHA-256, everything else as it is.
    """
    subject = Subject(run.get("program_id"), run.get("program_version"), run.get("module_id"))
    valset = run.get("valset")
    return {
        "program": hash_of(definition_of_subject(scene, subject).content.to_map()),
        "trainset": hash_of(run["trainset"]),
        "valset": None if valset is None else hash_of(valset),
        "optimizer": run["optimizer"],
        "config": run["config"],
        "seed": run["seed"],
        "metric": run["metric"],
    }


def carried_by(targets: Mapping[str, str]) -> dict[str, JsonValue]:
    """Of what carries a run out: the models that its names of models lead to, and the software of this process."""
    software = installed_software()
    return {
        "models": dict(targets),
        "software": {name: software[name] for name in _SOFTWARE if name in software},
    }


def models_in(config: Mapping[str, Any]) -> list[str]:
    """The models that an optimizer's configuration names, each once."""
    settings = config.get("teacher_settings")
    given = [config.get(name) for name in _MODELS]
    if isinstance(settings, Mapping):
        given.append(cast("Mapping[str, Any]", settings).get("lm"))
    named = [
        cast("Mapping[str, Any]", model).get("model") if isinstance(model, Mapping) else model
        for model in given
    ]
    return sorted({name for name in named if isinstance(name, str)})


def changes(before: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> Sequence[str]:
    """What `now` has otherwise than `before`, in words, of the names that both know: `config.k was 2 and is 4`."""
    told: list[str] = []
    for name in before.keys() & now.keys():
        was, is_now = before[name], now[name]
        if name in _DIGESTS:
            if was != is_now:
                told.append(f"{name} is another")
        elif isinstance(was, dict) and isinstance(is_now, dict):
            told += [
                _change(f"{name}.{key}", was.get(key), is_now.get(key))
                for key in was.keys() | is_now.keys()
                if canonical_text(was.get(key)) != canonical_text(is_now.get(key))
            ]
        elif canonical_text(was) != canonical_text(is_now):
            told.append(_change(name, was, is_now))
    return sorted(told)


def _change(name: str, was: JsonValue, is_now: JsonValue) -> str:
    return f"{name} was {_shown(was)} and is {_shown(is_now)}"


def _shown(value: JsonValue) -> str:
    text = "not given" if value is None else canonical_text(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
