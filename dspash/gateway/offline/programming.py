"""Programming: short Python that does what little can be told from the prompt, and always runs.

Three kinds of prompt ask for code: one that computes an answer and hands it to SUBMIT, one that calls the functions
listed in the instructions, and one that explores variables in a session (a REPL), whose values the prompt only previews.
"""

from __future__ import annotations

import re
from typing import Final

from dspash.gateway.offline.answering import answer_in_words
from dspash.gateway.offline.arithmetic import compute
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.task import Field
from dspash.gateway.offline.tools import read_tools, tool_arguments

__all__ = ["write_code"]

_VARIABLE: Final = re.compile(r"Variable: `(\w+)`")
_OUTPUTS: Final = re.compile(
    r"mapping for the field\(s\): (?P<names>.+?)\.\s*$|SUBMIT\((?P<call>[\w, ]*)\)", re.MULTILINE
)
_CURRENT: Final = ("current_code", "code", "program_code", "previous_code")
_UNTOUCHED: Final = "You have not interacted"

_EXPLORE: Final = """import re
text = " ".join(str(value) for value in [{variables}])
wanted = set(re.findall(r"\\w+", str({question}).lower()))
sentences = re.split(r"(?<=[.!?])\\s+", text)
best = max(sentences, key=lambda sentence: len(wanted & set(re.findall(r"\\w+", sentence.lower()))))
print(best)"""


def write_code(draft: Draft, field: Field) -> str:
    """Python for the field. A fence is added only where the field's description asks for one."""
    code = _code(draft, field)
    return f"```python\n{code}\n```" if "```" in field.description else code


def _code(draft: Draft, field: Field) -> str:
    inputs = draft.prompt.inputs
    variables = _VARIABLE.findall(inputs.get("variables_info", ""))
    if variables:
        return _session_code(draft, variables)
    submitted = _submitted_names(draft.prompt.task.instructions)
    if "SUBMIT" in draft.prompt.task.instructions or "previous_code" in inputs:
        return _computing_code(draft, submitted or ["answer"])
    tools = read_tools(draft)
    if tools and "functions" in draft.prompt.task.instructions:
        tool = tools[0]
        arguments = ", ".join([f"{name}={value!r}" for name, value in tool_arguments(draft, tool).items()])
        # DSPy takes one line with two equal signs for something that is no code.
        return f"result = {tool.name}({arguments})\nprint(result)"
    current = next((inputs[name] for name in _CURRENT if inputs.get(name)), "")
    return current or f"result = {_value(draft, field)}\nprint(result)"


def _session_code(draft: Draft, variables: list[str]) -> str:
    """First look for the sentence that shares most words with the question, then submit it."""
    question = next(
        (name for name in variables if re.search(r"question|query|prompt|ask", name)), variables[-1]
    )
    others = [name for name in variables if name != question] or variables
    explored = _EXPLORE.format(variables=", ".join(others), question=question)
    history = draft.prompt.inputs.get("repl_history", "")
    if not history or _UNTOUCHED in history:
        return explored
    names = _submitted_names(draft.prompt.task.instructions) or ["answer"]
    return f"{explored}\nSUBMIT({', '.join([f'{name}=best' for name in names])})"


def _computing_code(draft: Draft, names: list[str]) -> str:
    value = _value(draft, None)
    fields = ", ".join([f"{name!r}: result" for name in names])
    return f"result = {value}\nSUBMIT({{{fields}}})"


def _submitted_names(instructions: str) -> list[str]:
    """The output fields that SUBMIT takes, as the instructions name them."""
    for match in _OUTPUTS.finditer(instructions):
        names = re.findall(r"\w+", match["names"] or match["call"] or "")
        if names:
            return names
    return []


def _value(draft: Draft, field: Field | None) -> str:
    """A Python literal or expression for the answer."""
    text = draft.material.question or draft.input_text
    computed = compute(text)
    if computed is not None:
        return computed
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)
    if len(numbers) > 1 and re.search(r"\b(?:sum|total|add|altogether)\b", text, re.IGNORECASE):
        return " + ".join(numbers)
    answer = field or draft.prompt.task.outputs[-1]
    return repr(answer_in_words(draft, answer))
