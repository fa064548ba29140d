"""Commands: the closed sets of what each side may ask of the other."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "DEFINING_COMMANDS",
    "HARMLESS_ASKS",
    "Command",
    "EventKind",
    "NoticeName",
    "ReverseCommand",
]


class Command(StrEnum):
    """Host → worker."""

    HELLO = "hello"
    PING = "ping"
    CONFIGURE = "configure"
    CREATE_MODULE = "create_module"
    CREATE_PROGRAM = "create_program"
    FORWARD = "forward"
    EXECUTE = "execute"
    OPTIMIZE = "optimize"
    EVALUATE = "evaluate"
    SCORE = "score"
    DUMP_STATE = "dump_state"
    LOAD_STATE = "load_state"
    DELETE = "delete"
    LIST = "list"
    STATS = "stats"
    INSPECT_HISTORY = "inspect_history"
    INTERPRETER_OPEN = "interpreter.open"
    INTERPRETER_EXECUTE = "interpreter.execute"
    INTERPRETER_CLOSE = "interpreter.close"
    SHUTDOWN = "shutdown"


class ReverseCommand(StrEnum):
    """Worker → host; full mode only. `args["call"]` is the id of the host's request it belongs to."""

    LM_COMPLETE = "lm.complete"
    LM_STREAM = "lm.stream"
    LM_EMBED = "lm.embed"
    LM_CAPABILITIES = "lm.capabilities"
    TOOL_CALL = "tool.call"
    METRIC_CALL = "metric.call"
    INTERPRETER_OPEN = "interpreter.open"
    INTERPRETER_EXECUTE = "interpreter.execute"
    INTERPRETER_ANSWER = "interpreter.answer"
    INTERPRETER_CLOSE = "interpreter.close"
    INTERPRETER_TOOL = "interpreter.tool"


class EventKind(StrEnum):
    """Events of a running request."""

    ITEM = "item"  # a streamed value: back-pressured, never merged
    PROGRESS = "progress"  # where it stands: the oldest waiting one is merged away
    FILE = "file"  # a piece of a file that a program has left: back-pressured, never merged
    TRACE = "trace"  # steps inside the request, where it asked for them: back-pressured, never merged
    STARTED = "started"  # the request left the worker's queue


class NoticeName(StrEnum):
    """Messages that belong to no request."""

    READY = "ready"
    HEARTBEAT = "heartbeat"
    LOG = "log"
    PROTOCOL_ERROR = "protocol_error"


DEFINING_COMMANDS = frozenset(
    {Command.CONFIGURE, Command.CREATE_MODULE, Command.CREATE_PROGRAM, Command.LOAD_STATE, Command.DELETE}
)
"""What a worker must have been told before it can serve: replayed, in order, to one that starts anew."""

HARMLESS_ASKS = frozenset({ReverseCommand.METRIC_CALL, ReverseCommand.LM_CAPABILITIES})
"""What a worker may ask for without its request having had side effects: to ask again neither pays nor acts."""
