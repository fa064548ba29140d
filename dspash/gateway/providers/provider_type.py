"""ProviderType: what is known of a kind of provider before anybody has configured one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["EmbeddingWire", "ProviderType", "TokenCounter", "Wire"]


class Wire(StrEnum):
    """The language that completions are asked for in."""

    CHAT = "chat"
    """OpenAI's Chat Completions, which most providers speak."""
    RESPONSES = "responses"
    """OpenAI's Responses."""
    MESSAGES = "messages"
    """Anthropic's Messages."""
    GENERATE = "generate"
    """Gemini's generateContent."""
    LOCAL = "local"
    """None: it is computed in this process."""


class EmbeddingWire(StrEnum):
    """The language that vectors are asked for in."""

    OPENAI = "openai"
    COHERE = "cohere"
    GEMINI = "gemini"


class TokenCounter(StrEnum):
    """The endpoint at which a provider counts the tokens of a request."""

    MESSAGES = "messages"
    """Anthropic's `/messages/count_tokens`."""
    GENERATE = "generate"
    """Gemini's `:countTokens`."""
    RESPONSES = "responses"
    """OpenAI's `/responses/input_tokens`."""
    TOKENIZE = "tokenize"
    """vLLM's `/tokenize`, beside `/v1`."""


@dataclass(frozen=True, slots=True)
class ProviderType:
    """One kind of provider.

    `door` is what lm15 calls its wire, by wire: the first is used unless a provider's config says otherwise. The variables
    are those that the provider's own tools read, the first that is set counts. `prices` are the names under which the table
    of models has its models.
    """

    name: str
    title: str
    doors: dict[Wire, str]
    base_url: str | None = None
    suffix: str = ""
    """What the provider's own tools put behind a base URL that they are given."""
    key_variables: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()
    setting_variables: tuple[tuple[str, str], ...] = ()
    """Pairs of a setting that its address is made of, and the variable for it."""
    needs_key: bool = True
    model_list: str | None = None
    """Where it lists its models, in place of `suffix`; None where the wire itself has a list."""
    is_own: bool = False
    """It runs on a computer of one's own: nobody sends a bill."""
    key_header: str = "Authorization"
    """Where the key goes in what lm15 does not send: behind `Bearer` in Authorization, alone elsewhere."""
    embeddings: EmbeddingWire | None = None
    counter: TokenCounter | None = None
    prices: tuple[str, ...] = ()
    console_url: str | None = None
    """Where people get a key."""
    cache_is_apart: bool = False
    """Its count of input tokens leaves out those read from and written to its cache."""
    reasoning_is_apart: bool = False
    """Its count of output tokens leaves out those of reasoning."""

    @property
    def wire(self) -> Wire:
        """The wire used unless a provider's config names another."""
        return next(iter(self.doors), Wire.LOCAL)

    @property
    def is_local(self) -> bool:
        """Whether it is computed in this process."""
        return self.wire is Wire.LOCAL
