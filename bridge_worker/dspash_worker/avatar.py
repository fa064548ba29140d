"""Avatar: what DSPy's oldest agent needs beside the others, since AvatarOptimizer improves nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dspy.predict.avatar import Avatar
from dspy.predict.avatar.models import Tool as AvatarTool

from dspash_worker.tools import Tool

__all__ = ["Avatar", "avatar_tool"]


@dataclass(frozen=True)
class _Runner:
    """Avatar calls a tool with one query, by the method that LangChain's tools have."""

    tool: Tool

    def run(self, query: Any) -> str:
        names = list(self.tool.args)
        result = self.tool.function(**{names[0]: query}) if names else self.tool.function(query)
        return result if isinstance(result, str) else str(result)


def avatar_tool(tool: Tool) -> AvatarTool:
    """Return `tool` as Avatar takes it: its first argument is the query."""
    kind = next(iter(tool.args.values()), {}).get("type")
    return AvatarTool(tool=_Runner(tool), name=tool.name, desc=tool.desc, input_type=kind)
