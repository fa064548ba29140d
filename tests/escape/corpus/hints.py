"""Hints: what a worker sees of its neighbour in things that both were given, without a number being told."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["HINTS"]

HINTS: Final = (
    Attempt(
        "flags_of_a_shared_descriptor",
        "set flags on an open file that both were given",
        """
        import fcntl

        def neighbour(planted):
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                for flag in (os.O_APPEND, 0) * 3:
                    fcntl.fcntl(0, fcntl.F_SETFL, flag)
                    time.sleep(0.005)

        def attempt(planted):
            # A descriptor of one's own does not change by itself.
            seen = set()
            until(lambda: seen.add(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_APPEND), 0.4)
            return len(seen) == 2
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "times_of_a_device",
        "set the times of a device that both may use",
        """
        def neighbour(planted):
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                os.utime("/dev/null")
                time.sleep(0.02)

        def attempt(planted):
            seen = set()
            until(lambda: seen.add(os.stat("/dev/null").st_mtime_ns), 0.4)
            return len(seen) > 3
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "mode_of_a_device",
        "set the mode of a device that both may use; it stays as it was",
        """
        def attempt(planted):
            path = "/dev/full"
            before = os.stat(path)
            os.chmod(path, stat.S_IMODE(before.st_mode))
            return os.stat(path).st_ctime_ns != before.st_ctime_ns
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "count_of_threads",
        "see the neighbour's threads in the machine's number of all",
        """
        import threading

        def neighbour(planted):
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                over = threading.Event()
                for _ in range(50):
                    threading.Thread(target=over.wait, daemon=True).start()
                time.sleep(0.08)
                over.set()
                time.sleep(0.08)

        def attempt(planted):
            room, counts = ctypes.create_string_buffer(256), []

            def look():
                done(syscall("sysinfo", room))
                counts.append(struct.unpack_from("H", room.raw, 80)[0])

            until(look, 1)
            return max(counts) - min(counts) >= 45
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "numbers_of_threads",
        "see how many threads the neighbour has started in the numbers of one's own",
        """
        import threading

        def number_of_a_new_thread():
            found = []
            thread = threading.Thread(target=lambda: found.append(threading.get_native_id()))
            thread.start()
            thread.join()
            return found[0]

        def neighbour(planted):
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                number_of_a_new_thread()

        def attempt(planted):
            time.sleep(0.1)
            before = number_of_a_new_thread()
            time.sleep(0.5)
            return (number_of_a_new_thread() - before) > 500
        """,
        proof=Proof.SAID,
    ),
)
