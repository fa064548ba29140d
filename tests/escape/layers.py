"""Layers: which attempts get out when one layer is missing. `python -m tests.escape.layers` prints the table.

The host's budgets have no part in this, so what only they stop is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dspash.sandbox import Tier, ZygoteSpec
from dspash_protocol.confinement_plan import Layer
from tests.escape.attempt import Attempt, Control
from tests.escape.cells import Cells
from tests.escape.corpus.catalogue import ATTEMPTS
from tests.escape.outcome import escaped
from tests.escape.planted import Garden

__all__ = ["OF_THE_HOST", "UNIQUE", "Gap", "attempts_of_the_kernel", "find_escapes", "without"]

OF_THE_HOST: Final = frozenset(
    """
    waiting waiting_without_listening memory_that_is_shared flood_on_stdout flood_on_stderr large_answer large_error
    large_traceback terminal_codes_in_an_error terminal_codes_in_the_name_of_an_error terminal_codes_on_stderr
    text_that_runs_backwards forged_line_of_the_log
    """.split()
)
"""What the host stops: time, what is said and printed, how it is shown, and memory that no limit of the kernel counts."""

UNIQUE: Final[Mapping[Layer, frozenset[str]]] = {
    Layer.NAMESPACES: frozenset({"numbers_of_threads"}),
    Layer.MOUNTS: frozenset({"code_in_a_file_of_its_own", "files_by_the_thousand"}),
    Layer.RLIMITS: frozenset({"memory", "files_without_end", "threads_without_end", "large_file"}),
    Layer.LANDLOCK: frozenset({"list_of_the_root"}),
    Layer.CAPABILITIES: frozenset({"override_of_modes"}),
    Layer.NONDUMPABLE: frozenset({"core_on_a_crash"}),
    Layer.SECCOMP: frozenset(
        {"fork", "multiprocessing", "locks_of_whole_files", "sleep_on_a_shared_page", "filter_of_its_own"}
    ),
}
"""Some of what each layer alone stops. What only mounts stop gets out without namespaces, too: see `without`."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What got out without a layer; `layer` is None where none was missing."""

    layer: Layer | None
    escapes: dict[str, str]


def without(layer: Layer | None) -> frozenset[Layer]:
    """All layers but one; mounts of its own are had in namespaces of its own only, so they go with these."""
    gone = {Layer.NAMESPACES, Layer.MOUNTS} if layer is Layer.NAMESPACES else {layer}
    return frozenset(Layer) - gone


def attempts_of_the_kernel() -> tuple[Attempt, ...]:
    """Those that the kernel alone has to stop."""
    return tuple(
        attempt
        for attempt in ATTEMPTS
        if attempt.control is Control.PROCESS and attempt.name not in OF_THE_HOST
    )


def find_escapes(
    cells: Cells,
    garden: Garden,
    attempts: Iterable[Attempt],
    layer: Layer | None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Gap:
    """Run the attempts without that layer."""
    escapes: dict[str, str] = {}
    for attempt in attempts:
        on_step(attempt.name)
        planted, number = garden.targets(), garden.number()
        plan = replace(cells.plan(attempt.limits), layers=without(layer))
        outcome = cells.run(attempt, planted, number, plan)
        if evidence := escaped(attempt, outcome, garden.traces(planted, number)):
            escapes[attempt.name] = evidence
    return Gap(layer, escapes)


def main() -> int:
    """Print what each layer stops, and what it alone stops."""
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT)
    attempts = attempts_of_the_kernel()
    with Garden() as garden, Cells(spec) as cells:
        for layer in (None, *Layer):
            gap = find_escapes(cells, garden, attempts, layer)
            missing = f"without {layer}" if layer else "with every layer"
            print(f"{len(gap.escapes):>4} of {len(attempts)} get out {missing}")  # noqa: T201
            for name in gap.escapes:
                print(f"       {name}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
