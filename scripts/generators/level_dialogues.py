"""Level dialogues: how a session comes to its level, and how it drains."""

from __future__ import annotations

from dialogue import GREETING, Dialogue, End, Refused, Said
from noted_messages import error, line, request, result

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "on the heels of hello",
        "A host waits for the answer to hello; what it asks before is refused.",
        (
            GREETING[0],
            Refused("host", b'{"id":2,"command":"ping","args":{}}', "invalid_request", "greeted", owed=2),
            GREETING[1],
            Said(
                "worker",
                b'{"id":2,"error":{"kind":"invalid_request","message":"request is not allowed in a greeted session",'
                b'"type":"","retryable":false,"progress":"sent","details":{}}}',
                error(2, "invalid_request", "request is not allowed in a greeted session"),
                "full",
            ),
        ),
    ),
    Dialogue(
        "hello refused",
        "A worker that does not speak this version says so, and serves at the plain level all the same.",
        (
            Said(
                "host",
                b'{"id":1,"command":"hello","args":{"protocol":99}}',
                request(1, "hello", {"protocol": 99}),
                "greeted",
            ),
            Said(
                "worker",
                b'{"id":1,"error":{"kind":"invalid_input","message":"this worker speaks version 1","type":"","retryable":false,"progress":"sent","details":{"supported":[1]}}}',
                error(1, "invalid_input", "this worker speaks version 1", details={"supported": [1]}),
                "new",
            ),
            Said("host", b'{"id":2,"command":"ping","args":{}}', request(2, "ping", {}), "plain"),
            Said("worker", b'{"id":2,"result":{}}', result(2, {}), "plain"),
        ),
    ),
    Dialogue(
        "hello too late",
        "The first request decides the level.",
        (
            Said("host", b'{"id":1,"command":"ping"}', request(1, "ping", {}), "plain"),
            Refused(
                "host",
                b'{"id":2,"command":"hello","args":{"protocol":1}}',
                "invalid_request",
                "plain",
                owed=2,
            ),
            Said(
                "worker",
                b'{"id":2,"error":"invalid_request: hello must be the first request"}',
                line(2, "invalid_request", "hello must be the first request"),
                "plain",
            ),
            Said("worker", b'{"id":1,"result":{}}', result(1, {}), "plain"),
        ),
    ),
    Dialogue(
        "a bad beginning",
        "A first request that cannot be read is answered, and decides nothing.",
        (
            Refused("host", b'{"id":1,"command":"hello","args":5}', "invalid_request", "new", owed=1),
            Said(
                "worker",
                b'{"id":1,"error":"invalid_request: $.args: must be a map, is 5"}',
                line(1, "invalid_request", "$.args: must be a map, is 5"),
                "new",
            ),
            Said(
                "host",
                b'{"id":2,"command":"hello","args":{"protocol":1}}',
                request(2, "hello", {"protocol": 1}),
                "greeted",
            ),
            Said("worker", b'{"id":2,"result":{}}', result(2, {}), "full"),
        ),
    ),
    Dialogue(
        "a bad beginning answered late",
        "A first request that cannot be read may be answered while hello waits for its own answer.",
        (
            Refused("host", b'{"id":1,"command":"ping","args":5}', "invalid_request", "new", owed=1),
            Said(
                "host",
                b'{"id":2,"command":"hello","args":{"protocol":1}}',
                request(2, "hello", {"protocol": 1}),
                "greeted",
            ),
            Said(
                "worker",
                b'{"id":1,"error":{"kind":"invalid_request","message":"$.args: must be a map, is 5","type":"",'
                b'"retryable":false,"progress":"sent","details":{"path":"$.args"}}}',
                error(1, "invalid_request", "$.args: must be a map, is 5", details={"path": "$.args"}),
                "greeted",
            ),
            Said("worker", b'{"id":2,"result":{}}', result(2, {}), "full"),
        ),
    ),
    Dialogue(
        "what the plain level does not have",
        "Neither side may say more than requests and replies.",
        (
            Said("host", b'{"id":1,"command":"list"}', request(1, "list", {}), "plain"),
            Refused("host", b'{"cancel":1}', "invalid_request", "plain"),
            Refused("host", b'{"notice":"log"}', "invalid_request", "plain"),
            Refused("worker", b'{"id":1,"event":{"kind":"started","seq":0}}', "invalid_request", "plain"),
            Refused("worker", b'{"notice":"ready"}', "invalid_request", "plain"),
            Refused("worker", b'{"id":-1,"command":"lm.complete"}', "invalid_request", "plain"),
            Said("worker", b'{"id":1,"result":[]}', result(1, []), "plain"),
        ),
    ),
    Dialogue(
        "draining",
        "After shutdown, what is open ends; what is new is refused, and safe to ask of another worker.",
        (
            *GREETING,
            Said("host", b'{"id":2,"command":"forward","args":{}}', request(2, "forward", {}), "full"),
            Said("host", b'{"id":3,"command":"shutdown","args":{}}', request(3, "shutdown", {}), "draining"),
            Refused("host", b'{"id":4,"command":"ping","args":{}}', "unavailable", "draining", owed=4),
            Said(
                "worker",
                b'{"id":4,"error":{"kind":"unavailable","message":"request after shutdown","type":"","retryable":true,"progress":"sent","details":{}}}',
                error(4, "unavailable", "request after shutdown", retryable=True),
                "draining",
            ),
            Said(
                "worker",
                b'{"id":-1,"command":"lm.complete","args":{"call":2}}',
                request(-1, "lm.complete", {"call": 2}),
                "draining",
            ),
            Said("host", b'{"id":-1,"result":{}}', result(-1, {}), "draining"),
            Said("worker", b'{"id":2,"result":{}}', result(2, {}), "draining"),
            Said("worker", b'{"id":3,"result":{}}', result(3, {}), "draining"),
        ),
    ),
    Dialogue(
        "draining at the plain level",
        "Shutdown may even be the first request.",
        (
            Said("host", b'{"id":1,"command":"shutdown"}', request(1, "shutdown", {}), "plain_draining"),
            Refused("host", b'{"id":2,"command":"ping"}', "unavailable", "plain_draining", owed=2),
            Said(
                "worker",
                b'{"id":2,"error":"unavailable: request after shutdown"}',
                line(2, "unavailable", "request after shutdown"),
                "plain_draining",
            ),
            Said("worker", b'{"id":1,"result":{}}', result(1, {}), "plain_draining"),
            End("worker", b"", "between_frames"),
        ),
    ),
)
