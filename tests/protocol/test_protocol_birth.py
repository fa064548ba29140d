"""Birth: what host and zygote say to each other is read as it was written, and anything else is refused by its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_strategies import texts, wire_maps, wire_values

from dspash_protocol import Codec, InvalidPayloadError, encode
from dspash_protocol.birth import (
    MAX_DATAGRAM,
    Born,
    ConfinementPlan,
    Ended,
    FromHost,
    FromZygote,
    Layer,
    Quit,
    ResourceLimits,
    Spawn,
    Stillborn,
    Up,
    WorkerOptions,
    read_from_host,
    read_from_zygote,
    write_datagram,
)

counts = st.integers(0, 2**53)
paths = st.lists(texts, max_size=5).map(tuple)
plans = st.builds(
    ConfinementPlan,
    tier=texts,
    layers=st.frozensets(st.sampled_from(Layer)),
    scratch=texts,
    readable=paths,
    devices=paths,
    limits=st.builds(
        ResourceLimits,
        address_space_bytes=counts,
        data_bytes=counts,
        cpu_s=counts,
        file_bytes=counts,
        open_files=counts,
        threads=counts,
        scratch_bytes=counts,
        scratch_inodes=counts,
    ),
    init=st.booleans(),
    options=st.builds(
        WorkerOptions,
        concurrency=counts,
        max_frame=counts,
        opening=st.lists(st.binary(max_size=50), max_size=3).map(tuple),
    ),
)
from_hosts: st.SearchStrategy[FromHost] = st.builds(Spawn, counts, plans, texts) | st.just(Quit())
from_zygotes: st.SearchStrategy[FromZygote] = st.one_of(
    st.builds(Up, counts, texts, counts, counts, paths),
    st.builds(Born, counts, counts),
    st.builds(Stillborn, counts, texts),
    st.builds(Ended, counts, counts, st.floats(0, 1e12), counts),
)


def is_message_or_refused(read: Callable[[bytes], FromHost | FromZygote], datagram: bytes) -> bool:
    try:
        read(datagram)
    except InvalidPayloadError as error:
        return error.path.startswith("$")
    return True


@given(from_hosts)
def test_what_a_host_says_is_read_as_it_was_written(message: FromHost) -> None:
    assert read_from_host(write_datagram(message)) == message


@given(from_zygotes)
def test_what_a_zygote_says_is_read_as_it_was_written(message: FromZygote) -> None:
    assert read_from_zygote(write_datagram(message)) == message


@given(plans)
def test_a_plan_survives_its_map(plan: ConfinementPlan) -> None:
    assert ConfinementPlan.from_map(plan.to_map()) == plan


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(datagram: bytes) -> None:
    for read in (read_from_host, read_from_zygote):
        assert is_message_or_refused(read, datagram)


@given(wire_maps, st.sampled_from(["spawn", "quit", "up", "born", "stillborn", "ended"]))
def test_any_map_is_a_message_or_refused_with_a_path(raw: dict[str, Any], word: str) -> None:
    datagram = encode({**raw, "do": word, "is": word}, Codec.MSGPACK)
    for read in (read_from_host, read_from_zygote):
        assert is_message_or_refused(read, datagram)


@given(plans, st.data())
def test_a_field_that_is_missing_or_mistyped_is_named(plan: ConfinementPlan, data: st.DataObject) -> None:
    raw = plan.to_map()
    field = data.draw(st.sampled_from(sorted(raw)))
    wrong = data.draw(st.just(None) | wire_values.filter(lambda value: type(value) is not type(raw[field])))
    with pytest.raises(InvalidPayloadError) as caught:
        ConfinementPlan.from_map({**raw, field: wrong})
    assert caught.value.path.startswith(f"$.{field}")


def test_a_layer_that_is_not_known_is_refused_and_not_left_out() -> None:
    raw = ConfinementPlan(tier="strict", layers=frozenset({Layer.SECCOMP})).to_map()
    with pytest.raises(InvalidPayloadError, match=r"\$\.layers\[1\]: 'magic' is none of namespaces"):
        ConfinementPlan.from_map({**raw, "layers": ["seccomp", "magic"]})


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({}, r"\$\.do: must be text, is missing"),
        ({"do": "fly"}, r"\$\.do: 'fly' is none of spawn, quit"),
        ({"do": "spawn", "id": 7, "plan": 3}, r"\$\.plan: must be bytes, is 3"),
        ({"do": "spawn", "id": 7, "plan": b""}, r"\$\.plan: .* is empty"),
        ({"do": "spawn", "plan": b'{"tier": 7}'}, r"\$\.plan\.tier: must be text, is 7"),
    ],
)
def test_a_refusal_tells_the_place_and_what_is_there(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidPayloadError, match=told) as caught:
        read_from_host(encode(raw, Codec.MSGPACK))
    assert caught.value.request_id == raw.get("id")


def test_truth_is_no_number_and_no_number_is_negative() -> None:
    with pytest.raises(InvalidPayloadError, match=r"\$\.pid: must be a whole number from 0 up, is a truth"):
        read_from_zygote(encode({"is": "born", "id": 1, "pid": True}, Codec.MSGPACK))
    ended = {"is": "ended", "pid": 1, "status": 0, "cpu_s": -0.5, "peak_memory_bytes": 0}
    with pytest.raises(InvalidPayloadError, match=r"\$\.cpu_s: must be a number from 0 up, is -0\.5"):
        read_from_zygote(encode(ended, Codec.MSGPACK))


def test_a_plan_of_a_hundred_long_paths_fits_one_datagram() -> None:
    readable = tuple(f"/opt/{'x' * 200}/{number}" for number in range(100))
    assert len(write_datagram(Spawn(1, ConfinementPlan(tier="strict", readable=readable)))) < MAX_DATAGRAM
