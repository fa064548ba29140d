"""The table of models that ships with dspash, taken from the one that ships with DSPy: prices, limits, abilities."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from dspash.gateway.providers.catalogue import PROVIDER_TYPES

FOLDER: Final = Path("clients", "model_metadata")
MODES: Final = frozenset({"chat", "completion", "responses", "embedding"})
ABILITIES: Final = {
    "supports_function_calling": "tools",
    "supports_response_schema": "schema",
    "supports_reasoning": "reasoning",
    "supports_vision": "images",
    "supports_audio_input": "audio",
    "supports_pdf_input": "files",
}
COSTS: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "output_cost_per_reasoning_token": "reasoning",
}
RELEASED: Final = {"1.105.0": "2026-10-11"}
"""When a version was published, by the package index; another snapshot wants a line here."""

LONG: Final = {"128k": 128_000, "200k": 200_000, "256k": 256_000, "272k": 272_000}
"""How the names of costs end that hold from so many tokens of input on."""


def make_model_facts(path: Path) -> dict[Path, str]:
    """The table as JSON with one model a line, so that its changes can be read."""
    folder = _dspy() / FOLDER
    provenance = json.loads((folder / "provenance.json").read_text())
    snapshot: dict[str, Any] = json.loads(gzip.decompress((folder / "snapshot.json.gz").read_bytes()))
    lines = [f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in sorted(_models(snapshot).items())]
    head = {
        "source": f"LiteLLM {provenance['version']}, as bundled with DSPy {version('dspy')}",
        "date": RELEASED[provenance["version"]],
        "unit": "US dollars a million tokens",
    }
    described = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items())
    return {path: f'{{\n{described},\n"models": {{\n' + ",\n".join(lines) + "\n}\n}\n"}


def _dspy() -> Path:
    """DSPy's folder, found without importing it."""
    spec = importlib.util.find_spec("dspy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _models(snapshot: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Facts by `family/model`. Where a model is there with its family's name and without, the former counts."""
    families = {family for kind in PROVIDER_TYPES.values() for family in kind.prices}
    found: dict[str, dict[str, Any]] = {}
    for name in sorted(snapshot, key=lambda name: "/" in name):
        entry = snapshot[name]
        family = entry.get("litellm_provider")
        if family in families and entry.get("mode") in MODES:
            found[f"{family}/{name.removeprefix(f'{family}/')}"] = _facts(entry)
    return found


def _facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = _costs(entry)
    for suffix, least in LONG.items():
        beyond = _costs(entry, f"_above_{suffix}_tokens")
        if beyond:
            facts["long"] = {"above": least, **beyond}
    for theirs, ours in (("max_input_tokens", "max_input"), ("max_output_tokens", "max_output")):
        if isinstance(entry.get(theirs), int):
            facts[ours] = entry[theirs]
    able = [ours for theirs, ours in ABILITIES.items() if entry.get(theirs) is True]
    return {**facts, "able": able} if able else facts


def _costs(entry: Mapping[str, Any], suffix: str = "") -> dict[str, float]:
    """Costs in dollars a million tokens; what is no number is not known."""
    given = {ours: entry.get(theirs + suffix) for theirs, ours in COSTS.items()}
    return {
        name: round(cost * 1_000_000, 6)
        for name, cost in given.items()
        if isinstance(cost, int | float) and not isinstance(cost, bool)
    }
