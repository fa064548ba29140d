"""Instructing: instructions, rules and advice for a model that reads as this one does.

Optimizers ask for these. What helps this model, and most others, is said in general terms and added to the
instruction in force.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.jsontext import parse_json
from dspash.gateway.offline.sampler import Sampler
from dspash.gateway.offline.task import Field
from dspash.gateway.port import JsonValue

__all__ = ["advise_modules", "propose_instruction", "propose_prefix", "reflect"]

_CURRENT: Final = (
    "basic_instruction", "current_instruction", "previous_instruction", "instruction", "current_instruction_doc",
)  # fmt: skip
_FENCED: Final = re.compile(r"```[^\n]*\n(?P<body>.*?)\n```", re.DOTALL)
_ADDED: Final = re.compile(r"\n\nTo do this well: .*\Z", re.DOTALL)
_SHORT: Final = (
    "Give the answer alone, as a short phrase copied from the text, without a sentence around it.",
    "Answer in a few words at most: only the name, date, number or phrase that was asked for.",
    "Keep the answer short: the exact phrase from the text, with no explanation and no full stop.",
)
_CAREFUL: Final = (
    "Find the sentence that names what is asked for, and follow names from one passage to the next.",
    "First settle whom or what the question describes, then look up what it asks about them.",
    "Use only what the inputs say, and prefer the passage that covers most of the question.",
    "Read every input before answering, and compare the options word by word.",
)
_ATTEMPT: Final = re.compile(r"«(?:««\s*)?Instruction #\d{1,4}: (?P<body>.{0,8000}?)»", re.DOTALL)
_PREFIXES: Final = ("Answer:", "The answer is:", "Short answer:", "Result:")


def propose_instruction(draft: Draft, field: Field) -> str:
    """A new instruction: the one in force, or the best attempted, with what would help added to it."""
    inputs = draft.prompt.inputs
    del field
    current = next((inputs[name] for name in _CURRENT if inputs.get(name)), "") or _best_attempt(inputs)
    if "length_limit" in inputs:
        return _ADDED.sub("", current).strip() or current
    if not current and "examples_text" in inputs:
        return _rules(draft.sampler)
    return _improved(current or "Answer from the inputs.", draft.sampler)


def propose_prefix(draft: Draft, field: Field) -> str:
    """The start of an answer, as COPRO asks for it."""
    del field
    return draft.sampler.pick(_PREFIXES)


def advise_modules(draft: Draft) -> dict[str, JsonValue] | None:
    """Advice for each module named in the inputs, as SIMBA and Refine ask for it; None when none is named."""
    names = _module_names(draft.prompt.inputs.get("module_names", ""))
    if not names:
        return None
    return {name: f"{draft.sampler.pick(_CAREFUL)} {draft.sampler.pick(_SHORT)}" for name in names}


def reflect(prompt: str, sampler: Sampler) -> str | None:
    """The reply to a prompt that wants a new instruction between ``` marks; None when it does not ask for that."""
    if "new instruction" not in prompt.lower() or "```" not in prompt:
        return None
    match = _FENCED.search(prompt)
    current = match["body"].strip() if match else ""
    return f"```\n{_improved(current or 'Answer from the inputs.', sampler)}\n```"


def _improved(current: str, sampler: Sampler) -> str:
    base = _ADDED.sub("", current.strip())
    return f"{base}\n\nTo do this well: {sampler.pick(_CAREFUL)} {sampler.pick(_SHORT)}"


def _rules(sampler: Sampler) -> str:
    rules = [sampler.pick(_CAREFUL), sampler.pick(_SHORT), "Do not add anything that the inputs do not say."]
    return "\n".join([f"{i}. {rule}" for i, rule in enumerate(rules, start=1)])


def _best_attempt(inputs: Mapping[str, str]) -> str:
    """The last of the attempted instructions: optimizers list them from worst to best."""
    attempts = [
        match["body"].strip() for match in _ATTEMPT.finditer(inputs.get("attempted_instructions", ""))
    ]
    return attempts[-1] if attempts else inputs.get("previous_instructions", "").strip()


def _module_names(text: str) -> list[str]:
    value = parse_json(text)
    if value is None:
        return re.findall(r"[\w.\[\]]+", text)
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
