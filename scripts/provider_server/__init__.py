"""A server that stands for LM providers: OpenAI's, Anthropic's, Gemini's and Cohere's wires, strict, and able to misbehave."""

from __future__ import annotations

from provider_server.asked import Asked, Said, ToolUse
from provider_server.mischief import MADE_ANSWERS, Etiquette, Manners, Mischief, well_behaved
from provider_server.server import ProviderServer, Seen

__all__ = [
    "MADE_ANSWERS",
    "Asked",
    "Etiquette",
    "Manners",
    "Mischief",
    "ProviderServer",
    "Said",
    "Seen",
    "ToolUse",
    "well_behaved",
]
