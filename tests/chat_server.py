"""A chat-completions server on this machine: OpenAI's wire outside, the offline model inside.

It stands for the provider that a worker in a plain session calls by itself: real HTTP, real JSON, a key that is
checked, and errors in OpenAI's own form. Its answers are the offline model's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast

from dspy import lm15
from dspy._vendor.lm15.serde import request_to_dict

from dspash.gateway.errors import GatewayError
from dspash.gateway.offline import OfflineModel

__all__ = ["ChatServer", "RefusedError"]

SILENCE_S: Final = 5.0
"""How long a client may take to say what it wants: one that says nothing must not keep the server from closing."""

_PATH: Final = "/v1/chat/completions"
_FINISH_REASONS: Final = {"tool_call": "tool_calls"}


class RefusedError(Exception):
    """A request that is not served, with the status and the code that OpenAI gives it."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def to_map(self) -> dict[str, Any]:
        """Return OpenAI's error envelope."""
        told = {"message": str(self), "type": "invalid_request_error", "param": None, "code": self.code}
        return {"error": told}


class ChatServer(ThreadingHTTPServer):
    """Serves on a free port of 127.0.0.1. `asked` holds the body of every request that was served, in order.

    One request a connection (HTTP/1.0), so that no client can hold it open.
    """

    daemon_threads = False  # closing waits for them: none outlives the test that started it

    def __init__(self, *, api_key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api_key = api_key
        self.asked: list[dict[str, Any]] = []
        self._model = OfflineModel()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server_address[1]

    @property
    def api_base(self) -> str:
        """What clients are configured with."""
        return f"http://127.0.0.1:{self.port}/v1"

    @classmethod
    @contextmanager
    def running(cls, *, api_key: str) -> Generator[ChatServer]:
        """Serve while the body runs."""
        with cls(api_key=api_key) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join()

    def answer(self, path: str, authorization: str | None, body: bytes) -> dict[str, Any]:
        """Return the completion that `body` asks for. Raises RefusedError."""
        if path != _PATH:
            raise RefusedError(HTTPStatus.NOT_FOUND, "unknown_url", f"Unknown request URL: POST {path}")
        scheme, _, key = (authorization or "").partition(" ")
        if scheme != "Bearer" or key != self.api_key:
            # Like OpenAI's own, the message repeats the key.
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "invalid_api_key", f"Incorrect API key provided: {key}."
            )
        try:
            asked: dict[str, Any] = json.loads(body)
            request = request_to_dict(lm15.request_from_openai_chat(asked))
            response = self._model.complete(request, meta={}, deadline=None)
        except (ValueError, TypeError, lm15.LM15Error, GatewayError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid_request", str(error)) from error
        self.asked.append(asked)
        return _completion_of(response)


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE_S

    def do_POST(self) -> None:
        server = cast("ChatServer", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = HTTPStatus.OK
        try:
            answer = server.answer(self.path, self.headers.get("Authorization"), body)
        except RefusedError as refusal:
            status, answer = refusal.status, refusal.to_map()
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what was asked is in `asked`."""


def _completion_of(response: dict[str, Any]) -> dict[str, Any]:
    """The body of a chat completion, for an lm15 Response as a dict."""
    parts = response["message"]["parts"]
    calls = [
        {
            "id": part["id"],
            "type": "function",
            "function": {"name": part["name"], "arguments": json.dumps(part["input"])},
        }
        for part in parts
        if part["type"] == "tool_call"
    ]
    text = "".join(part["text"] for part in parts if part["type"] == "text")
    message = {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}
    reason = response["finish_reason"]
    usage = response["usage"]
    return {
        "id": f"chatcmpl-{response['id']}",
        "object": "chat.completion",
        "created": 0,
        "model": response["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": _FINISH_REASONS.get(reason, reason)}],
        "usage": {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }
