"""A worker whose domain is made of scenes: `python -P shell_worker.py [options of dspash_worker]`."""

from __future__ import annotations

import sys
from typing import NoReturn

from dspash_worker.stdio import claim


def main() -> NoReturn:
    pipes = claim()

    from shell_domain import load

    from dspash_worker.exit import leave
    from dspash_worker.options import read_options
    from dspash_worker.worker import run

    leave(run(pipes, read_options(sys.argv[1:]), load))


if __name__ == "__main__":
    main()
