"""What runs untrusted programs when nobody has thought about it: a process that holds the host's keys and executes them.

Started as `python -I control_host.py FD ARGUMENT`: FD is a socket to the harness, over which a request comes as one line
of JSON (`text`, `entry`, `planted`, `witness`, `secret`) and the outcome goes back behind a line of its own.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

END_OF_NOISE = b"\n-- outcome --\n"


class Gateway:
    """What a host keeps its key in."""

    key = ""

    def __init__(self, key: str) -> None:
        self.headers = {"authorization": key}
        Gateway.key = key


def client_of(key: str) -> Callable[[], str]:
    """Keep the key where only a function has it."""
    return lambda: key


def run(text: str, entry: str, planted: Any) -> dict[str, Any]:
    """Execute a program and take its answer, trusting both."""
    namespace: dict[str, Any] = {"__name__": "program"}
    try:
        exec(compile(text, "<program>", "exec"), namespace)
        answer = namespace[entry](planted)
        return {"answer": pickle.loads(pickle.dumps(answer))}
    except BaseException as error:  # noqa: BLE001 - whatever a program ends with is its outcome
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Serve one request."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    with channel.makefile() as lines:
        request = json.loads(lines.readline())
    secret = request.pop("secret")
    gateway, client, api_key = Gateway(secret), client_of(secret), secret
    globals()["API_KEY"] = secret
    outcome = run(request["text"], request["entry"], request["planted"])
    outcome["beside"] = str(run(request["witness"], "attempt", {}).get("answer"))
    # A program may have put anything in place of the library; the host's own words are made beforehand.
    del gateway, client, api_key
    channel.sendall(END_OF_NOISE + encode(outcome))
    sys.stderr.flush()
    os._exit(0)


encode: Callable[[Any], bytes] = lambda value, dumps=json.dumps: dumps(value, default=str).encode()  # noqa: E731

if __name__ == "__main__":
    main()
