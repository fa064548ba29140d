"""`python -P -m dspash_worker`: speaks the protocol on descriptors 0 and 1 until they close."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from dspash_worker.stdio import claim


def main() -> NoReturn:
    """Claim the pipes, then import the rest: nothing imported from here on can reach them."""
    try:
        pipes = claim()
    except OSError as error:
        sys.stderr.write(f"dspash_worker: descriptors 0 and 1 must be open: {error}\n")
        os._exit(2)  # ExitCode.USAGE, not imported yet

    from dspash_worker.domain import load_dspy
    from dspash_worker.exit import leave
    from dspash_worker.options import read_options
    from dspash_worker.parent import die_with_parent
    from dspash_worker.worker import run

    die_with_parent(os.environ)
    leave(run(pipes, read_options(sys.argv[1:]), load_dspy))


if __name__ == "__main__":
    main()
