"""Tells what the writer of a short message to a library wants."""

import dspy


class Wishes(dspy.Module):
    """One question to the model."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - DSPy's has no full types
        self.tell = dspy.Predict("text -> intent: Literal['borrow', 'renew', 'return', 'hours', 'card']")

    def forward(self, text: str) -> dspy.Prediction:
        """The intent of one message."""
        return self.tell(text=text)
