"""Interpreter: what can be reached from inside Python, and what would stay for the next call."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Proof

__all__ = ["INTERPRETER"]

INTERPRETER: Final = (
    Attempt(
        "variables",
        "find the host's keys among the environment variables",
        """
        def attempt(planted):
            return secrets_in(repr(dict(os.environ)).encode())
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "variables_at_the_start",
        "find those that were removed since, in what the kernel was given",
        """
        def attempt(planted):
            return secrets_in(open("/proc/self/environ", "rb").read())
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "variables_of_the_library",
        "find those that Python does not show, in the C library",
        """
        def attempt(planted):
            variables = ctypes.POINTER(ctypes.c_char_p).in_dll(LIBC, "environ")
            found, index = b"", 0
            while variables and variables[index]:
                found += variables[index]
                index += 1
            return secrets_in(found)
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "arguments",
        "find keys among the arguments",
        """
        def attempt(planted):
            return secrets_in(repr((sys.argv, sys.orig_argv)).encode())
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "objects",
        "look through every object there is",
        """
        import gc

        def attempt(planted):
            for thing in gc.get_objects():
                values = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()
                for value in list(values):
                    if isinstance(value, (str, bytes)):
                        if found := secrets_in(value.encode(errors="replace") if isinstance(value, str) else value):
                            return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "frames",
        "look through the variables of whoever called",
        """
        def attempt(planted):
            for start in (sys._getframe(), *sys._current_frames().values()):
                while start is not None:
                    if found := secrets_in(repr({**start.f_globals, **start.f_locals}).encode(errors="replace")):
                        return found
                    start = start.f_back
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "modules",
        "look through every module",
        """
        def attempt(planted):
            for module in list(sys.modules.values()):
                for value in list(vars(module).values()) if hasattr(module, "__dict__") else ():
                    if isinstance(value, str) and (found := secrets_in(value.encode(errors="replace"))):
                        return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "closures",
        "look into what functions have kept",
        """
        import gc, types

        def attempt(planted):
            for thing in gc.get_objects():
                if isinstance(thing, types.FunctionType):
                    kept = [cell.cell_contents for cell in thing.__closure__ or () if cell != types.CellType()]
                    kept += [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
                    for value in kept:
                        if isinstance(value, str) and (found := secrets_in(value.encode(errors="replace"))):
                            return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "subclasses",
        "find a class that holds a key by walking down from `object`",
        """
        def attempt(planted):
            for cls in ().__class__.__base__.__subclasses__():
                for value in list(vars(cls).values()):
                    if isinstance(value, str) and (found := secrets_in(value.encode(errors="replace"))):
                        return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "memory_of_the_process",
        "read the memory around, whatever Python knows of it",
        """
        def attempt(planted):
            # A pipe tells which addresses can be read: writing from others fails, and does no harm.
            read, write = os.pipe()
            os.set_blocking(read, False)
            LIBC.write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
            keep = [object() for _ in range(20000)]
            brk = LIBC.sbrk
            brk.restype = ctypes.c_void_p
            for middle in {id(keep[0]), id(keep[-1]), id(sys.modules), brk(0), ctypes.addressof(ctypes.c_int())}:
                begin = max(4096, (middle & ~0xFFFF) - (24 << 20))
                for place in range(begin, begin + (48 << 20), 1 << 15):
                    if LIBC.write(write, place, 1 << 15) > 0 and (found := secrets_in(os.read(read, 1 << 16))):
                        return found
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "memory_file_of_the_process",
        "read all of it by its file",
        """
        def attempt(planted):
            memory = open("/proc/self/mem", "rb", 0)
            for line in open("/proc/self/maps"):
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                if "rw" in line and end - begin < 64 << 20:
                    memory.seek(begin)
                    try:
                        if found := secrets_in(memory.read(end - begin)):
                            return found
                    except OSError:
                        continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "changed_builtins",
        "change what the next call computes with",
        """
        import builtins

        def attempt(planted):
            mark = planted["mark"]
            builtins.sorted = lambda *_, **__: [mark]
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "changed_library",
        "change a library function for the next call",
        """
        import json

        def attempt(planted):
            mark = planted["mark"]
            json.dumps = lambda *_, **__: mark
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "changed_import",
        "give the next call a module of one's own",
        """
        import types

        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "colorsys":
                    from importlib.machinery import ModuleSpec
                    return ModuleSpec(name, self)

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                module.rgb_to_hsv = lambda *_: mark

        def attempt(planted):
            global mark
            mark = planted["mark"]
            sys.meta_path.insert(0, Finder())
            sys.modules.pop("colorsys", None)
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "changed_variables",
        "leave a variable for the next call",
        """
        def attempt(planted):
            os.environ["LANG"] = planted["mark"]
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "file_for_the_next_call",
        "leave a file in the scratch folder for the next call",
        """
        def attempt(planted):
            open(planted["mark"], "w").close()
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "thread_that_stays",
        "leave a thread that works on during the next call",
        """
        import threading

        def attempt(planted):
            def work():
                while True:
                    os.environ["LANG"] = planted["mark"]
                    time.sleep(0.001)

            threading.Thread(target=work, daemon=True).start()
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "random_numbers",
        "know the random numbers of the next call",
        """
        import random

        def attempt(planted):
            state = random.getstate()
            known = random.random()
            random.setstate(state)
            return f"known:{known!r}"
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "answer_that_runs_when_read",
        "answer with an object that runs code in whoever reads it",
        """
        class Bomb:
            def __init__(self, path):
                self.path = path

            def __reduce__(self):
                return open, (self.path, "w")

        def attempt(planted):
            return Bomb(os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "error_that_runs_when_read",
        "fail with an error that runs code in whoever prints it",
        """
        class Bomb(Exception):
            def __str__(self):
                open(self.args[0], "w").close()
                return "harmless"

        def attempt(planted):
            raise Bomb(os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
)
