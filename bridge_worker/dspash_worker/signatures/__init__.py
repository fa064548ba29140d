"""Signatures in the worker: DSPy's classes and checked inputs, from the grammar that host and worker share."""

from __future__ import annotations

from dspash_worker.signatures.annotations import annotation_of
from dspash_worker.signatures.builder import build_signature
from dspash_worker.signatures.inputs import (
    AnyInputs,
    Inputs,
    NamedInputs,
    SignatureInputs,
    inputs_of_function,
)

__all__ = [
    "AnyInputs",
    "Inputs",
    "NamedInputs",
    "SignatureInputs",
    "annotation_of",
    "build_signature",
    "inputs_of_function",
]
