"""Definitions: whoever follows the log, from wherever, ends with the same state as one who saw everything."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.bridge.definitions import Definition, Definitions, copy_of

BOUND_S = 10.0


class Bench:
    """What a worker knows, by the rules of the real one: a program holds the modules that stood there when it came."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.things: dict[str, tuple[Any, ...]] = {}
        self.refused = 0

    def accept(self, command: str, args: Mapping[str, Any]) -> bool:
        name = args.get("id", "")
        match command:
            case "configure":
                for key, value in args.items():
                    if key == "settings":
                        self.settings.update(value)
                    else:
                        self.settings[key] = value
            case "create_module":
                self.things[name] = ("module", args["version"], None)
            case "create_program":
                parts = args.get("modules", [])
                if any(part["id"] not in self.things for part in parts):
                    self.refused += 1
                    return False
                self.things[name] = (
                    "program",
                    args["version"],
                    tuple(self.things[part["id"]] for part in parts),
                )
            case "load_state":
                if name not in self.things:
                    self.refused += 1
                    return False
                self.things[name] = (*self.things[name][:2], self.things[name][2], args["version"])
            case "delete":
                if self.things.pop(name, None) is None:
                    self.refused += 1
                    return False
            case _:
                raise AssertionError(command)
        return True

    def hear(self, definition: Definition) -> None:
        self.accept(definition.command, definition.args)

    @property
    def knowledge(self) -> tuple[Any, Any]:
        return self.settings, self.things


NAMES = st.sampled_from(["m", "n", "p", "q"])
REQUESTS = st.one_of(
    st.tuples(st.just("create_module"), st.fixed_dictionaries({"id": NAMES})),
    st.tuples(
        st.just("create_program"),
        st.fixed_dictionaries(
            {"id": NAMES, "modules": st.lists(st.fixed_dictionaries({"id": NAMES}), max_size=2)}
        ),
    ),
    st.tuples(st.just("load_state"), st.fixed_dictionaries({"id": NAMES})),
    st.tuples(st.just("delete"), st.fixed_dictionaries({"id": NAMES})),
    st.tuples(
        st.just("configure"), st.fixed_dictionaries({}, optional={"lm": st.integers(), "adapter": st.text()})
    ),
    st.tuples(
        st.just("configure"),
        st.fixed_dictionaries(
            {"settings": st.dictionaries(st.sampled_from("xyz"), st.integers(), min_size=1)}
        ),
    ),
)


def record(log: Definitions, bench: Bench, requests: list[tuple[str, dict[str, Any]]]) -> None:
    """Have `bench` take what it accepts, and the log remember that."""
    for version, (command, asked) in enumerate(requests):
        args = asked if command == "configure" else {**asked, "version": version}
        if bench.accept(command, args):
            log.append(command, args)


@given(requests=st.lists(REQUESTS, max_size=30), met_after=st.integers(0, 30))
def test_newcomers_and_laggards_end_where_the_first_worker_is(
    requests: list[tuple[str, dict[str, Any]]], met_after: int
) -> None:
    log, first, laggard = Definitions(), Bench(), Bench()
    following = log.follow()
    record(log, first, requests[:met_after])
    following.catch_up(laggard.hear)
    record(log, first, requests[met_after:])
    following.catch_up(laggard.hear)
    newcomer = Bench()
    log.follow().catch_up(newcomer.hear)
    assert newcomer.knowledge == first.knowledge
    assert newcomer.refused == 0
    assert laggard.knowledge == first.knowledge
    assert not following.is_behind


@given(requests=st.lists(REQUESTS, max_size=40))
def test_the_log_holds_little_more_than_what_there_is(requests: list[tuple[str, dict[str, Any]]]) -> None:
    log, bench = Definitions(), Bench()
    following = log.follow()
    for request in requests:
        record(log, bench, [request])
        following.catch_up(bench.hear)
    for name in list(bench.things):
        log.append("delete", {"id": name})
    following.catch_up(lambda _definition: None)
    log.append("configure", {"lm": 1})
    assert all(definition.command == "configure" for definition in log.since(0))
    assert len(log.since(0)) <= 6  # lm, adapter, settings x, y and z, and one more that says nothing at all


