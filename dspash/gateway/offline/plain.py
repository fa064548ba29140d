"""Plain prompts: what to say when no adapter of DSPy has given the conversation a structure."""

from __future__ import annotations

import json
import re
from typing import Final

from dspash.gateway.offline.arithmetic import compute
from dspash.gateway.offline.conversation import Conversation
from dspash.gateway.offline.form import learn_form
from dspash.gateway.offline.instructing import reflect
from dspash.gateway.offline.layout import Layout
from dspash.gateway.offline.material import brought_by_tools
from dspash.gateway.offline.prompt import Prompt
from dspash.gateway.offline.reader import read
from dspash.gateway.offline.sampler import Sampler
from dspash.gateway.offline.schema import read_schema
from dspash.gateway.offline.shape import TEXT, Record
from dspash.gateway.offline.task import Field, Task

__all__ = ["plain_prompt", "reply"]

_QUOTED: Final = 200
_QUESTION: Final = re.compile(r"[^.?!\n]*\?", re.DOTALL)


def reply(conversation: Conversation, sampler: Sampler) -> str:
    """An answer to the last thing said: an instruction if one is wanted, a sum, a reading, or a plain statement."""
    said = next((turn.text for turn in reversed(conversation.turns) if turn.role == "user"), "").strip()
    reflected = reflect(said, sampler)
    if reflected is not None:
        return reflected
    computed = compute(said) if len(said) < _QUOTED else None
    if computed is not None:
        return computed
    question, passages = _split(said, conversation)
    if question and passages:
        answers = read(question, passages, form=learn_form([], said)).answers
        if answers:
            sentence = answers[0].sentence
            return sentence.text if sentence is not None else answers[0].text
    shown = said if len(said) <= _QUOTED else said[:_QUOTED] + " …"
    return f"This is the offline model of dspash, a program and no LLM. It was told: “{shown}”"


def plain_prompt(conversation: Conversation) -> Prompt:
    """The conversation as a task of its own: the last message as the question, what was said before as context.

    The outputs are those of the response format's JSON schema, when there is one.
    """
    said = next((turn.text for turn in reversed(conversation.turns) if turn.role == "user"), "").strip()
    question, passages = _split(said, conversation)
    schema = conversation.settings.response_format.get("schema")
    shape = read_schema(schema) if isinstance(schema, dict) else Record()
    slots = shape.slots if isinstance(shape, Record) else ()
    task = Task(
        instructions=conversation.system,
        inputs=(Field("question", "", TEXT), Field("context", "", TEXT)),
        outputs=tuple([Field(slot.name, slot.description, slot.shape) for slot in slots]),
    )
    inputs = {"question": question or said, "context": json.dumps(passages, ensure_ascii=False)}
    return Prompt(
        task=task,
        base=task,
        layout=Layout.JSON,
        demos=(),
        history=conversation.turns[:-1] if conversation.turns else (),
        inputs=inputs,
        conversation=conversation,
    )


def _split(said: str, conversation: Conversation) -> tuple[str, list[str]]:
    """The last question in a message, and everything else that was said, by paragraphs."""
    questions = [match.group().strip() for match in _QUESTION.finditer(said[-4000:])]
    question = questions[-1] if questions else ""
    rest = [part.strip() for part in re.split(r"\n\s*\n", said) if part.strip()] if question else []
    passages = [part.replace(question, "").strip() for part in rest]
    return question, [passage for passage in [*passages, *brought_by_tools(conversation.turns)] if passage]
