"""Streaming: a program's text fields, piece by piece, while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import dspy
from dspy.streaming import StatusMessage, StatusMessageProvider, StreamListener, StreamResponse

from dspash_protocol import EventKind
from dspash_worker.call import Call
from dspash_worker.classes import named_predictors

__all__ = ["run_streaming"]

_PROVIDER: Final = "status_message_provider"


def run_streaming(program: dspy.Module, inputs: Mapping[str, Any], call: Call) -> Any:
    """Run `program`, emitting an item for each piece of its predictors' text fields; returns its prediction.

    An item is `{predictor, field, text}`, or `{status}` where the program has something to say: by DSPy's rules when a
    tool is called, or by those of the provider in its attribute `status_message_provider`.
    """
    listeners = [
        StreamListener(field, predict=predictor, predict_name=name, allow_reuse=True)
        for name, predictor in named_predictors(program)
        for field, info in predictor.signature.output_fields.items()
        if _is_text(info.annotation)
    ]
    provider = getattr(program, _PROVIDER, None)
    streamed: Any = dspy.streamify(
        _Boxed(program),
        status_message_provider=provider if isinstance(provider, StatusMessageProvider) else None,
        stream_listeners=listeners,
        async_streaming=False,
    )
    pieces = streamed(**inputs)
    outcome: Any = None
    try:
        for piece in pieces:
            call.check()
            if isinstance(piece, StreamResponse):
                if piece.chunk:
                    item = {
                        "predictor": piece.predict_name,
                        "field": piece.signature_field_name,
                        "text": piece.chunk,
                    }
                    call.emit(EventKind.ITEM, item)
            elif isinstance(piece, StatusMessage):
                call.emit(EventKind.ITEM, {"status": str(piece.message)})
            elif isinstance(piece, dspy.Prediction):
                outcome = piece.outcome
            # Anything else is a raw chunk, which DSPy passes on for want of a listener: no output field is text.
    except BaseException:
        # DSPy breaks when its generator is closed early. The call has ended, so the program's next LM call or tool
        # raises, and the rest is short.
        for _ in _quietly(pieces):
            pass
        raise
    return outcome


class _Boxed(dspy.Module):
    """Returns a Prediction whatever the program returns: DSPy's stream ends at a Prediction and at nothing else."""

    is_untold = True  # no step of a trace: see instruments.UNTOLD

    def __init__(self, program: dspy.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, **inputs: Any) -> dspy.Prediction:
        return dspy.Prediction(outcome=self.program(**inputs))


def _is_text(annotation: Any) -> bool:
    return annotation is str or annotation is dspy.Reasoning


def _quietly(pieces: Any) -> Any:
    try:
        yield from pieces
    except BaseException:  # noqa: BLE001  (the first error is the one to tell)
        return
