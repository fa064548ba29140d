"""The demo: a real program on real examples, judged, optimised and judged again, in supervised workers."""

from __future__ import annotations

from dspash.demo.display import Display, print_heading, print_report, stages_on
from dspash.demo.hotpotqa import hotpotqa_questions
from dspash.demo.intents import read_intents
from dspash.demo.questions import own_questions
from dspash.demo.report import Report
from dspash.demo.run import RunOptions, run_task
from dspash.demo.task import Task

__all__ = [
    "Display",
    "Report",
    "RunOptions",
    "Task",
    "hotpotqa_questions",
    "own_questions",
    "print_heading",
    "print_report",
    "read_intents",
    "run_task",
    "stages_on",
]
