"""Fault cases: error replies, and the faults they carry; also what a reader makes of faults it does not know."""

from __future__ import annotations

from cases import Good
from noted_messages import fault

__all__ = ["FAULTS"]


FAULTS = (
    Good(
        "all that a fault can say",
        b'{"id":7,"error":{"kind":"program_error","message":"the program raised KeyError: \'x\'","type":"KeyError",'
        b'"retryable":false,"progress":"side_effects","details":{"program":"qa"},"traceback":"line 3, in forward"}}',
        fault(
            "program_error",
            "the program raised KeyError: 'x'",
            type="KeyError",
            progress="side_effects",
            details={"program": "qa"},
            traceback="line 3, in forward",
        ),
    ),
    Good(
        "a fault in msgpack",
        b"\x82\xa2id\x07\xa5error\x86\xa4kind\xabunavailable\xa7message\xa7is full\xa4type\xa0\xa9retryable\xc3"
        b"\xa8progress\xa4sent\xa7details\x80",
        fault("unavailable", "is full", retryable=True, progress="sent"),
    ),
    Good("the least of a fault", b'{"id":7,"error":{"kind":"timeout"}}', fault("timeout", "")),
    Good("a fault that says nothing", b'{"id":7,"error":{}}', fault("internal", "")),
    Good(
        "a line of text, as the plain level has it",
        b'{"id":7,"error":"not_found: no module qa"}',
        fault("internal", "not_found: no module qa"),
    ),
    Good(
        "a kind nobody knows is internal",
        b'{"id":7,"error":{"kind":"weather","message":"rain"}}',
        fault("internal", "rain"),
    ),
    Good(
        "a kind of the wrong type is internal",
        b'{"id":7,"error":{"kind":["timeout"],"message":"late"}}',
        fault("internal", "late"),
    ),
    Good(
        "how far is not known: the worst is assumed",
        b'{"id":7,"error":{"kind":"timeout","message":"late","progress":"halfway"}}',
        fault("timeout", "late"),
    ),
    Good(
        "it was only sent",
        b'{"id":7,"error":{"kind":"timeout","message":"late","progress":"sent"}}',
        fault("timeout", "late", progress="sent"),
    ),
    Good(
        "only true is retryable",
        b'{"id":7,"error":{"kind":"timeout","message":"late","retryable":1}}',
        fault("timeout", "late"),
    ),
    Good(
        "what has the wrong type is left out",
        b'{"id":7,"error":{"kind":"timeout","message":5,"type":null,"details":[],"traceback":{}}}',
        fault("timeout", ""),
    ),
    Good(
        "keys nobody knows are ignored",
        b'{"id":7,"error":{"kind":"timeout","message":"late","colour":"red"}}',
        fault("timeout", "late"),
    ),
)
