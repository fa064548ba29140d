"""Refusal dialogues: what one side may not send, and what the other makes of it."""

from __future__ import annotations

from dialogue import GREETING, Dialogue, End, Refused, Said
from noted_messages import error, notice, request, result

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "bad payloads in good frames",
        "Whole frames with bad content cost one request at most.",
        (
            *GREETING,
            Refused("host", b'{"id":2,"command":"ping","args":{"x":NaN}}', "invalid_request", "full", owed=2),
            Refused("host", b"\x82\xa2id\x03\xa7command\x01", "invalid_request", "full", owed=3),
            Refused("host", b"Hello", "invalid_request", "full"),
            Refused("host", b"", "invalid_request", "full"),
            Refused("host", b'{"id":4,"id":4}', "invalid_request", "full"),
            Said(
                "worker",
                b'{"notice":"protocol_error","data":{"kind":"invalid_request","message":"$: it is empty"}}',
                notice("protocol_error", {"kind": "invalid_request", "message": "$: it is empty"}),
                "full",
            ),
            Said("host", b'{"id":5,"command":"ping","args":{}}', request(5, "ping", {}), "full"),
            Said("worker", b'{"id":5,"result":{}}', result(5, {}), "full"),
        ),
    ),
    Dialogue(
        "over the limit",
        "A frame over the limit is skipped. Its id is found where it is the first key, or in JSON among the last ones.",
        (
            *GREETING,
            Refused(
                "host",
                b'{"id":2,"command":"ping","args":{"payload":"' + b"x" * 4096 + b'"}}',
                "too_large",
                "full",
                owed=2,
            ),
            Refused(
                "host",
                b'{"args":{"id":9,"x":"' + b"x" * 4096 + b'"},"command":"ping","id":3}',
                "too_large",
                "full",
                owed=3,
            ),
            Refused(
                "host",
                b"\x83\xa2id\x04\xa7command\xa4ping\xa4args\x81\xa1x\xda\x10\x00" + b"x" * 4096,
                "too_large",
                "full",
                owed=4,
            ),
            Refused(
                "host",
                b"\x82\xa4args\x82\xa2id\x09\xa1x\xda\x10\x00" + b"x" * 4096 + b"\xa2id\x05",
                "too_large",
                "full",
            ),
            Refused("worker", b'{"id":6,"result":"' + b"x" * 4096 + b'"}', "too_large", "full", ended=6),
        ),
    ),
    Dialogue(
        "ids on the wrong side",
        "Each side asks with ids of its own sign, and answers ids of the other's.",
        (
            *GREETING,
            Refused("host", b'{"id":-1,"command":"ping","args":{}}', "invalid_request", "full"),
            Refused("host", b'{"id":0,"command":"ping","args":{}}', "invalid_request", "full"),
            Refused("host", b'{"id":2,"result":1}', "invalid_request", "full"),
            Refused("host", b'{"id":2,"event":{"kind":"item","seq":0}}', "invalid_request", "full"),
            Refused("host", b'{"cancel":-1}', "invalid_request", "full"),
            Refused("worker", b'{"id":2,"command":"lm.complete","args":{}}', "invalid_request", "full"),
            Refused("worker", b'{"id":-2,"result":1}', "invalid_request", "full"),
            Refused("worker", b'{"cancel":2}', "invalid_request", "full"),
        ),
    ),
    Dialogue(
        "an id that is still open",
        "It is not answered twice: the request that has the id keeps it.",
        (
            Said("host", b'{"id":1,"command":"list"}', request(1, "list", {}), "plain"),
            Refused("host", b'{"id":1,"command":"stats"}', "invalid_request", "plain"),
            Said("worker", b'{"id":1,"result":[]}', result(1, []), "plain"),
        ),
    ),
    Dialogue(
        "answers nobody waits for",
        "They are messages like others; whoever keeps the requests counts and drops them.",
        (
            *GREETING,
            Refused("worker", b'{"id":0,"result":1}', "invalid_request", "full"),
            Refused("worker", b'{"id":2,"error":5}', "invalid_request", "full", ended=2),
            Refused(
                "worker", b'{"id":-1,"command":"tool.call","args":[]}', "invalid_request", "full", owed=-1
            ),
            Said(
                "host",
                b'{"id":-1,"error":{"kind":"invalid_request","message":"args","type":"","retryable":false,"progress":"sent","details":{}}}',
                error(-1, "invalid_request", "args"),
                "full",
            ),
        ),
    ),
    Dialogue(
        "a host that dies inside a frame",
        "What it was about to ask was never asked.",
        (
            *GREETING,
            End("host", b'\x00\x00\x00\x20{"id":2,"comm', "inside_frame"),
        ),
    ),
    Dialogue(
        "text in the stream",
        "A worker's library prints to the pipe: the stream is of no more use.",
        (
            *GREETING,
            End("worker", b"Hello from a banner\n", "broken"),
        ),
    ),
)
