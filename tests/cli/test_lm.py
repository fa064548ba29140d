"""`dspash lm`: what models were asked and what that came to, on the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dspash.cli.moment import read_moment
from dspash.errors import ConfigurationError
from dspash.gateway.answer import Source
from dspash.gateway.errors import RateLimitError
from dspash.gateway.keeping import KeptAnswer
from dspash.resources import DOMAIN
from dspash.resources.budget import Budget
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.lm.cache_store import StoredCache
from dspash.resources.lm.ledger import StoredLedger
from dspash.resources.recording import Recorder
from dspash.store import Store
from tests.cli.conftest import Run
from tests.resources.exchanges import exchange
from tests.resources.executions import NOON

ESCAPE = "\x1b[31mred"


@pytest.fixture
def kept(project: Path) -> None:
    """Three calls, one of them answered from the cache and one failed, two cached answers, and a budget."""
    with Store.open(project / "records.db") as store, ThreadPoolExecutor(1) as readers:
        scene = StoredScene(Context("ann", "default", "1"), domain=DOMAIN, store=store)
        recorder = Recorder(lambda: scene)
        ledger, cache = StoredLedger(recorder), StoredCache(lambda: scene, recorder, readers)
        ledger.record(exchange(tenant="default", prompt=f"Who? {ESCAPE}", text=f"Ada {ESCAPE}"))
        ledger.record(exchange(tenant="default", source=Source.CACHE, tries=0, cost=None))
        ledger.record(exchange(tenant="default", program="Other", error=RateLimitError("slow down")))
        for number, expires_at in enumerate((None, 1.0)):
            response: Any = {"message": {"role": "assistant", "parts": []}}
            at = NOON.timestamp()
            cache.put(KeptAnswer("default", f"key-{number}", response, "acme", "small-1", at, expires_at))
        scene.of(Budget).create(name="all", max_calls=10)
        recorder.close()


def test_usage_is_shown_by_model_and_told_as_json(dspash: Run, kept: None) -> None:
    (line,) = dspash("lm", "usage").out.splitlines()[1:]
    assert line.split() == ["small-1", "3", "2", "1", "1", "10", "2", "0.250000", "500.0", "500.0"]
    told = dspash("lm", "usage", "--by", "program", "--by", "day", "--json").value
    assert [(each["program"], each["day"], each["calls"]) for each in told] == [
        ("Baleen", "2026-05-01", 2),
        ("Other", "2026-05-01", 1),
    ]
    assert dspash("lm", "usage", "--since", "2026-05-02").out == "no calls of models are kept\n"
    assert [each["calls"] for each in dspash("lm", "usage", "--until", "2026-05-02", "--json").value] == [3]


def test_history_shows_what_was_asked_and_answered(dspash: Run, kept: None) -> None:
    shown = dspash("lm", "history", "-n", "3").out
    assert "acme/small-1  answered (provider)  12 tokens" in shown
    assert "  RateLimitError: slow down" in shown
    assert "\x1b" not in shown  # what models say does not reach the terminal as it is
    (failed,) = dspash("lm", "history", "--failed", "--json").value
    assert (failed["program"], failed["status"]) == ("Other", "failed")
    (whole,) = dspash("lm", "history", failed["id"], "--json").value
    assert whole["prompt"]["messages"][0]["parts"] == [{"type": "text", "text": "Who?"}]


def test_the_cache_is_counted_listed_and_emptied(dspash: Run, kept: None) -> None:
    assert dspash("lm", "cache", "stats", "--json").value == {
        "entries": 2,
        "expired": 1,
        "characters": 86,
        "models": [{"provider": "acme", "model": "small-1", "entries": 2, "expired": 1, "characters": 86}],
    }
    assert {each["key"] for each in dspash("lm", "cache", "list", "--json").value} == {"key-0", "key-1"}
    assert dspash("lm", "cache", "prune", "--json").value == {"removed": 1}
    assert dspash("lm", "cache", "clear", "--model", "large").out == "0 answers removed\n"
    assert dspash("lm", "cache", "clear").out == "1 answers removed\n"
    assert dspash("lm", "cache", "list").out == "no answers are kept\n"


def test_budgets_are_shown_with_what_is_spent(dspash: Run, kept: None) -> None:
    assert dspash("lm", "budgets").out.splitlines()[1].split() == [
        "all",
        "tenant",
        "total",
        "0",
        "of",
        "10",
        "0",
        "0",
    ]
    (told,) = dspash("lm", "budgets", "--json").value
    assert (told["name"], told["spent_calls"], told["spent_cost"]) == ("all", 0, 0)


def test_without_anything_kept_that_is_said(dspash: Run) -> None:
    for command, said in {"usage": "no calls", "history": "no calls", "budgets": "no budgets"}.items():
        assert said in dspash("lm", command).out


def test_a_moment_is_how_long_ago_or_a_date() -> None:
    assert read_moment("--since", "90m", NOON) == NOON - timedelta(minutes=90)
    assert read_moment("--since", "2w", NOON) == NOON - timedelta(weeks=2)
    assert read_moment("--since", "2026-05-01", NOON) == datetime(2026, 5, 1, tzinfo=UTC)
    assert read_moment("--since", "2026-05-01T02:00+02:00", NOON) == datetime(2026, 5, 1, tzinfo=UTC)
    assert read_moment("--since", "", NOON) is None
    for text in ("soon", "7", "999999w", "2026-13-01"):
        with pytest.raises(ConfigurationError, match="--since"):
            read_moment("--since", text, NOON)
