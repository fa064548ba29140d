"""Providers: who serves a model that the worker calls by itself."""

from __future__ import annotations

import dspy
from dspy.clients._litellm import get_litellm
from dspy.clients.backend_selection import select_backend

from dspash_protocol.signature import closest
from dspash_worker.refusal import invalid

__all__ = ["check_provider"]


def check_provider(lm: dspy.LM, path: str) -> None:
    """Raise FaultError where nobody is known to serve `lm`; without this its first call would be the one to fail.

    DSPy knows the larger providers by itself and leaves the rest to LiteLLM, which takes seconds to import: only those
    who need it pay for that, here and not at their first call.
    """
    if select_backend(lm).native:
        return
    prefix = lm.model.partition("/")[0]
    try:
        litellm = get_litellm(feature="dspy.LM")
    except ImportError:
        raise invalid(
            path, f"DSPy knows no provider {prefix!r:.60} by itself", hint="LiteLLM is not installed"
        ) from None
    try:
        litellm.get_llm_provider(lm.model)
    except litellm.BadRequestError:
        near = closest(prefix, [str(provider.value) for provider in litellm.LlmProviders])
        hint = f"{near} a model is named provider/model, as in openai/gpt-4".strip()
        raise invalid(path, f"no provider is known for {lm.model!r:.80}", hint=hint) from None
