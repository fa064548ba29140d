"""Resources: using more than a call is given."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["RESOURCES"]

RESOURCES: Final = (
    Attempt(
        "memory",
        "use twice the memory allowed",
        """
        def attempt(planted):
            block = bytearray(512 << 20)
            block[:: 4096] = b"x" * len(block[:: 4096])
            return len(block)
        """,
        proof=Proof.SAID,
        limits={"memory_mb": 256},
    ),
    Attempt(
        "memory_in_small_pieces",
        "the same, in pieces that no single request shows",
        """
        def attempt(planted):
            return len([bytes(1 << 16) + bytes([n % 256]) for n in range(8 << 10)])
        """,
        proof=Proof.SAID,
        limits={"memory_mb": 256},
    ),
    Attempt(
        "memory_that_is_shared",
        "use memory that limits on private data do not count",
        """
        import mmap

        def attempt(planted):
            block = mmap.mmap(-1, 512 << 20)
            for place in range(0, len(block), 4096):
                block[place] = 1
            return len(block)
        """,
        proof=Proof.SAID,
        limits={"memory_mb": 256},
    ),
    Attempt(
        "memory_as_files",
        "fill the scratch folder, which is memory",
        """
        def attempt(planted):
            for number in range(8):
                with open(f"heap{number}", "wb") as file:
                    file.write(bytes(4 << 20))
            return True
        """,
        proof=Proof.SAID,
        limits={"scratch_mb": 16},
    ),
    Attempt(
        "memory_in_pipes",
        "have the kernel keep bytes for one",
        """
        import fcntl

        def attempt(planted):
            kept = 0
            for _ in range(60):
                _, end = os.pipe()
                fcntl.fcntl(end, 1031, 1 << 20)  # F_SETPIPE_SZ
                os.set_blocking(end, False)
                kept += os.write(end, bytes(1 << 20))
            return kept >= 32 << 20
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "files_without_end",
        "open more than is allowed",
        """
        import resource

        def attempt(planted):
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return len([os.open("/dev/null", os.O_RDONLY) for _ in range(512)])
        """,
        proof=Proof.SAID,
        limits={"files": 256},
    ),
    Attempt(
        "large_file",
        "write a file larger than allowed",
        """
        def attempt(planted):
            with open("large", "wb") as file:
                for _ in range(24):
                    file.write(bytes(1 << 20))
            return os.path.getsize("large") == 24 << 20
        """,
        proof=Proof.SAID,
        limits={"file_mb": 16},
    ),
    Attempt(
        "files_by_the_thousand",
        "fill the scratch folder with names",
        """
        def attempt(planted):
            for number in range(1024):
                open(f"name{number}", "w").close()
            return True
        """,
        proof=Proof.SAID,
        limits={"scratch_files": 512},
    ),
    Attempt(
        "threads_without_end",
        "start more threads than allowed",
        """
        import threading

        def attempt(planted):
            over = threading.Event()
            for _ in range(160):
                threading.Thread(target=over.wait, daemon=True).start()
            over.set()
            return True
        """,
        proof=Proof.SAID,
        limits={"threads": 64},
    ),
    Attempt(
        "processes_without_end",
        "start many processes",
        """
        def attempt(planted):
            children = []
            for _ in range(20):
                if (child := os.fork()) == 0:
                    time.sleep(1)
                    os._exit(0)
                children.append(child)
            for child in children:
                os.kill(child, 9)
                os.waitpid(child, 0)
            return True
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "computing",
        "compute for longer than allowed",
        """
        def attempt(planted):
            while time.process_time() < 1.6:
                pass
            return True
        """,
        proof=Proof.SAID,
        limits={"cpu_s": 1, "wall_s": 20},
    ),
    Attempt(
        "computing_past_the_warning",
        "the same, deaf to the kernel's warning",
        """
        import signal

        def attempt(planted):
            try:
                signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            except ValueError:  # not in the main thread
                LIBC.signal(int(signal.SIGXCPU), ctypes.c_void_p(1))
            while time.process_time() < 2.6:
                pass
            return True
        """,
        proof=Proof.SAID,
        limits={"cpu_s": 1, "wall_s": 20},
    ),
    Attempt(
        "waiting",
        "stay for longer than allowed",
        """
        def attempt(planted):
            time.sleep(1.5)
            return True
        """,
        proof=Proof.SAID,
        limits={"wall_s": 0.5},
    ),
    Attempt(
        "waiting_without_listening",
        "the same, holding the interpreter so that nothing asked of it is heard",
        """
        import signal

        def attempt(planted):
            for number in range(1, 65):
                LIBC.signal(number, ctypes.c_void_p(1))
            ctypes.PyDLL(None).usleep(1_500_000)
            return True
        """,
        proof=Proof.SAID,
        limits={"wall_s": 0.5},
    ),
    Attempt(
        "higher_limits",
        "raise one's own limits",
        """
        import resource

        def attempt(planted):
            for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_CORE):
                _, hard = resource.getrlimit(kind)
                lower = 1000 if hard == resource.RLIM_INFINITY else hard
                resource.setrlimit(kind, (lower, lower))
                resource.setrlimit(kind, (lower + 1, lower + 1))
            return True
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.RAISING}),
    ),
    Attempt(
        "memory_that_stays",
        "keep memory from being swapped out",
        """
        import mmap

        def attempt(planted):
            block = mmap.mmap(-1, 32 << 20)
            return reached("mlock", ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(block))), 32 << 20)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "going_first",
        "run before everybody else",
        """
        def attempt(planted):
            os.nice(-5)
            return True
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "going_always",
        "run whenever one wants",
        """
        def attempt(planted):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            return True
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
)
