"""LM calls: names lead to models, every call takes one way there, and the offline model needs no key."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dspash.gateway.answer import Answer, Attempt, Source
    from dspash.gateway.authorise import Permission
    from dspash.gateway.budget import Account, Amount, Budget, BudgetBook, BudgetState, Scope
    from dspash.gateway.errors import (
        AuthError,
        BillingError,
        ContextLengthError,
        GatewayError,
        MalformedReplyError,
        ModelRequestError,
        ModelTimeoutError,
        ProviderError,
        RateLimitError,
        RejectedRequestError,
        ServerError,
        TransportError,
        UnsupportedFeatureError,
        UnsupportedModelError,
    )
    from dspash.gateway.gateway import Gateway
    from dspash.gateway.keeping import (
        CacheStore,
        Exchange,
        Journal,
        JournalEntry,
        KeptAnswer,
        Ledger,
        Outcome,
    )
    from dspash.gateway.lm_call import DEFAULT_TENANT, NO_CACHE, CachePolicy, CallKind, LMCall, Payer
    from dspash.gateway.offline import OfflineModel
    from dspash.gateway.pipeline import PipelineParts
    from dspash.gateway.port import Capabilities, JsonMap, JsonValue, LanguageModel
    from dspash.gateway.price import Cost, Price, PriceTable
    from dspash.gateway.refusals import (
        BudgetExceededError,
        GatewayClosedError,
        ModelNotAllowedError,
        ProviderRestingError,
        RefusedError,
        UnpricedModelError,
    )
    from dspash.gateway.retry import RetryPolicy
    from dspash.gateway.tally import Tally
    from dspash.gateway.target import Directory, KeyLimits, Route, Target
    from dspash.gateway.upstream import CountedBy, EmbeddingReply, Reply, TokenCount, Upstream

__all__ = [
    "DEFAULT_TENANT",
    "NO_CACHE",
    "Account",
    "Amount",
    "Answer",
    "Attempt",
    "AuthError",
    "BillingError",
    "Budget",
    "BudgetBook",
    "BudgetExceededError",
    "BudgetState",
    "CachePolicy",
    "CacheStore",
    "CallKind",
    "Capabilities",
    "ContextLengthError",
    "Cost",
    "CountedBy",
    "Directory",
    "EmbeddingReply",
    "Exchange",
    "Gateway",
    "GatewayClosedError",
    "GatewayError",
    "Journal",
    "JournalEntry",
    "JsonMap",
    "JsonValue",
    "KeptAnswer",
    "KeyLimits",
    "LMCall",
    "LanguageModel",
    "Ledger",
    "MalformedReplyError",
    "ModelNotAllowedError",
    "ModelRequestError",
    "ModelTimeoutError",
    "OfflineModel",
    "Outcome",
    "Payer",
    "Permission",
    "PipelineParts",
    "Price",
    "PriceTable",
    "ProviderError",
    "ProviderRestingError",
    "RateLimitError",
    "RefusedError",
    "RejectedRequestError",
    "Reply",
    "RetryPolicy",
    "Route",
    "Scope",
    "ServerError",
    "Source",
    "Tally",
    "Target",
    "TokenCount",
    "TransportError",
    "UnpricedModelError",
    "UnsupportedFeatureError",
    "UnsupportedModelError",
    "Upstream",
]

_NAMES_IN: Final = {
    "answer": "Answer Attempt Source",
    "authorise": "Permission",
    "budget": "Account Amount Budget BudgetBook BudgetState Scope",
    "errors": "AuthError BillingError ContextLengthError GatewayError MalformedReplyError ModelRequestError ModelTimeoutError ProviderError RateLimitError RejectedRequestError ServerError TransportError UnsupportedFeatureError UnsupportedModelError",
    "gateway": "Gateway",
    "keeping": "CacheStore Exchange Journal JournalEntry KeptAnswer Ledger Outcome",
    "lm_call": "DEFAULT_TENANT NO_CACHE CachePolicy CallKind LMCall Payer",
    "offline": "OfflineModel",
    "pipeline": "PipelineParts",
    "port": "Capabilities JsonMap JsonValue LanguageModel",
    "price": "Cost Price PriceTable",
    "refusals": "BudgetExceededError GatewayClosedError ModelNotAllowedError ProviderRestingError RefusedError UnpricedModelError",
    "retry": "RetryPolicy",
    "tally": "Tally",
    "target": "Directory KeyLimits Route Target",
    "upstream": "CountedBy EmbeddingReply Reply TokenCount Upstream",
}
_HOME_OF: Final = {name: home for home, names in _NAMES_IN.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    # The offline model takes a while to load, and records of providers need nothing but their names and errors.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