def test_ten_thousand_modules_made_and_deleted_leave_nothing() -> None:
    log = Definitions()
    following = log.follow()
    for number in range(500):
        log.append("create_module", {"id": f"m@{number}"})
        log.append("delete", {"id": f"m@{number}"})
        following.catch_up(lambda _definition: None)
    log.append("create_module", {"id": "last"})
    assert [definition.subject for definition in log.since(0)] == ["last"]


def test_a_deletion_is_kept_until_every_worker_was_told() -> None:
    log = Definitions()
    quick, slow = log.follow(), log.follow()
    heard: list[str] = []
    log.append("create_module", {"id": "m"})
    for following in (quick, slow):
        following.catch_up(lambda definition: heard.append(definition.command))
    log.append("delete", {"id": "m"})
    quick.catch_up(lambda _definition: None)
    log.append("create_module", {"id": "n"})
    assert [definition.command for definition in log.since(1)] == ["delete", "create_module"]
    log.forget(slow)  # it died, and whoever follows it begins anew
    log.append("create_module", {"id": "o"})
    assert [definition.command for definition in log.since(0)] == ["create_module", "create_module"]


def test_what_a_worker_has_accepted_itself_is_not_told_to_it_again() -> None:
    log = Definitions()
    own, other = log.follow(), log.follow()
    heard: list[str] = []
    log.append("create_module", {"id": "m"}, accepted_by=own)
    log.append("create_module", {"id": "n"}, accepted_by=other)
    own.catch_up(lambda definition: heard.append(definition.subject))
    assert heard == ["n"]
    other.catch_up(lambda definition: heard.append(definition.subject))
    assert heard == ["n", "m"]


def test_two_workers_that_accepted_the_same_name_in_different_order_agree_in_the_end() -> None:
    log = Definitions()
    one, two = log.follow(), log.follow()
    benches = {one: Bench(), two: Bench()}
    first, second = {"id": "m", "version": 1}, {"id": "m", "version": 2}
    state = {"id": "m", "version": 3}
    benches[one].accept("create_module", first)
    benches[two].accept("create_module", second)
    benches[one].accept("load_state", state)  # on top of the first, before it hears of the second
    log.append("create_module", first, accepted_by=one)
    log.append("create_module", second, accepted_by=two)
    log.append("load_state", state, accepted_by=one)
    for following, bench in benches.items():
        following.catch_up(bench.hear)
    assert benches[one].knowledge == benches[two].knowledge


def test_nobody_passes_a_catch_up_that_is_under_way() -> None:
    log = Definitions()
    following = log.follow()
    log.append("create_module", {"id": "m"})
    telling, go_on = threading.Event(), threading.Event()
    heard: list[str] = []

    def tell_slowly(definition: Definition) -> None:
        telling.set()
        assert go_on.wait(BOUND_S)
        heard.append(definition.subject)

    first = threading.Thread(target=following.catch_up, args=(tell_slowly,), daemon=True)
    first.start()
    assert telling.wait(BOUND_S)
    second = threading.Thread(
        target=lambda: (following.catch_up(tell_slowly), heard.append("a call")), daemon=True
    )
    second.start()
    go_on.set()
    for thread in (first, second):
        thread.join(BOUND_S)
    assert heard == ["m", "a call"]


@pytest.mark.parametrize("value", [{"a": [1, {"b": [b"x"]}]}, [], {}, "text", None])
def test_a_copy_is_equal_and_shares_nothing_that_can_change(value: Any) -> None:
    copied = copy_of(value)
    assert copied == value
    if isinstance(value, dict) and value:
        value["a"][1]["b"].append("later")
        assert copied == {"a": [1, {"b": [b"x"]}]}
