"""Message cases: payloads, and the messages they are."""

from __future__ import annotations

from cases import Bad, Good
from noted_messages import cancel, event, notice, request, result

__all__ = ["BAD", "GOOD"]


GOOD = (
    Good(
        "a request",
        b'{"id":1,"command":"ping","args":{"payload":"hi"}}',
        request(1, "ping", {"payload": "hi"}),
    ),
    Good(
        "a request in msgpack",
        b"\x83\xa2id\x01\xa7command\xa4ping\xa4args\x81\xa7payload\xa2hi",
        request(1, "ping", {"payload": "hi"}),
    ),
    Good("the order of keys does not matter", b'{"args":{},"command":"list","id":2}', request(2, "list")),
    Good("args may be left out", b'{"id":3,"command":"stats"}', request(3, "stats")),
    Good(
        "null means left out",
        b'{"id":3,"command":"stats","args":null,"timeout_ms":null,"traceparent":null}',
        request(3, "stats"),
    ),
    Good("a command nobody knows is still a request", b'{"id":4,"command":"brew"}', request(4, "brew")),
    Good(
        "a request with a time limit",
        b'{"id":5,"command":"forward","args":{},"timeout_ms":30000}',
        request(5, "forward", timeout_ms=30000),
    ),
    Good(
        "no time at all", b'{"id":5,"command":"forward","timeout_ms":0}', request(5, "forward", timeout_ms=0)
    ),
    Good(
        "a request within a trace",
        b'{"id":6,"command":"ping","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}',
        request(6, "ping", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ),
    Good(
        "a reverse request",
        b'{"id":-1,"command":"tool.call","args":{"call":7,"name":"search","args":{"query":"q"}}}',
        request(-1, "tool.call", {"call": 7, "name": "search", "args": {"query": "q"}}),
    ),
    Good(
        "keys nobody knows are ignored",
        b'{"id":7,"command":"ping","args":{},"priority":9}',
        request(7, "ping"),
    ),
    Good(
        "an id as large as every language counts exactly",
        b'{"id":9007199254740991,"command":"ping"}',
        request(9007199254740991, "ping"),
    ),
    Good(
        "a result",
        b'{"id":1,"result":{"answer":"Gustave Eiffel"}}',
        result(1, {"answer": "Gustave Eiffel"}),
    ),
    Good(
        "a result in msgpack",
        b"\x82\xa2id\x01\xa6result\x81\xa6answer\xc4\x01\xff",
        result(1, {"answer": b"\xff"}),
    ),
    Good("null is a result", b'{"id":1,"result":null}', result(1, None)),
    Good(
        "an event",
        b'{"id":8,"event":{"kind":"item","seq":0,"data":"Gus"}}',
        event(8, "item", 0, "Gus"),
    ),
    Good(
        "an event in msgpack",
        b"\x82\xa2id\x08\xa5event\x83\xa4kind\xa4item\xa3seq\x01\xa4data\xa2ta",
        event(8, "item", 1, "ta"),
    ),
    Good(
        "an event without data",
        b'{"id":8,"event":{"kind":"started","seq":1}}',
        event(8, "started", 1, None),
    ),
    Good(
        "an event nobody knows",
        b'{"id":8,"event":{"kind":"mood","seq":2,"data":0.5}}',
        event(8, "mood", 2, 0.5),
    ),
    Good(
        "an item of a reverse request's answer",
        b'{"id":-1,"event":{"kind":"item","seq":0,"data":{"delta":"Gus"}}}',
        event(-1, "item", 0, {"delta": "Gus"}),
    ),
    Good(
        "a cancel",
        b'{"cancel":8,"reason":"the user left"}',
        cancel(8, "the user left"),
    ),
    Good(
        "a cancel in msgpack",
        b"\x82\xa6cancel\xff\xa6reason\xa7timeout",
        cancel(-1, "timeout"),
    ),
    Good("a cancel without a reason", b'{"cancel":8}', cancel(8, "")),
    Good(
        "a notice",
        b'{"notice":"heartbeat","data":{"seq":3,"rss":52428800}}',
        notice("heartbeat", {"seq": 3, "rss": 52428800}),
    ),
    Good(
        "a notice in msgpack",
        b"\x82\xa6notice\xa5ready\xa4data\x81\xa9import_ms\xcd\x03\xe8",
        notice("ready", {"import_ms": 1000}),
    ),
    Good("a notice without data", b'{"notice":"ready"}', notice("ready", {})),
)

BAD = (
    Bad("no message at all", b"{}", "$"),
    Bad("an id alone", b'{"id":7}', "$", 7),
    Bad("a request and a result in one", b'{"id":7,"command":"ping","result":1}', "$", 7),
    Bad("a result and an error in one", b'{"id":7,"result":null,"error":"no"}', "$", 7),
    Bad("a result and no error in one", b'{"id":7,"result":1,"error":null}', "$", 7),
    Bad("a request without an id", b'{"command":"ping"}', "$.id"),
    Bad("an id that is null", b'{"id":null,"command":"ping"}', "$.id"),
    Bad("an id that is text", b'{"id":"7","command":"ping"}', "$.id"),
    Bad("an id that is a float", b'{"id":7.0,"command":"ping"}', "$.id"),
    Bad("an id that is true", b'{"id":true,"command":"ping"}', "$.id"),
    Bad("a command that is null", b'{"id":7,"command":null}', "$.command", 7),
    Bad("a command that is a number", b'{"id":7,"command":1}', "$.command", 7),
    Bad("args that are a list", b'{"id":7,"command":"ping","args":[]}', "$.args", 7),
    Bad("args that are text, in msgpack", b"\x83\xa2id\x07\xa7command\xa4ping\xa4args\xa0", "$.args", 7),
    Bad("a time limit below zero", b'{"id":7,"command":"ping","timeout_ms":-1}', "$.timeout_ms", 7),
    Bad("a time limit with a fraction", b'{"id":7,"command":"ping","timeout_ms":1.5}', "$.timeout_ms", 7),
    Bad(
        "a time limit past every clock",
        b'{"id":7,"command":"ping","timeout_ms":1099511627777}',
        "$.timeout_ms",
        7,
    ),
    Bad("a trace that is a map", b'{"id":7,"command":"ping","traceparent":{}}', "$.traceparent", 7),
    Bad("a result without an id", b'{"result":1}', "$.id"),
    Bad("an error that is a number", b'{"id":7,"error":404}', "$.error", 7),
    Bad("an error that is null", b'{"id":7,"error":null}', "$.error", 7),
    Bad("an error that is a list", b'{"id":7,"error":["no"]}', "$.error", 7),
    Bad("an event that is text", b'{"id":7,"event":"started"}', "$.event", 7),
    Bad("an event that is null", b'{"id":7,"event":null}', "$.event.kind", 7),
    Bad("an event without a kind", b'{"id":7,"event":{"seq":0}}', "$.event.kind", 7),
    Bad("an event without a number", b'{"id":7,"event":{"kind":"item"}}', "$.event.seq", 7),
    Bad("an event numbered below zero", b'{"id":7,"event":{"kind":"item","seq":-1}}', "$.event.seq", 7),
    Bad("an event without an id", b'{"event":{"kind":"item","seq":0}}', "$.id"),
    Bad("a cancel of text", b'{"cancel":"7"}', "$.cancel"),
    Bad("a cancel of nothing", b'{"cancel":null}', "$.cancel"),
    Bad("a notice that is a number", b'{"notice":1}', "$.notice"),
    Bad("a notice whose data is a list", b'{"notice":"log","data":[]}', "$.data"),
)
