"""Requests: what tells calls apart, what is sent, what it may need; responses as streams and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm15.result import response_to_events
from lm15.serde import response_from_dict, response_to_dict, stream_event_from_dict, stream_event_to_dict
from lm15.types import Message, Request
from steps import TARGET, asked, response

from dspash.gateway import (
    CallKind,
    JsonMap,
    LMCall,
    ModelNotAllowedError,
    Payer,
    Permission,
    UnsupportedFeatureError,
)
from dspash.gateway.assembly import assembled
from dspash.gateway.authorise import check_permission
from dspash.gateway.measure import measure_of
from dspash.gateway.model import RoutedCall
from dspash.gateway.replay import events_of
from dspash.gateway.request import addressed, key_of

HELLO = asked("hello", temperature=0.5).call


@pytest.mark.parametrize(
    "same",
    [
        replace(HELLO, request={**HELLO.request, "model": "fast"}),
        replace(HELLO, payer=Payer("acme", "qa", run="r"), deadline=5.0),
        replace(HELLO, meta={"model": "what the worker calls it"}),
        replace(
            HELLO,
            request={**HELLO.request, "config": {"temperature": 0.5, "user_id": "u", "service_tier": "flex"}},
        ),
        replace(HELLO, request=dict(reversed(HELLO.request.items()))),
    ],
    ids=["alias", "payer", "other meta", "silent settings", "order"],
)
def test_what_changes_no_answer_changes_no_key(same: LMCall) -> None:
    assert key_of(same, TARGET) == key_of(HELLO, TARGET)


def test_defaults_of_an_alias_count_like_settings_of_the_request() -> None:
    plain = asked("hello").call
    cool = replace(TARGET, defaults={"temperature": 0.5})
    assert key_of(plain, cool) == key_of(HELLO, TARGET)
    assert key_of(HELLO, replace(TARGET, defaults={"temperature": 0.9})) == key_of(HELLO, TARGET)


OTHERS = [
    (asked("hello!", temperature=0.5).call, TARGET),
    (asked("hello", temperature=0.6).call, TARGET),
    (asked("hello").call, TARGET),
    (replace(HELLO, meta={"rollout_id": 0}), TARGET),
    (replace(HELLO, meta={"rollout_id": 1}), TARGET),
    (replace(HELLO, meta={"sample": 1}), TARGET),
    (replace(HELLO, kind=CallKind.EMBEDDING), TARGET),
    (HELLO, replace(TARGET, model="gpt-5")),
    (HELLO, replace(TARGET, provider="another")),
    (HELLO, replace(TARGET, endpoint="http://localhost:1")),
    (HELLO, replace(TARGET, defaults={"seed": 1})),
]


def test_whatever_may_change_an_answer_changes_the_key() -> None:
    keys = [key_of(HELLO, TARGET), *[key_of(call, target) for call, target in OTHERS]]
    assert len(set(keys)) == len(keys)


def test_a_request_is_addressed_without_being_changed() -> None:
    before = {**HELLO.request}
    target = replace(TARGET, model="gpt-5", defaults={"temperature": 0.1, "seed": 7})
    assert addressed(HELLO.request, target) == {
        **before,
        "model": "gpt-5",
        "config": {"temperature": 0.5, "seed": 7},
    }
    assert HELLO.request == before


TEXTS = st.text(max_size=30)
PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.builds(lambda text: {"type": "thinking", "text": text}, TEXTS),
    st.builds(
        lambda name, given: {"type": "tool_call", "id": f"id-{name}", "name": name, "input": given},
        st.sampled_from(["search", "finish"]),
        st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers(-99, 99) | TEXTS, max_size=3),
    ),
    st.builds(
        lambda url: {"type": "citation", "url": f"https://{url}", "title": "t"}, st.sampled_from(["a", "b"])
    ),
    st.just({"type": "image", "media_type": "image/png", "data": "aGVsbG8="}),
    st.just({"type": "audio", "media_type": "audio/mpeg", "data": "aGVsbG8="}),
    st.just(
        {
            "type": "thinking",
            "text": "so",
            "continuation": [{"provider": "anthropic", "kind": "signature", "data": {"signature": "x"}}],
        }
    ),
)


@st.composite
def responses(draw: st.DrawFn) -> JsonMap:
    parts: list[Any] = draw(st.lists(PARTS, min_size=1, max_size=4))
    calls = any(part["type"] == "tool_call" for part in parts)
    return {
        "id": "r",
        "model": "gpt",
        "message": {"role": "assistant", "parts": parts},
        "finish_reason": "tool_call" if calls else draw(st.sampled_from(["stop", "length"])),
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
    }


@settings(max_examples=60)
@given(given_response=responses())
def test_a_replay_is_what_lm15_would_stream_and_makes_up_the_response_again(given_response: JsonMap) -> None:
    events = list(events_of(given_response))
    assert assembled(events) == given_response
    theirs = list(response_to_events(response_from_dict(dict(given_response))))
    assert [stream_event_to_dict(stream_event_from_dict(dict(event))) for event in events] == [
        stream_event_to_dict(event) for event in theirs
    ]


@settings(max_examples=60)
@given(given_response=responses(), cut=st.integers(1, 7))
def test_pieces_are_joined_as_lm15_joins_them(given_response: JsonMap, cut: int) -> None:
    from lm15.result import StreamAccumulator

    pieces: list[JsonMap] = []
    for event in events_of(given_response):
        delta: Any = event.get("delta")
        name = "input" if delta and delta["type"] == "tool_call" else "text"
        if not delta or name not in delta or delta["type"] == "citation":
            pieces.append(event)
            continue
        whole = delta[name]
        parts = [whole[at : at + cut] for at in range(0, max(len(whole), 1), cut)]
        pieces.extend({"type": "delta", "delta": {**delta, name: part}} for part in parts)
    accumulator = StreamAccumulator(Request(model="gpt", messages=(Message.user("hello"),)))
    for piece in pieces:
        accumulator.push(stream_event_from_dict(dict(piece)))
    assert response_to_dict(response_from_dict(dict(assembled(pieces)))) == response_to_dict(
        accumulator.response()
    )


def test_log_probabilities_survive_a_replay() -> None:
    scored: JsonMap = {
        **response("yes"),
        "logprobs": [{"token": "yes", "logprob": -0.1}],
        "logprobs_complete": False,
    }
    assert assembled(events_of(scored)) == scored


def test_a_part_without_a_streamed_form_is_refused() -> None:
    refused: JsonMap = {
        **response(),
        "message": {"role": "assistant", "parts": [{"type": "refusal", "text": "no"}]},
    }
    with pytest.raises(UnsupportedFeatureError, match="refusal"):
        list(events_of(refused))


@given(text=st.text(max_size=200), system=st.none() | st.text(max_size=50))
def test_no_text_has_more_tokens_than_are_reckoned_at_most(text: str, system: str | None) -> None:
    routed = asked(text, max_tokens=77)
    request: JsonMap = {**routed.call.request, "system": system}
    measure = measure_of(replace(routed, call=replace(routed.call, request=request)))
    assert measure.most_input >= len((text + (system or "")).encode("utf-8", "surrogatepass"))
    assert measure.likely_input <= measure.most_input
    assert measure.most_output == 77


def test_media_are_reckoned_by_the_piece_and_answers_by_what_is_known_of_them() -> None:
    routed = asked("look")
    image: JsonMap = {
        "role": "user",
        "parts": [{"type": "image", "data": "A" * 1_000_000, "media_type": "image/png"}],
    }
    shown = replace(routed, call=replace(routed.call, request={**routed.call.request, "messages": [image]}))
    assert 2_000 <= measure_of(shown).likely_input < 3_000
    assert measure_of(asked(target=replace(TARGET, max_output_tokens=100))).most_output == 100
    assert measure_of(asked(target=replace(TARGET, defaults={"max_tokens": 9}))).most_output == 9
    embedding = LMCall({"model": "e", "inputs": ["four", "five!"]}, kind=CallKind.EMBEDDING)
    assert measure_of(RoutedCall(embedding, TARGET)).most == 9


def test_permissions_are_by_tenant_and_program_and_cover_names_or_targets() -> None:
    permissions = (
        Permission(("fast", "openai/*"), tenant="acme"),
        Permission(("smart",), tenant="acme", program="qa*"),
    )

    def may(model: str, payer: Payer, provider: str = "anthropic") -> bool:
        call = replace(HELLO, request={**HELLO.request, "model": model}, payer=payer)
        try:
            check_permission(permissions, call, replace(TARGET, provider=provider))
        except ModelNotAllowedError:
            return False
        return True

    assert may("fast", Payer("acme"))
    assert may("any", Payer("acme"), provider="openai")
    assert not may("any", Payer("acme"))
    assert may("smart", Payer("acme", "qa-1"))
    assert not may("smart", Payer("acme", "chat"))
    assert not may("fast", Payer("globex"))
    check_permission((), HELLO, TARGET)


def test_a_refused_model_is_named_with_those_that_are_allowed() -> None:
    with pytest.raises(
        ModelNotAllowedError, match="program 'qa' may not use the model 'gpt'; allowed are fast, smart"
    ):
        check_permission((Permission(("smart", "fast")),), replace(HELLO, payer=Payer(program="qa")), TARGET)
