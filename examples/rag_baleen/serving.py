"""Step 7, production: a web server that answers with the live version of the program."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dspash

__all__ = ["answer_server"]


def answer_server(program: dspash.Program, port: int = 0) -> ThreadingHTTPServer:
    """A server for `POST /answer` with `{"question": …}`; whoever has it calls `serve_forever` and closes it.

    Its threads share one app: calls beyond what the workers take at a time wait their turn.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path != "/answer":
                self._reply(404, {"error": "POST /answer"})
                return
            try:
                asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                self._reply(200, dict(program(question=asked["question"])))
            except (ValueError, TypeError, KeyError):
                self._reply(400, {"error": 'send {"question": "…"}'})
            except dspash.InvalidInputError as error:
                self._reply(400, {"error": str(error)})
            except dspash.DspashError as error:
                self._reply(500, {"error": str(error)})

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: traces tell more."""

        def _reply(self, status: int, body: dict[str, Any]) -> None:
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
