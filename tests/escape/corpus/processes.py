"""Processes: starting some, becoming another, staying on."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Proof

__all__ = ["PROCESSES"]

PROCESSES: Final = (
    Attempt(
        "fork",
        "become two",
        """
        def attempt(planted):
            if (child := os.fork()) == 0:
                os._exit(42)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "raw_clone",
        "become two without the C library",
        """
        def attempt(planted):
            child = syscall("clone", 17, 0, 0, 0, 0)
            if child == 0:
                LIBC._exit(42)
            done(child)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "clone_with_high_bits",
        "hide a fork from filters that compare 64 bits where the kernel looks at 32",
        """
        def attempt(planted):
            child = syscall("clone", 17 | 1 << 40, 0, 0, 0, 0)
            if child == 0:
                LIBC._exit(42)
            done(child)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "clone_that_shares",
        "make a process that shares open files and folders, as threads do, and is none",
        """
        def attempt(planted):
            CLONE_FS, CLONE_FILES = 0x200, 0x400
            child = syscall("clone", CLONE_FS | CLONE_FILES | 17, 0, 0, 0, 0)
            if child == 0:
                LIBC._exit(42)
            done(child)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "clone3",
        "become two with the call whose arguments no filter can see",
        """
        def attempt(planted):
            arguments = (ctypes.c_uint64 * 8)()
            arguments[4] = 17
            child = syscall("clone3", arguments, ctypes.sizeof(arguments))
            if child == 0:
                LIBC._exit(42)
            done(child)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "spawned_program",
        "start a program",
        """
        def attempt(planted):
            child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {})
            return os.waitpid(child, 0)[0] == child
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "subprocess",
        "start a program the usual way",
        """
        import subprocess

        def attempt(planted):
            command = [sys.executable, "-I", "-S", "-c", "print(42)"]
            return subprocess.run(command, capture_output=True, timeout=5).stdout.strip() == b"42"
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "shell",
        "have a shell run a line",
        """
        def attempt(planted):
            return os.popen("echo $((6 * 7))").read().strip() == "42"
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "multiprocessing",
        "start a worker of one's own",
        """
        import multiprocessing

        def attempt(planted):
            child = multiprocessing.get_context("fork").Process(target=int)
            child.start()
            child.join(5)
            return child.exitcode == 0
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "terminal_and_child",
        "become two, with a terminal between",
        """
        import pty

        def attempt(planted):
            child, _ = pty.fork()
            if child == 0:
                os._exit(42)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "exec_of_the_interpreter",
        "become another program",
        """
        def attempt(planted):
            say = f"import os; os.write(2, b'became {planted['mark']}')"
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", say])
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "exec_from_scratch",
        "become a program that one has written oneself",
        """
        import shutil

        def attempt(planted):
            shutil.copyfile(os.path.realpath(sys.executable), "own")
            os.chmod("own", 0o700)
            say = f"import os; os.write(2, b'became {planted['mark']}')"
            os.execv("own", [sys.executable, "-I", "-S", "-c", say])
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "exec_from_memory",
        "become a program that is in no file system",
        """
        def attempt(planted):
            memory = os.memfd_create("own")
            os.write(memory, open(os.path.realpath(sys.executable), "rb").read())
            say = f"import os; os.write(2, b'became {planted['mark']}')"
            os.execve(memory, [sys.executable, "-I", "-S", "-c", say], {})
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "execveat",
        "become another program with the younger call",
        """
        def attempt(planted):
            say = f"import os; os.write(2, b'became {planted['mark']}')"
            words = [os.fsencode(word) for word in (sys.executable, "-I", "-S", "-c", say)]
            arguments = (ctypes.c_char_p * (len(words) + 1))(*words, None)
            done(syscall("execveat", -100, words[0], arguments, None, 0))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "code_in_a_file_of_its_own",
        "run machine code from a file that one has written",
        """
        import mmap

        def attempt(planted):
            code = b"\\xb8\\x2a\\x00\\x00\\x00\\xc3" if X86 else b"\\x40\\x05\\x80\\x52\\xc0\\x03\\x5f\\xd6"
            with open("code", "w+b") as file:
                file.write(code.ljust(4096, b"\\0"))
                file.flush()
                page = mmap.mmap(file.fileno(), 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() == 42
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "process_that_stays",
        "leave a process behind that outlives the call",
        """
        def attempt(planted):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    LIBC.prctl(15, planted["mark"].encode(), 0, 0, 0)
                    os.closerange(0, 1024)
                    time.sleep(30)
                os._exit(0)
            os.wait()
            return until(lambda: False, 0.1)
        """,
        proof=Proof.SEEN,
    ),
)
