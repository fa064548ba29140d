"""Roles: what a field of text is for, as its name and its description tell."""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import Final

__all__ = ["Role", "find_role"]


class Role(enum.Enum):
    """What the writer of a field is expected to do in it."""

    ANSWER = "answer what was asked"
    REASONING = "say how the answer came about"
    QUERY = "say what to search for"
    CODE = "write Python"
    INSTRUCTION = "word an instruction for a model"
    PREFIX = "word the start of an answer"
    ADVICE = "say what to do better"
    SUMMARY = "say briefly what the inputs say"
    ECHO = "give back an input, changed as the instructions say"


# The first role one of whose words is among the words of the name is taken.
_BY_NAME: Final[tuple[tuple[Role, frozenset[str]], ...]] = (
    (Role.PREFIX, frozenset({"prefix"})),
    (Role.CODE, frozenset({"code", "program", "script", "sql", "python"})),
    (
        Role.REASONING,
        frozenset(
            "reasoning rationale thought thoughts thinking explanation justification discussion analysis why "
            "chain steps reflection evidence".split()
        ),
    ),
    (Role.QUERY, frozenset({"query", "queries", "search", "searches", "lookup"})),
    (Role.INSTRUCTION, frozenset({"instruction", "instructions", "rules", "guidelines", "prompt", "prompts"})),
    (Role.ADVICE, frozenset({"advice", "feedback", "critique", "suggestion", "suggestions", "hint", "tip"})),
    (
        Role.SUMMARY,
        frozenset(
            "summary summarization description observations abstract overview highlights gist title headline "
            "keypoints tldr caption notes report".split()
        ),
    ),
    (
        Role.ECHO,
        frozenset("translation translated rewrite rewritten rewriting paraphrase paraphrased corrected revision "
                  "revised edited improved simplified expanded".split()),
    ),
)  # fmt: skip
_LONGEST: Final = 500
_CODE_DESCRIBED: Final = re.compile(r"\bpython code\b|```python|programming language", re.IGNORECASE)


def find_role(name: str, description: str) -> Role:
    """The role of a text field; ANSWER when nothing says otherwise."""
    return _find(name[:_LONGEST], description[:_LONGEST])


@lru_cache(maxsize=512)
def _find(name: str, description: str) -> Role:
    words = set(re.split(r"[_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
    for role, marks in _BY_NAME:
        if words & marks:
            return role
    return Role.CODE if _CODE_DESCRIBED.search(description) else Role.ANSWER
