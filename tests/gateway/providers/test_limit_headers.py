"""What providers say of limits is read from headers in every form they use, and nonsense is taken as nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.gateway.rate_limits import Allowance, RateLimits, read_rate_limits, read_retry_after

NOW = 1_795_000_000.0
AT = datetime.fromtimestamp(NOW + 30, UTC)


def test_openai_and_those_like_it() -> None:
    headers = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-tokens": "159976",
        "x-ratelimit-reset-tokens": "6m30.5s",
    }

    assert read_rate_limits(headers, NOW) == RateLimits(
        requests=Allowance(5000, 4999, 0.012), tokens=Allowance(160_000, 159_976, 390.5)
    )


def test_anthropic() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "anthropic-ratelimit-input-tokens-remaining": "1000",
    }

    assert read_rate_limits(headers, NOW) == RateLimits(
        requests=Allowance(50, 0, 30.0), input_tokens=Allowance(None, 1000, None)
    )


@pytest.mark.parametrize("reset", ["30", str(int(NOW + 30)), str(int((NOW + 30) * 1000))])
def test_resets_are_durations_or_instants(reset: str) -> None:
    found = read_rate_limits({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, NOW)

    assert found is not None
    assert found.requests == Allowance(None, 0, 30.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": format_datetime(AT, usegmt=True)}, 30.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, NOW) == seconds


NAMES = [
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-reset",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "retry-after",
    "retry-after-ms",
]


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.text(max_size=80) | st.floats().map(str) | st.integers().map(str)
    )
)
def test_no_header_is_an_error(headers: dict[str, str]) -> None:
    limits = read_rate_limits(headers, NOW)
    wait = read_retry_after(headers, NOW)

    assert wait is None or wait >= 0
    for allowance in (limits.requests, limits.tokens) if limits else ():
        if allowance is not None:
            assert allowance.reset_s is None or 0 <= allowance.reset_s <= 86_400
            assert allowance.remaining is None or allowance.remaining >= 0
