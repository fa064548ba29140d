"""Serves in a process of its own, until standard input ends: `python -m provider_server --delay 0.2`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from provider_server.asked import Asked
from provider_server.mischief import Manners
from provider_server.server import ProviderServer


async def _serve(server: ProviderServer) -> None:
    async with server.serving():
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="provider_server")
    parser.add_argument("--port", type=int, default=0, help="to listen on (a free one)")
    parser.add_argument("--key", default="sk-test", help="the only one that is accepted (sk-test)")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before an answer (0)")
    parser.add_argument(
        "--between", type=float, default=0.0, help="seconds between two events of a stream (0)"
    )
    given = parser.parse_args()

    def manners(_number: int, _asked: Asked) -> Manners:
        return Manners(delay_s=given.delay, between_s=given.between)

    asyncio.run(_serve(ProviderServer(key=given.key, etiquette=manners, port=given.port)))


_main()
