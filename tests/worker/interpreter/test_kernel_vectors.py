"""The interpreter worker says, word for word, what the protocol's vectors say it does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dspash_protocol import Codec, decode

VECTORS = Path(__file__).resolve().parents[3] / "protocol" / "vectors" / "sessions.json"
ENTRY = [sys.executable, "-P", "-m", "dspash_worker.interpreter"]
GREETED = 2  # steps of the greeting, which differs with the worker's version and process


def test_interpreter_plays_its_part_of_the_dialogue(start_shell: Any) -> None:
    dialogues = {dialogue["name"]: dialogue for dialogue in json.loads(VECTORS.read_text())["dialogues"]}
    steps = dialogues["an interpreter"]["steps"]
    host = start_shell(entry=ENTRY, link="socketpair", codec=Codec.JSON)
    host.greet()
    for step in steps[GREETED + 1 : -1]:
        message = decode(bytes.fromhex(step["stream"])[4:])
        if step["by"] == "host":
            host.write(bytes.fromhex(step["stream"]))
        else:
            said = next_map(host)
            if "python" in (said.get("result") or {}):
                said["result"]["python"] = message["result"]["python"]
            assert said == message
    host.close()
    assert host.exit_code() == 0


def next_map(host: Any) -> dict[str, Any]:
    """The next frame, read past the session, which has not sent what it answers."""
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        piece = host.read_raw()
        assert piece, host.stderr
        data += piece
    return decode(data[4:])
