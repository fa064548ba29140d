"""`python -P -m dspash_worker.interpreter`: speaks the protocol on descriptors 0 and 1 until they close."""

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
        sys.stderr.write(f"dspash_worker.interpreter: descriptors 0 and 1 must be open: {error}\n")
        os._exit(2)  # ExitCode.USAGE, not imported yet

    from dspash_worker.exit import leave
    from dspash_worker.interpreter.server import serve
    from dspash_worker.parent import die_with_parent

    die_with_parent(os.environ)
    leave(serve(pipes))


if __name__ == "__main__":
    main()
