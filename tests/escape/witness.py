"""Witness: an ordinary program that runs beside and after attempts, and answers with all they could have changed."""

from __future__ import annotations

import json
import os
import random
from typing import Any


def attempt(planted: Any) -> str:
    """What this process computes with."""
    import colorsys

    return json.dumps(
        [
            sorted([3, 1, 2]),
            colorsys.rgb_to_hsv(0.1, 0.2, 0.3),
            dict(os.environ),
            os.listdir(),
            random.random(),
        ],
        default=str,
    )
