"""Significance: how likely two programs' scores would differ so much, or more, by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, cast, get_args

from dspash.errors import ConfigurationError

__all__ = ["SIGNIFICANCE_TESTS", "Significance", "SignificanceTest", "significance_of"]

SignificanceTest = Literal["auto", "mcnemar", "permutation"]
SIGNIFICANCE_TESTS: Final[tuple[str, ...]] = get_args(SignificanceTest)

RESAMPLES: Final = 9_999
"""Of the permutation test, where there are more permutations than these: scipy's default. Fewer are all gone through."""

DRAWN_MOST: Final = 2**20
"""Numbers drawn at a time, for memory."""


@dataclass(frozen=True, slots=True)
class Significance:
    """`p_value`: the probability of a difference of this size or larger, in either direction, between equals."""

    p_value: float
    test: str

    def to_map(self) -> dict[str, Any]:
        """As data: JSON values only."""
        return asdict(self)


def significance_of(
    before: Sequence[float], after: Sequence[float], test: SignificanceTest = "auto", *, seed: int = 0
) -> Significance:
    """Test whether two programs' scores of the same examples, in the same order, differ by more than chance.

    `mcnemar`, exact, asks of examples that only one of them has right (a score of 1 and more); `permutation` exchanges
    the two scores of examples at random, and so heeds how much they differ. `auto` takes the first where every score is
    0 or 1. Scores without a difference have a p-value of 1.

    Raises ConfigurationError for another test, and where scipy is not installed.
    """
    if test not in SIGNIFICANCE_TESTS:
        raise ConfigurationError(
            "test", f"{str(test)!r:.60} is no test", f"name one of {', '.join(SIGNIFICANCE_TESTS)}"
        )
    differences = [late - early for early, late in zip(before, after, strict=True)]
    if test == "auto":
        test = "mcnemar" if {*before, *after} <= {0.0, 1.0} else "permutation"
    stats = _scipy_stats()
    if test == "mcnemar":
        flips = [(late >= 1) - (early >= 1) for early, late in zip(before, after, strict=True)]
        gained, lost = flips.count(1), flips.count(-1)
        if not gained + lost:
            return Significance(1.0, "mcnemar")
        return Significance(float(stats.binomtest(gained, gained + lost, 0.5).pvalue), "mcnemar")
    if not any(differences):
        return Significance(1.0, "permutation")
    import numpy as np  # scipy's own

    numpy = cast("Any", np)
    changed = numpy.array(
        [difference for difference in differences if difference]
    )  # the others change nothing
    found = stats.permutation_test(
        (changed,),
        numpy.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, DRAWN_MOST // len(changed)),
        rng=numpy.random.default_rng(seed),
    )
    return Significance(float(found.pvalue), "permutation")


def _scipy_stats() -> Any:
    try:
        from scipy import stats
    except ImportError:
        raise ConfigurationError(
            "test",
            "tests of significance are scipy's, which is not installed",
            "install it: pip install 'dspash[statistics]'",
        ) from None
    return cast("Any", stats)
