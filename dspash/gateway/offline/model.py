"""The offline model: answers a prompt by rules, from the prompt alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from dspash.gateway.errors import ContextLengthError, ModelTimeoutError
from dspash.gateway.offline.acting import knows_enough
from dspash.gateway.offline.completion import Call, Completion, to_events, to_response
from dspash.gateway.offline.conversation import Conversation, read_conversation
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.layout import write_outputs
from dspash.gateway.offline.plain import plain_prompt, reply
from dspash.gateway.offline.prompt import read_prompt
from dspash.gateway.offline.sampler import Sampler
from dspash.gateway.offline.scribe import Scribe
from dspash.gateway.offline.tools import is_final
from dspash.gateway.port import Capabilities, JsonMap

__all__ = ["OfflineModel"]

_LONGEST: Final = 400_000
"""Characters of one prompt, its context window: more would hold the supervisor up."""
_CAPABILITIES: Final = Capabilities(
    supports_function_calling=True,
    supports_response_schema=True,
    supports_reasoning=False,
    supported_params=frozenset(
        {"temperature", "max_tokens", "stop", "response_format", "tools", "tool_choice"}
    ),
)


class OfflineModel:
    """A small deterministic model without key, network or weights. It is no LLM and knows nothing of the world.

    It reads what DSPy's adapters write, finds answers in the passages given and labels by the nearest example. From
    the examples in a prompt it learns the form of answers — without any it answers in sentences — and which words
    go with which label. Equal requests (with equal `rollout_id` and `sample`, when the temperature is above 0) get equal
    answers. Thread-safe: what it remembers of texts already read is bounded and shared.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def __repr__(self) -> str:
        return "OfflineModel()"

    def capabilities(self) -> Capabilities:
        """Function calling and response schemas; there is no reasoning apart from the answer."""
        return _CAPABILITIES

    def complete(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> JsonMap:
        """See LanguageModel. Raises ModelRequestError, ContextLengthError, ModelTimeoutError."""
        return to_response(self._answer(request, meta, deadline))

    def stream(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> Iterator[JsonMap]:
        """See LanguageModel. The whole answer is known before the first event; errors come before it, too."""
        return to_events(self._answer(request, meta, deadline))

    def _answer(self, request: JsonMap, meta: JsonMap, deadline: float | None) -> Completion:
        conversation = read_conversation(request)
        length = len(conversation.system) + sum([len(turn.text) for turn in conversation.turns])
        if length > _LONGEST:
            raise ContextLengthError(
                f"the prompt has {length} characters, and the offline model reads {_LONGEST}"
            )
        self._check(deadline)
        completion = _complete(conversation, Sampler(request, meta, conversation.settings.temperature))
        self._check(deadline)
        return completion

    def _check(self, deadline: float | None) -> None:
        if deadline is not None and self._clock() >= deadline:
            raise ModelTimeoutError("the deadline passed before the offline model had answered")


def _complete(conversation: Conversation, sampler: Sampler) -> Completion:
    prompt = read_prompt(conversation)
    structured = prompt is not None
    draft = Draft(prompt or plain_prompt(conversation), sampler)
    scribe = Scribe(draft)
    calls = _calls(draft, scribe)
    if structured or draft.prompt.task.outputs:
        text = write_outputs(draft.prompt.layout, draft.prompt.task.outputs, scribe.write_all())
    else:
        text = "" if calls else reply(conversation, sampler)
    return Completion.of(conversation, text, calls)


def _calls(draft: Draft, scribe: Scribe) -> list[Call]:
    """The native tool call to make, if any: none once enough is known and no tool ends the work."""
    conversation = draft.prompt.conversation
    settings = conversation.settings
    if not conversation.tools or settings.tool_choice == "none":
        return []
    forced = settings.tool_choice == "required" or bool(settings.allowed_tools)
    ends = any(is_final(tool.name) for tool in conversation.tools)
    if not forced and not ends and knows_enough(draft):
        return []
    step = scribe.step(allowed=settings.allowed_tools)
    taken = sum([len(turn.uses) for turn in conversation.turns if turn.role == "assistant"])
    return [Call(f"call_{taken}", step.name, step.arguments)]
