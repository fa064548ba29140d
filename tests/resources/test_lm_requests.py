"""LM requests: every exchange is kept with what it cost, without secrets, and usage is counted exactly."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from dspash.errors import ConfigurationError
from dspash.gateway.answer import Source
from dspash.gateway.errors import RateLimitError
from dspash.gateway.keeping import Exchange, Outcome
from dspash.gateway.lm_call import CallKind, LMCall
from dspash.gateway.target import Target
from dspash.resources.kernel import StoredScene
from dspash.resources.lm import LMUsage, usage_of
from dspash.resources.lm.exchange_row import ExchangeRow
from dspash.resources.lm.ledger import StoredLedger
from dspash.resources.lm_request import LMRequest
from dspash.resources.recording import Recorder, Redaction
from dspash.store import Store
from tests.resources.conftest import statements
from tests.resources.exchanges import TARGET, exchange
from tests.resources.executions import NOON, scene_of

KEY = "sk-abcdefghijklmnopqrstuvwxyz123456"


def keep(scene: StoredScene, *exchanges: Exchange) -> None:
    with scene.transaction() as inner:
        for told in exchanges:
            table, row = ExchangeRow(told).row(inner, Redaction())
            inner.connection.execute(table.insert(), [row])


def only(scene: StoredScene) -> LMRequest:
    (record,) = scene.of(LMRequest).iterate()
    return record


def test_an_exchange_is_kept_with_all_that_it_took(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, exchange(tries=3, first_token_s=0.2, run="run-1"))
    kept = LMRequest.model_validate(only(scene).model_dump())  # it is as declared, too
    assert (kept.provider, kept.model, kept.alias, kept.key_id) == ("acme", "small-1", "fast", "k1")
    assert (kept.status, kept.source, kept.tries) == ("answered", "provider", 3)
    assert (kept.input_tokens, kept.output_tokens, kept.tokens_used) == (10, 2, 12)
    assert (kept.cost, kept.cost_basis) == (0.25, "prices of May")
    assert (kept.latency_ms, kept.first_token_ms) == (500.0, 200.0)
    assert (kept.program, kept.run, kept.meta) == ("Baleen", "run-1", {"rollout_id": 3})
    assert kept.options == {"temperature": 0.5}
    assert [tried["error"] for tried in kept.attempts] == ["server", "server", None]
    assert kept.created_at == NOON
    assert kept.response_text == "Ada."


def test_a_failure_is_kept_with_its_reason(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, exchange(error=RateLimitError("slow down", retry_after_s=2.0, provider="acme", status=429)))
    kept = only(scene)
    assert (kept.status, kept.source, kept.response, kept.cost) == ("failed", None, None, None)
    assert kept.error == {
        "type": "RateLimitError",
        "message": "slow down",
        "code": "rate_limit",
        "retry_after": 2.0,
        "provider": "acme",
        "status": 429,
    }


def test_no_secret_is_kept(store: Store) -> None:
    scene = scene_of(store)
    keep(
        scene,
        exchange(prompt=f"my key is {KEY}", text=f"it is {KEY}"),
        exchange(error=RateLimitError(f"bad key {KEY}")),
    )
    for record in scene.of(LMRequest).iterate():
        assert KEY not in record.model_dump_json()


def test_numbers_of_embeddings_are_not_kept(store: Store) -> None:
    scene = scene_of(store)
    told = exchange()
    assert told.answer is not None
    call = LMCall({"model": "e", "inputs": ["a", "b"], "options": {"dimensions": 2}}, kind=CallKind.EMBEDDING)
    response: Any = {"model": "e", "vectors": [[0.5, 1.5], [2.5, 3.5]], "usage": {"input_tokens": 2}}
    answer = type(told.answer)(response, Source.PROVIDER, TARGET)
    keep(scene, Exchange(call, TARGET, Outcome.ANSWERED, NOON.timestamp(), 0.1, answer))
    kept = scene_of(store, tenant="default").of(LMRequest).list().items[0]
    assert kept.kind == "embedding"
    assert kept.response == {"model": "e", "vectors": 2, "dimensions": 2, "usage": {"input_tokens": 2}}
    assert (kept.prompt, kept.options) == ({"inputs": ["a", "b"]}, {"dimensions": 2})


def test_past_their_room_exchanges_are_kept_without_their_texts(store: Store) -> None:
    scene = scene_of(store)
    row = ExchangeRow(exchange(prompt="x" * 1000))
    assert row.characters == 1000
    row.lighten()
    assert row.characters == 0
    with scene.transaction() as inner:
        table, values = row.row(inner, Redaction())
        inner.connection.execute(table.insert(), [values])
    kept = only(scene)
    assert (kept.prompt, kept.response, kept.tokens_used) == ({}, None, 12)


def test_what_the_ledger_is_told_is_written_by_the_recorder(store: Store) -> None:
    scene = scene_of(store)
    recorder = Recorder(lambda: scene)
    ledger = StoredLedger(recorder)
    for number in range(100):
        ledger.record(exchange(prompt=str(number)))
    recorder.flush()
    assert (scene.of(LMRequest).count(), recorder.lost) == (100, 0)
    recorder.close()


# --- usage ---


def usage(scene: StoredScene, *by: Any, **chosen: Any) -> list[LMUsage]:
    return usage_of(scene, by, chosen)


def test_usage_tells_what_was_sent_from_what_was_had_before(store: Store) -> None:
    scene = scene_of(store)
    keep(
        scene,
        exchange(latency_s=0.1, tries=2),
        exchange(latency_s=0.3, cost=None),
        exchange(source=Source.CACHE, tries=0, cost=None, latency_s=0.001),
        exchange(source=Source.JOURNAL, tries=0, cost=None, latency_s=0.001),
        exchange(source=Source.FLIGHT, tries=0, cost=None, latency_s=9.0),
        exchange(error=RateLimitError("slow down"), latency_s=5.0),
        exchange(outcome=Outcome.CANCELLED, latency_s=4.0),
    )
    (found,) = usage(scene)
    assert found.of == {}
    assert (found.calls, found.sent, found.tries) == (7, 4, 5)
    assert (found.failed, found.cancelled) == (1, 1)
    assert (found.cached, found.replayed, found.shared) == (1, 1, 1)
    assert (found.input_tokens, found.output_tokens, found.tokens_used) == (20, 4, 24)
    assert (found.cost, found.unpriced) == (0.25, 1)
    assert (found.latency_p50_ms, found.latency_p99_ms) == (100.0, 300.0)


def test_usage_is_grouped_by_several_things_and_by_day(store: Store) -> None:
    scene = scene_of(store)
    other = Target(provider="brand", type="openai", model="large-1", key_id="k2")
    yesterday = NOON - timedelta(hours=12, microseconds=1)
    keep(
        scene,
        exchange(run="r1"),
        exchange(ended_at=yesterday),
        exchange(target=other, cost=4.0),
        exchange(target=other, cost=2.0, ended_at=yesterday),
        exchange(tenant="south"),
    )
    by_model = usage(scene, "provider", "model")
    assert [(found.of, found.cost) for found in by_model] == [
        ({"provider": "brand", "model": "large-1"}, 6.0),
        ({"provider": "acme", "model": "small-1"}, 0.5),
    ]
    days = {found.of["day"]: found.calls for found in usage(scene, "day")}
    assert days == {"2026-05-01": 2, "2026-04-30": 2}
    assert {found.of["run"]: found.calls for found in usage(scene, "run")} == {None: 3, "r1": 1}
    assert [found.calls for found in usage(scene, run="r1")] == [1]
    assert [found.calls for found in usage_of(scene, since=NOON)] == [2]
    assert [found.calls for found in usage_of(scene, until=NOON)] == [2]


def test_usage_without_calls_is_nothing(store: Store) -> None:
    scene = scene_of(store)
    assert usage(scene, "model") == []
    (found,) = usage(scene)
    assert (found.calls, found.cost, found.latency_p50_ms) == (0, 0.0, None)


def test_usage_is_one_statement(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, *(exchange(program=f"p{number}") for number in range(20)))
    with statements(store) as seen:
        assert len(usage(scene, "program")) == 20
    assert sum("lm_requests" in statement for statement in seen) == 1


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 5000), st.booleans(), st.integers(0, 50)),
        max_size=40,
    )
)
def test_percentiles_and_sums_are_those_of_a_plain_count(
    store: Store, told: list[tuple[str, int, bool, int]]
) -> None:
    scene = scene_of(store)
    with scene.transaction() as inner:
        inner.connection.execute(delete(scene.domain.table(scene.domain.declaration(LMRequest))))
    keep(
        scene,
        *(
            exchange(
                program=program,
                latency_s=latency_ms / 1000,
                tokens=(tokens, 1),
                source=Source.PROVIDER if was_sent else Source.CACHE,
                tries=int(was_sent),
            )
            for program, latency_ms, was_sent, tokens in told
        ),
    )
    latencies: defaultdict[str, list[float]] = defaultdict(list)
    for program, latency_ms, was_sent, _ in told:
        latencies[program] += [latency_ms / 1000 * 1000] if was_sent else []
    found = {str(each.of["program"]): each for each in usage(scene, "program")}
    assert found.keys() == latencies.keys()
    for program, each in found.items():
        ordered = sorted(latencies[program])
        for name, share in (("p50", 50), ("p95", 95), ("p99", 99)):
            rank = math.ceil(len(ordered) * share / 100)
            expected = ordered[rank - 1] if ordered else None
            assert getattr(each, f"latency_{name}_ms") == expected
        assert each.input_tokens == sum(row[3] for row in told if row[0] == program and row[2])


@pytest.mark.parametrize(
    ("arguments", "place"),
    [({"by": ["colour"]}, "by"), ({"since": datetime(2026, 1, 1)}, "since")],  # noqa: DTZ001 - that is the point
)
def test_usage_says_what_it_cannot_tell(store: Store, arguments: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        usage_of(scene_of(store), **arguments)
    assert place in str(caught.value)


def test_the_actions_tell_usage_and_remove_what_is_old(store: Store) -> None:
    scene = scene_of(store)
    keep(scene, exchange(), exchange(ended_at=NOON - timedelta(days=3)))
    (told,) = scene.of(LMRequest).usage(by="model")
    assert (told["model"], told["calls"]) == ("small-1", 2)
    assert scene.of(LMRequest).prune(max_age=timedelta(days=1)) == {"removed": 1}
