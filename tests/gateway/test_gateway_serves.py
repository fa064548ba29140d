"""The gateway: names lead to models, each call is counted once, failures say what to do."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Iterator

import pytest
from dspy._vendor.lm15.errors import error_class_for_code
from gateway_engine import asking, text_of

from dspash.errors import DspashError
from dspash.gateway import (
    Capabilities,
    ContextLengthError,
    Gateway,
    GatewayError,
    JsonMap,
    LMCall,
    ModelRequestError,
    ModelTimeoutError,
    OfflineModel,
    Tally,
    UnsupportedFeatureError,
    UnsupportedModelError,
)


class Echo:
    """Says what it was asked, and fails when told to."""

    def __init__(self, name: str) -> None:
        self.name = name

    def complete(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> JsonMap:
        if meta.get("fail"):
            raise ModelTimeoutError("too slow")
        return {"model": self.name, "usage": {"input_tokens": 3, "output_tokens": 2}, "meta": meta}

    def stream(self, request: JsonMap, *, meta: JsonMap, deadline: float | None) -> Iterator[JsonMap]:
        yield {"type": "start", "model": self.name}
        if meta.get("fail"):
            raise ModelTimeoutError("too slow")
        yield {"type": "end", "usage": {"input_tokens": 1, "output_tokens": 1}}

    def capabilities(self) -> Capabilities:
        return Capabilities(supports_reasoning=self.name == "clever")


@pytest.fixture
def gateway() -> Gateway:
    return Gateway({"plain": Echo("plain"), "clever": Echo("clever"), "clever/big": Echo("big")}, "plain")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("plain", "plain"),
        ("clever", "clever"),
        ("clever/small", "clever"),
        ("clever/big", "big"),
        ("default", "plain"),
    ],
)
def test_a_name_or_a_variant_of_it_reaches_its_model(gateway: Gateway, asked: str, answered: str) -> None:
    assert gateway.complete(LMCall({"model": asked}, {})).response["model"] == answered


def test_a_request_without_a_model_goes_to_the_default(gateway: Gateway) -> None:
    assert gateway.complete(LMCall({}, {})).response["model"] == "plain"
    assert gateway.capabilities() == gateway.capabilities("plain") != gateway.capabilities("clever")


def test_an_unknown_model_is_refused_with_the_names_there_are(gateway: Gateway) -> None:
    with pytest.raises(
        UnsupportedModelError, match="'gpt'; known models: clever, clever/big, plain"
    ) as caught:
        gateway.complete(LMCall({"model": "gpt"}, {}))
    assert caught.value.code == "unsupported_model"
    assert not caught.value.retryable
    with pytest.raises(UnsupportedModelError):
        gateway.stream(LMCall({"model": "gpt/5"}, {}))
    with pytest.raises(UnsupportedModelError):
        gateway.capabilities("gpt")
    assert gateway.usage() == {}


def test_a_default_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(UnsupportedModelError, match="known models: none"):
        Gateway({}, "offline")


def test_a_model_that_is_no_name_is_refused_with_its_place(gateway: Gateway) -> None:
    with pytest.raises(ModelRequestError, match=r"\$\.model: int"):
        gateway.complete(LMCall({"model": 3}, {}))


def test_every_call_is_counted_once_with_what_it_reported(gateway: Gateway) -> None:
    gateway.complete(LMCall({"model": "clever/x"}, {}))
    gateway.complete(LMCall({"model": "clever"}, {}))
    with pytest.raises(ModelTimeoutError):
        gateway.complete(LMCall({"model": "clever"}, {"fail": True}))
    list(gateway.stream(LMCall({}, {})))
    assert gateway.usage() == {
        "clever": Tally(calls=3, failures=1, input_tokens=6, output_tokens=4),
        "plain": Tally(calls=1, failures=0, input_tokens=1, output_tokens=1),
    }
    assert gateway.usage()["clever"].total_tokens == 10


def test_a_stream_that_fails_or_is_left_counts_as_one_failure(gateway: Gateway) -> None:
    with pytest.raises(ModelTimeoutError):
        list(gateway.stream(LMCall({}, {"fail": True})))
    left = iter(gateway.stream(LMCall({}, {})))
    assert next(left) == {"type": "start", "model": "plain"}
    del left
    assert gateway.usage()["plain"] == Tally(calls=2, failures=2)


def test_a_passed_deadline_is_a_timeout_before_the_model_is_asked() -> None:
    now = 10.0
    gateway = Gateway({"plain": Echo("plain")}, "plain", clock=lambda: now)
    assert gateway.complete(LMCall({}, {}, deadline=10.5)).response["model"] == "plain"
    with pytest.raises(ModelTimeoutError) as caught:
        gateway.complete(LMCall({}, {}, deadline=10.0))
    assert caught.value.retryable
    assert gateway.usage()["plain"].failures == 1


def test_counts_from_many_threads_are_all_there(gateway: Gateway) -> None:
    threads = [
        threading.Thread(target=lambda: [gateway.complete(LMCall({}, {})).response for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert gateway.usage()["plain"] == Tally(calls=800, input_tokens=2400, output_tokens=1600)


ERRORS: list[GatewayError] = [
    UnsupportedModelError("a", ["b", "c"]),
    ModelRequestError("$.messages", "none"),
    UnsupportedFeatureError("no tool may be called"),
    ModelTimeoutError("too slow", retry_after_s=2.5),
    ContextLengthError("too long"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_has_a_code_that_lm15_knows_and_survives_copies(error: GatewayError) -> None:
    assert isinstance(error, DspashError)
    assert error_class_for_code(error.code).default_code == error.code
    assert error.details()["code"] == error.code
    for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(same) is type(error)
        assert str(same) == str(error)
        assert vars(same) == vars(error)


def test_what_to_wait_goes_into_the_details_when_it_is_known() -> None:
    assert ModelTimeoutError("slow", retry_after_s=2.5).details() == {"code": "timeout", "retry_after": 2.5}
    assert ModelTimeoutError("slow").details() == {"code": "timeout"}


def test_the_offline_model_behind_a_gateway_answers_by_every_alias() -> None:
    gateway = Gateway({"offline": OfflineModel()}, "offline")
    answers = {
        text_of(gateway.complete(LMCall(asking("hello") | {"model": name}, {})).response)
        for name in ("offline", "offline/x")
    }
    assert len(answers) == 1
    assert "no LLM" in answers.pop()
    assert gateway.usage()["offline"].calls == 2
    assert gateway.capabilities("offline/x").to_map()["supports_function_calling"] is True
