"""Batches: many optimisations described by one file, looked at as a whole before anything is spent."""

from __future__ import annotations

from dspash.batch.checking import Batch, check_job_file
from dspash.batch.job_file import JobFile, read_job_file
from dspash.batch.matrix import Cell, cells_of
from dspash.batch.planning import BatchPlan, Expectation, plan_batch

__all__ = [
    "Batch",
    "BatchPlan",
    "Cell",
    "Expectation",
    "JobFile",
    "cells_of",
    "check_job_file",
    "plan_batch",
    "read_job_file",
]
