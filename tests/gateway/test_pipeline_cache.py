"""The cache: one tenant's whole answers, as long as they are wanted; a run's journal: every answer, for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from steps import (
    TARGET,
    MemoryCacheStore,
    MemoryJournal,
    ScriptedModel,
    asked,
    elsewhere,
    listen,
    now,
    play,
    response,
    streamed,
    text_in,
)

from dspash.gateway import (
    NO_CACHE,
    Answer,
    CachePolicy,
    CallKind,
    GatewayError,
    JsonMap,
    LMCall,
    Payer,
    ServerError,
    Source,
    TransportError,
)
from dspash.gateway.cache import Cache
from dspash.gateway.journaling import Journaling
from dspash.gateway.model import RoutedCall
from dspash.gateway.occurrence import Occurrences
from dspash.gateway.recent import RecentAnswers


def test_an_answer_given_once_is_given_again_whole_or_streamed() -> None:
    async def scene() -> None:
        model = ScriptedModel(response("forty-two"))
        cache = Cache(model, MemoryCacheStore())
        first = await cache.complete(asked())
        again = await cache.complete(asked())
        events, streaming = await streamed(cache, asked())
        assert len(model.calls) == 1
        assert [answer.source for answer in (first, again, streaming)] == [
            Source.PROVIDER,
            Source.CACHE,
            Source.CACHE,
        ]
        assert first.response == again.response == streaming.response
        assert [event["type"] for event in events] == ["start", "delta", "end"]
        assert again.cost is None

    play(scene)


def test_a_streamed_answer_is_kept_like_a_whole_one() -> None:
    async def scene() -> None:
        model = ScriptedModel()
        cache = Cache(model)
        await streamed(cache, asked())
        assert (await cache.complete(asked())).source is Source.CACHE

    play(scene)


def test_answers_outlive_the_process_in_the_store_and_tenants_share_none() -> None:
    async def scene() -> None:
        store = MemoryCacheStore()
        await Cache(ScriptedModel(), store).complete(asked())
        later = Cache(ScriptedModel(), store)
        assert (await later.complete(asked())).source is Source.CACHE
        assert (await later.complete(asked())).source is Source.CACHE
        assert store.asked == 2  # the second time it is in memory
        assert (await later.complete(asked(payer=Payer(tenant="acme")))).source is Source.PROVIDER

    play(scene)


@pytest.mark.parametrize(
    ("said", "policy", "is_kept"),
    [
        (response(), CachePolicy(), True),
        (response(finish="tool_call"), CachePolicy(), True),
        (response(finish="length"), CachePolicy(), False),
        (response(finish="length"), CachePolicy(keep_truncated=True), True),
        (response(finish="error"), CachePolicy(keep_truncated=True), False),
        (response(finish="content_filter"), CachePolicy(keep_truncated=True), False),
        (response(), CachePolicy(write=False), False),
        (ServerError("500"), CachePolicy(), False),
    ],
)
def test_only_whole_answers_are_kept(
    said: JsonMap | GatewayError, policy: CachePolicy, *, is_kept: bool
) -> None:
    async def scene() -> None:
        model = ScriptedModel(said)
        store = MemoryCacheStore()
        cache = Cache(model, store)
        for _ in range(2):
            await asyncio.gather(cache.complete(asked(cache=policy)), return_exceptions=True)
        assert (len(model.calls) == 1) == is_kept == bool(store.kept)

    play(scene)


def test_a_reader_who_wants_whole_answers_is_not_given_a_truncated_one_that_another_kept() -> None:
    async def scene() -> None:
        cache = Cache(ScriptedModel(response(finish="length")), MemoryCacheStore())
        await cache.complete(asked(cache=CachePolicy(keep_truncated=True)))
        assert (await cache.complete(asked())).source is Source.PROVIDER

    play(scene)


def test_answers_expire_for_their_keeper_and_are_too_old_for_a_choosier_reader() -> None:
    async def scene() -> None:
        time = 1000.0
        cache = Cache(ScriptedModel(), MemoryCacheStore(), now=lambda: time)
        await cache.complete(asked(cache=CachePolicy(ttl_s=60)))
        time += 30
        assert (await cache.complete(asked())).source is Source.CACHE
        assert (
            await cache.complete(asked(cache=CachePolicy(ttl_s=20, write=False)))
        ).source is Source.PROVIDER
        time += 30
        assert (await cache.complete(asked(cache=CachePolicy(write=False)))).source is Source.PROVIDER

    play(scene)


def test_what_a_fallback_said_is_not_kept_in_the_name_of_the_first_target() -> None:
    class Elsewhere(ScriptedModel):
        async def complete(self, call: RoutedCall) -> Answer:
            return replace(await super().complete(call), target=elsewhere("second"))

    async def scene() -> None:
        model = Elsewhere()
        cache = Cache(model)
        await cache.complete(asked())
        await cache.complete(asked())
        assert len(model.calls) == 2

    play(scene)


def test_what_a_caller_does_to_its_answer_is_not_seen_by_the_next() -> None:
    async def scene() -> None:
        cache = Cache(ScriptedModel(response("unharmed")))
        await cache.complete(asked())
        first = await cache.complete(asked())
        first.response["message"] = "changed"
        assert text_in(await cache.complete(asked())) == "unharmed"

    play(scene)


def test_forgetting_is_by_tenant_or_of_all() -> None:
    async def scene() -> None:
        model = ScriptedModel()
        cache = Cache(model)
        calls = [asked(payer=Payer(tenant=tenant)) for tenant in ("acme", "globex")]
        for call in calls:
            await cache.complete(call)
        cache.forget("acme")
        assert [cache.peek(call) is None for call in calls] == [True, False]
        cache.forget()
        assert cache.peek(calls[1]) is None

    play(scene)


def test_vectors_are_kept_like_any_answer() -> None:
    async def scene() -> None:
        call = LMCall({"model": "gpt", "inputs": ["a"]}, kind=CallKind.EMBEDDING)
        cache = Cache(ScriptedModel({"model": "gpt", "vectors": [[1.0]], "usage": {}}))
        routed = RoutedCall(call, TARGET, key="k")
        await cache.complete(routed)
        assert (await cache.complete(routed)).source is Source.CACHE

    play(scene)


@pytest.mark.parametrize("ttl_s", [0.0, -1.0, float("nan")])
def test_a_time_to_live_of_nothing_is_refused(ttl_s: float) -> None:
    with pytest.raises(ValueError, match="ttl_s"):
        CachePolicy(ttl_s=ttl_s)


@given(operations=st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 40))))
def test_recent_answers_fit_their_room_and_the_least_wanted_goes_first(
    operations: list[tuple[bool, int, int]],
) -> None:
    most, recent = 100, RecentAnswers[int, None](100)
    model: dict[int, str] = {}  # in the order of their last use
    for puts, key, length in operations:
        if puts:
            model.pop(key, None)
            text = f'{{"t":"{"x" * length}"}}'
            model[key] = text
            recent.put(key, {"t": "x" * length}, None)
            while sum(map(len, model.values())) > most:
                del model[next(iter(model))]
        else:
            found = recent.get(key)
            assert (found is not None) == (key in model)
            if key in model:
                model[key] = model.pop(key)
        assert len(recent) == len(model)


def test_an_answer_larger_than_all_the_room_displaces_nothing() -> None:
    recent = RecentAnswers[str, None](50)
    recent.put("small", {"a": 1}, None)
    recent.put("large", {"a": "x" * 100}, None)
    assert recent.get("small") == ({"a": 1}, None)
    assert recent.get("large") is None


IN_RUN = Payer(run="r")
SAMPLE = asked(payer=IN_RUN, cache=NO_CACHE)


def numbered() -> ScriptedModel:
    """Says something else each time."""

    async def say(_: RoutedCall) -> JsonMap:
        return response(str(len(model.calls)))

    model = ScriptedModel(say)
    return model


def test_a_repeated_run_is_told_the_same_again_and_asks_only_where_it_goes_on() -> None:
    async def scene() -> None:
        journal, first = MemoryJournal(), numbered()
        interrupted = Journaling(first, journal)
        told = [text_in(await interrupted.complete(SAMPLE)) for _ in range(3)]
        assert told == ["1", "2", "3"]
        second = ScriptedModel(response("new"))
        resumed = Journaling(second, journal)
        again = [await resumed.complete(SAMPLE) for _ in range(5)]
        assert [text_in(answer) for answer in again] == [*told, "new", "new"]
        assert [answer.source for answer in again[:3]] == [Source.JOURNAL] * 3
        assert len(second.calls) == 2

    play(scene)


def test_a_repeated_run_is_told_its_streams_again_as_streams() -> None:
    async def scene() -> None:
        journal = MemoryJournal()
        first = [await streamed(Journaling(ScriptedModel(response("one two")), journal), SAMPLE)]
        silent = ScriptedModel(ServerError("nothing is left to be asked"))
        [(events, answer)] = [await streamed(Journaling(silent, journal), SAMPLE)]
        assert events == first[0][0]
        assert (answer.source, answer.response) == (Source.JOURNAL, first[0][1].response)
        assert not silent.calls

    play(scene)


def test_a_run_begun_again_in_the_same_process_replays_from_its_start() -> None:
    async def scene() -> None:
        model = numbered()
        steps = Journaling(model, MemoryJournal())
        first = [text_in(await steps.complete(SAMPLE)) for _ in range(2)]
        steps.start_run("r")
        assert [text_in(await steps.complete(SAMPLE)) for _ in range(2)] == first
        assert len(model.calls) == 2

    play(scene)


def test_calls_that_read_the_cache_have_one_answer_in_a_run() -> None:
    async def scene() -> None:
        model = numbered()
        steps = Journaling(model, MemoryJournal())
        assert [text_in(await steps.complete(asked(payer=IN_RUN))) for _ in range(3)] == ["1"] * 3
        assert text_in(await steps.complete(asked(payer=Payer(run="another")))) == "2"

    play(scene)


def test_outside_of_a_run_nothing_is_journaled() -> None:
    async def scene() -> None:
        journal = MemoryJournal()
        await Journaling(ScriptedModel(), journal).complete(asked())
        await streamed(Journaling(ScriptedModel(), journal), asked())
        assert not journal.entries

    play(scene)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_an_answer_is_durable_before_it_is_delivered(*, streams: bool) -> None:
    async def scene() -> None:
        journal = MemoryJournal(delay_s=3.0)
        steps = Journaling(ScriptedModel(response("durable")), journal)
        heard: list[JsonMap | Answer] = []
        if streams:
            task = asyncio.create_task(listen(steps, SAMPLE, heard))
            await asyncio.sleep(1.0)
            assert [item["type"] for item in heard if isinstance(item, dict)] == ["start", "delta"]
            await task
            assert [item["type"] for item in heard if isinstance(item, dict)] == ["start", "delta", "end"]
        else:
            await steps.complete(SAMPLE)
        assert now() == 3.0
        assert [text_in(entry.response) for entry in journal.entries.values()] == ["durable"]

    play(scene)


def test_an_answer_that_cannot_be_kept_is_not_delivered() -> None:
    class Full(MemoryJournal):
        async def append(self, entry: object) -> None:
            raise GatewayError("the disk is full")

    async def scene() -> None:
        steps = Journaling(ScriptedModel(), Full())
        with pytest.raises(GatewayError, match="the disk is full"):
            await steps.complete(SAMPLE)
        heard: list[JsonMap | Answer] = []
        with pytest.raises(GatewayError, match="the disk is full"):
            await listen(steps, SAMPLE, heard)
        assert [item["type"] for item in heard if isinstance(item, dict)] == ["start", "delta"]

    play(scene)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_a_call_that_failed_leaves_its_place_to_the_next(*, streams: bool) -> None:
    async def scene() -> None:
        journal = MemoryJournal()
        steps = Journaling(ScriptedModel(TransportError("reset"), response("second try")), journal)
        with pytest.raises(TransportError):
            await (listen(steps, SAMPLE, []) if streams else steps.complete(SAMPLE))
        await steps.complete(SAMPLE)
        assert {place[2]: text_in(entry.response) for place, entry in journal.entries.items()} == {
            0: "second try"
        }

    play(scene)


@settings(max_examples=40)
@given(
    fails=st.lists(st.booleans(), min_size=1, max_size=12),
    reads=st.lists(st.booleans(), min_size=1, max_size=12),
    dies_at=st.integers(0, 12),
)
def test_a_run_killed_anywhere_and_repeated_is_told_what_it_would_have_been_told(
    fails: list[bool], reads: list[bool], dies_at: int
) -> None:
    """The program asks one thing after the other, each until it is answered, some of them more than once."""

    async def answers(steps: Journaling, upto: int) -> list[str]:
        told: list[str] = []
        for number, reading in enumerate(reads[:upto]):
            call = asked(str(number % 3), payer=IN_RUN, cache=None if reading else NO_CACHE)
            while True:
                try:
                    told.append(text_in(await steps.complete(call)))
                    break
                except ServerError:
                    continue
        return told

    def failing_at_times() -> ScriptedModel:
        async def say(_: RoutedCall) -> JsonMap:
            at = len(model.calls)
            if at < len(fails) and fails[at]:
                raise ServerError("500")
            return response(str(at))

        model = ScriptedModel(say)
        return model

    async def scene() -> None:
        journal = MemoryJournal()
        before = await answers(Journaling(failing_at_times(), journal), dies_at)
        kept = len(journal.entries)
        model = failing_at_times()
        after = await answers(Journaling(model, journal), len(reads))
        assert after[: len(before)] == before
        assert len(journal.entries) >= kept
        whole = ScriptedModel(ServerError("nothing is left to be asked"))
        assert await answers(Journaling(whole, journal), len(reads)) == after
        assert not whole.calls

    play(scene)


class Numbering(RuleBasedStateMachine):
    """Numbers of one run are taken and given back in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.occurrences = Occurrences()
        self.taken: set[int] = set()

    @rule()
    def take(self) -> None:
        number = self.occurrences.take("r", "k")
        assert number == min(set(range(len(self.taken) + 1)) - self.taken)
        self.taken.add(number)

    @rule(at=st.integers(0, 100))
    def give_back(self, at: int) -> None:
        if self.taken:
            number = sorted(self.taken)[at % len(self.taken)]
            self.taken.discard(number)
            self.occurrences.give_back("r", "k", number)

    @rule()
    def restart(self) -> None:
        self.occurrences.restart("r")
        self.taken.clear()

    @invariant()
    def others_are_not_concerned(self) -> None:
        number = self.occurrences.take("r", "another key")
        self.occurrences.give_back("r", "another key", number)
        assert number == 0


TestNumbering = Numbering.TestCase
TestNumbering.settings = settings(max_examples=20, stateful_step_count=30)
