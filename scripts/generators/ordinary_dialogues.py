"""Ordinary dialogues: calls, events, reverse requests, streams and cancels."""

from __future__ import annotations

from dialogue import GREETING, Dialogue, End, Said
from noted_messages import cancel, error, event, line, notice, request, result

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "plain",
        "What a host gets without asking: one reply to each request, errors as lines of text, nothing else.",
        (
            Said(
                "host",
                b'{"id":1,"command":"create_module","args":{"id":"qa","type":"predict","signature":"question -> answer"}}',
                request(
                    1, "create_module", {"id": "qa", "type": "predict", "signature": "question -> answer"}
                ),
                "plain",
            ),
            Said(
                "worker",
                b'{"id":1,"result":{"id":"qa","type":"predict"}}',
                result(1, {"id": "qa", "type": "predict"}),
                "plain",
            ),
            Said(
                "host",
                b'{"args":{"inputs":{"question":"Who designed it?"},"module_id":"qb"},"command":"forward","id":2}',
                request(2, "forward", {"inputs": {"question": "Who designed it?"}, "module_id": "qb"}),
                "plain",
            ),
            Said(
                "worker",
                b'{"id":2,"error":"not_found: there is no module qb"}',
                line(2, "not_found", "there is no module qb"),
                "plain",
            ),
            End("host", b"", "between_frames"),
        ),
    ),
    Dialogue(
        "pipelined",
        "Requests need not wait for each other, and replies come in any order.",
        (
            Said("host", b'{"id":1,"command":"list"}', request(1, "list", {}), "plain"),
            Said("host", b'{"id":2,"command":"stats"}', request(2, "stats", {}), "plain"),
            Said("worker", b'{"id":2,"result":{}}', result(2, {}), "plain"),
            Said("worker", b'{"id":1,"result":[]}', result(1, []), "plain"),
        ),
    ),
    Dialogue(
        "full",
        "A call with a reverse request, its events, and an orderly end.",
        (
            *GREETING,
            Said(
                "worker",
                b'{"notice":"ready","data":{"import_ms":900,"pid":4242}}',
                notice("ready", {"import_ms": 900, "pid": 4242}),
                "full",
            ),
            Said(
                "host",
                b'{"id":2,"command":"forward","args":{"module_id":"qa","inputs":{"question":"Who?"}},"timeout_ms":30000}',
                request(2, "forward", {"module_id": "qa", "inputs": {"question": "Who?"}}, timeout_ms=30000),
                "full",
            ),
            Said(
                "worker",
                b'{"id":-1,"command":"tool.call","args":{"call":2,"name":"search","args":{"query":"tower"}}}',
                request(-1, "tool.call", {"call": 2, "name": "search", "args": {"query": "tower"}}),
                "full",
            ),
            Said(
                "host",
                b'{"id":-1,"result":["built by Gustave Eiffel"]}',
                result(-1, ["built by Gustave Eiffel"]),
                "full",
            ),
            Said(
                "worker",
                b'{"id":2,"result":{"answer":"Gustave Eiffel"}}',
                result(2, {"answer": "Gustave Eiffel"}),
                "full",
            ),
            Said(
                "worker", b'{"notice":"heartbeat","data":{"seq":0}}', notice("heartbeat", {"seq": 0}), "full"
            ),
            Said(
                "host",
                b'{"id":3,"command":"shutdown","args":{"grace_s":5}}',
                request(3, "shutdown", {"grace_s": 5}),
                "draining",
            ),
            Said("worker", b'{"id":3,"result":{}}', result(3, {}), "draining"),
            End("worker", b"", "between_frames"),
        ),
    ),
    Dialogue(
        "full in msgpack",
        "The same greeting and a ping in msgpack.",
        (
            Said(
                "host",
                b"\x83\xa2id\x01\xa7command\xa5hello\xa4args\x81\xa8protocol\x01",
                request(1, "hello", {"protocol": 1}),
                "greeted",
            ),
            Said(
                "worker", b"\x82\xa2id\x01\xa6result\x81\xa8protocol\x01", result(1, {"protocol": 1}), "full"
            ),
            Said(
                "host",
                b"\x83\xa2id\x02\xa7command\xa4ping\xa4args\x81\xa7payload\xc4\x02\x00\xff",
                request(2, "ping", {"payload": b"\x00\xff"}),
                "full",
            ),
            Said(
                "worker",
                b"\x82\xa2id\x02\xa6result\x81\xa7payload\xc4\x02\x00\xff",
                result(2, {"payload": b"\x00\xff"}),
                "full",
            ),
        ),
    ),
    Dialogue(
        "each in its codec",
        "A reply is written as its request was; an event as the request it is about.",
        (
            *GREETING,
            Said("host", b"\x83\xa2id\x02\xa7command\xa4list\xa4args\x80", request(2, "list", {}), "full"),
            Said("host", b'{"id":3,"command":"stats","args":{}}', request(3, "stats", {}), "full"),
            Said(
                "worker",
                b"\x82\xa2id\x02\xa5event\x83\xa4kind\xa7started\xa3seq\x00\xa4data\xc0",
                event(2, "started", 0, None),
                "full",
            ),
            Said("worker", b'{"id":3,"result":{}}', result(3, {}), "full"),
            Said("worker", b"\x82\xa2id\x02\xa6result\x90", result(2, []), "full"),
        ),
    ),
    Dialogue(
        "what models of the host's can do",
        "The host says what a model understands, and makes vectors of texts.",
        (
            *GREETING,
            Said(
                "host",
                b'{"id":2,"command":"execute","args":{"program_id":"near","inputs":{"text":"a tower"}}}',
                request(2, "execute", {"program_id": "near", "inputs": {"text": "a tower"}}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":-1,"command":"lm.capabilities","args":{"call":2,"model":"openai/m"}}',
                request(-1, "lm.capabilities", {"call": 2, "model": "openai/m"}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":-2,"command":"lm.embed","args":{"call":2,"model":"e","inputs":["a tower"],"options":{"dimensions":2}}}',
                request(
                    -2,
                    "lm.embed",
                    {"call": 2, "model": "e", "inputs": ["a tower"], "options": {"dimensions": 2}},
                ),
                "full",
            ),
            Said(
                "host",
                b'{"id":-2,"result":{"vectors":[[0.5,-0.25]]}}',
                result(-2, {"vectors": [[0.5, -0.25]]}),
                "full",
            ),
            Said(
                "host",
                b'{"id":-1,"result":{"supports_function_calling":true,"supported_params":["tools"]}}',
                result(-1, {"supports_function_calling": True, "supported_params": ["tools"]}),
                "full",
            ),
            Said("worker", b'{"id":2,"result":{"place":"Paris"}}', result(2, {"place": "Paris"}), "full"),
        ),
    ),
    Dialogue(
        "a stream of the host's",
        "The host answers lm.stream with item events about the worker's request, then with its result.",
        (
            *GREETING,
            Said(
                "host",
                b'{"id":2,"command":"forward","args":{"module_id":"qa","inputs":{"question":"Who?"},"stream":true}}',
                request(2, "forward", {"module_id": "qa", "inputs": {"question": "Who?"}, "stream": True}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":-1,"command":"lm.stream","args":{"call":2,"request":{"model":"default","messages":[{"role":"user",'
                b'"parts":[{"type":"text","text":"Who?"}]}]},"meta":{"model":"default"}}}',
                request(
                    -1,
                    "lm.stream",
                    {
                        "call": 2,
                        "request": {
                            "model": "default",
                            "messages": [{"role": "user", "parts": [{"type": "text", "text": "Who?"}]}],
                        },
                        "meta": {"model": "default"},
                    },
                ),
                "full",
            ),
            Said(
                "host",
                b'{"id":-1,"event":{"kind":"item","seq":0,"data":{"type":"start","model":"m"}}}',
                event(-1, "item", 0, {"type": "start", "model": "m"}),
                "full",
            ),
            Said(
                "host",
                b'{"id":-1,"event":{"kind":"item","seq":1,"data":{"type":"delta","delta":{"type":"text","text":"Gustave"}}}}',
                event(-1, "item", 1, {"type": "delta", "delta": {"type": "text", "text": "Gustave"}}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":2,"event":{"kind":"item","seq":0,"data":{"predictor":"self","field":"answer","text":"Gustave"}}}',
                event(2, "item", 0, {"predictor": "self", "field": "answer", "text": "Gustave"}),
                "full",
            ),
            Said(
                "host",
                b'{"id":-1,"event":{"kind":"item","seq":2,"data":{"type":"end","finish_reason":"stop"}}}',
                event(-1, "item", 2, {"type": "end", "finish_reason": "stop"}),
                "full",
            ),
            Said("host", b'{"id":-1,"result":null}', result(-1, None), "full"),
            Said(
                "worker", b'{"id":2,"result":{"answer":"Gustave"}}', result(2, {"answer": "Gustave"}), "full"
            ),
        ),
    ),
    Dialogue(
        "a traced call",
        "The steps inside a call come as trace events before its answer, where it asks for them.",
        (
            *GREETING,
            Said(
                "host",
                b'{"id":2,"command":"execute","args":{"program_id":"qa","inputs":{"question":"Who?"},"trace":true}}',
                request(2, "execute", {"program_id": "qa", "inputs": {"question": "Who?"}, "trace": True}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":2,"event":{"kind":"trace","seq":0,"data":{"spans":"[{\\"id\\":1,\\"parent\\":0,\\"kind\\":\\"tool\\",'
                b'\\"name\\":\\"search\\",\\"type\\":\\"\\",\\"at_us\\":40,\\"took_us\\":900}]"}}}',
                event(
                    2,
                    "trace",
                    0,
                    {
                        "spans": '[{"id":1,"parent":0,"kind":"tool","name":"search","type":"","at_us":40,"took_us":900}]'
                    },
                ),
                "full",
            ),
            Said(
                "worker", b'{"id":2,"result":{"answer":"Gustave"}}', result(2, {"answer": "Gustave"}), "full"
            ),
        ),
    ),
    Dialogue(
        "cancelled both ways",
        "A cancel is answered by the outcome of what it cancels: the fault `cancelled`, or the result that was first.",
        (
            *GREETING,
            Said("host", b'{"id":2,"command":"forward","args":{}}', request(2, "forward", {}), "full"),
            Said("host", b'{"id":3,"command":"forward","args":{}}', request(3, "forward", {}), "full"),
            Said(
                "worker",
                b'{"id":-1,"command":"tool.call","args":{"call":2,"name":"f"}}',
                request(-1, "tool.call", {"call": 2, "name": "f"}),
                "full",
            ),
            Said("host", b'{"cancel":2,"reason":"the user left"}', cancel(2, "the user left"), "full"),
            Said(
                "worker",
                b'{"cancel":-1,"reason":"its call was cancelled"}',
                cancel(-1, "its call was cancelled"),
                "full",
            ),
            Said(
                "worker",
                b'{"id":2,"error":{"kind":"cancelled","message":"the user left","type":"","retryable":false,"progress":"side_effects","details":{}}}',
                error(2, "cancelled", "the user left", progress="side_effects"),
                "full",
            ),
            Said("host", b'{"id":-1,"result":5}', result(-1, 5), "full"),
            Said("host", b'{"cancel":3,"reason":"too late"}', cancel(3, "too late"), "full"),
            Said("worker", b'{"id":3,"result":{}}', result(3, {}), "full"),
            Said("host", b'{"cancel":3,"reason":"far too late"}', cancel(3, "far too late"), "full"),
        ),
    ),
)
