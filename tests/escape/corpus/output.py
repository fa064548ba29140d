"""Output: saying too much, or something that does harm where it is shown."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Proof

__all__ = ["OUTPUT"]

OUTPUT: Final = (
    Attempt(
        "flood_on_stdout",
        "print without end",
        """
        def attempt(planted):
            for _ in range(192):
                os.write(1, b"x" * 65535 + b"\\n")
            return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "flood_on_stderr",
        "complain without end",
        """
        def attempt(planted):
            for _ in range(192):
                os.write(2, b"x" * 65535 + b"\\n")
            return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "large_answer",
        "answer with more than a call may say",
        """
        def attempt(planted):
            return "x" * (3 << 20)
        """,
        proof=Proof.FLOODED,
    ),
    Attempt(
        "large_error",
        "fail with more than a call may say",
        """
        def attempt(planted):
            raise ValueError("x" * (3 << 20))
        """,
        proof=Proof.FLOODED,
    ),
    Attempt(
        "large_traceback",
        "fail in a way that takes long to tell",
        """
        def attempt(planted):
            error = None
            for number in range(3000):
                try:
                    raise ValueError("x" * 1000) from error
                except ValueError as latest:
                    error = latest
            raise error
        """,
        proof=Proof.FLOODED,
    ),
    Attempt(
        "terminal_codes_in_an_error",
        "have the error rename and repaint the terminal it is shown on",
        r"""
        def attempt(planted):
            raise ValueError("\x1b]0;owned\x07\x1b[2J\x1b[31mharmless")
        """,
        proof=Proof.SHOWN,
    ),
    Attempt(
        "terminal_codes_in_the_name_of_an_error",
        "the same, in the error's name",
        r"""
        def attempt(planted):
            raise type("Err\x1b]0;owned\x07or", (Exception,), {})("harmless")
        """,
        proof=Proof.SHOWN,
    ),
    Attempt(
        "terminal_codes_on_stderr",
        "the same, in what is complained last",
        r"""
        def attempt(planted):
            os.write(2, b"\x1b]0;owned\x07\x1b[2Jharmless\n")
            os.write(2, "\x9b2Jharmless\n".encode())
            os._exit(3)
        """,
        proof=Proof.SHOWN,
    ),
    Attempt(
        "text_that_runs_backwards",
        "have the error show its words in another order than it has them",
        r"""
        def attempt(planted):
            raise ValueError("\u202esdrawkcab\u2066 \x9b2J")
        """,
        proof=Proof.SHOWN,
    ),
    Attempt(
        "forged_line_of_the_log",
        "have the error look like two, the second of which the host said",
        r"""
        def attempt(planted):
            raise ValueError("harmless\r\n2026-01-01 00:00:00 | CRITICAL | dspash: the host's keys were renewed")
        """,
        proof=Proof.SHOWN,
    ),
)
