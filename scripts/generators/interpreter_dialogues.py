"""Interpreter dialogues: code that calls a tool, submits and fails, as an interpreter worker answers it."""

from __future__ import annotations

from dialogue import GREETING, Dialogue, End, Said
from noted_messages import notice, request, result

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "an interpreter",
        "Names last, a tool of the host's is called, SUBMIT ends an execution, and what fails leaves the rest as it was.",
        (
            *GREETING,
            Said(
                "worker",
                b'{"notice":"ready","data":{"pid":4242}}',
                notice("ready", {"pid": 4242}),
                "full",
            ),
            Said(
                "host", b'{"id":2,"command":"interpreter.open"}', request(2, "interpreter.open", {}), "full"
            ),
            Said("worker", b'{"id":2,"result":{"python":"3.12.3"}}', result(2, {"python": "3.12.3"}), "full"),
            Said(
                "host",
                b'{"id":3,"command":"interpreter.execute","args":{"code":"n = look(\'a\', limit=2) + extra\\nn","variables":"{\\"extra\\": 1}","tools":["look"]}}',
                request(
                    3,
                    "interpreter.execute",
                    {
                        "code": "n = look('a', limit=2) + extra\nn",
                        "variables": '{"extra": 1}',
                        "tools": ["look"],
                    },
                ),
                "full",
            ),
            Said(
                "worker",
                b'{"id":-1,"command":"interpreter.tool","args":{"call":3,"name":"look","arguments":"[[\\"a\\"], {\\"limit\\": 2}]","alone":true}}',
                request(
                    -1,
                    "interpreter.tool",
                    {"call": 3, "name": "look", "arguments": '[["a"], {"limit": 2}]', "alone": True},
                ),
                "full",
            ),
            Said("host", b'{"id":-1,"result":"41"}', result(-1, "41"), "full"),
            Said(
                "worker",
                b'{"id":3,"result":{"kind":"value","value":"42","output":"","error":""}}',
                result(3, {"kind": "value", "value": "42", "output": "", "error": ""}),
                "full",
            ),
            Said(
                "host",
                b'{"id":4,"command":"interpreter.execute","args":{"code":"print(n)\\nSUBMIT(n, text)","texts":{"text":"t"},"output_fields":["count","why"]}}',
                request(
                    4,
                    "interpreter.execute",
                    {
                        "code": "print(n)\nSUBMIT(n, text)",
                        "texts": {"text": "t"},
                        "output_fields": ["count", "why"],
                    },
                ),
                "full",
            ),
            Said(
                "worker",
                b'{"id":4,"result":{"kind":"final","value":"{\\"count\\": 42, \\"why\\": \\"t\\"}","output":"42","error":""}}',
                result(
                    4, {"kind": "final", "value": '{"count": 42, "why": "t"}', "output": "42", "error": ""}
                ),
                "full",
            ),
            Said(
                "host",
                b'{"id":5,"command":"interpreter.execute","args":{"code":"n = 0\\n1 / n"}}',
                request(5, "interpreter.execute", {"code": "n = 0\n1 / n"}),
                "full",
            ),
            Said(
                "worker",
                b'{"id":5,"result":{"kind":"error","value":"null","output":"","error":"ZeroDivisionError: division by zero (line 2)"}}',
                result(
                    5,
                    {
                        "kind": "error",
                        "value": "null",
                        "output": "",
                        "error": "ZeroDivisionError: division by zero (line 2)",
                    },
                ),
                "full",
            ),
            End("host", b"", "between_frames"),
        ),
    ),
)
