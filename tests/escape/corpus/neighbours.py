"""Neighbours: two workers that were told nothing of each other, one of which tells the other a number."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["NEIGHBOURS"]

NEIGHBOURS: Final = (
    Attempt(
        "locks_of_whole_files",
        "lock files that both may only read",
        """
        import fcntl

        def neighbour(planted):
            files = [open(path) for path in shared_files(10)]
            for bit, file in enumerate(files):
                if planted["number"] >> bit & 1:
                    fcntl.flock(file, fcntl.LOCK_EX)
            linger()

        def locks():
            found = 0
            for bit, path in enumerate(shared_files(10)):
                with open(path) as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        found |= 1 << bit
            return found

        def attempt(planted):
            if until(locks):
                time.sleep(0.1)
                return locks()
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "locks_of_records",
        "lock parts of files that both may only read",
        """
        import fcntl

        def neighbour(planted):
            file = open(shared_files(1, 10)[0])
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, planted["number"])
            linger()

        def attempt(planted):
            file = open(shared_files(1, 10)[0])

            def lock():
                ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
                kind, _, start, _, _ = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, ask))
                return start if kind != fcntl.F_UNLCK else 0

            return until(lock)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "locks_of_open_files",
        "the same with locks that belong to the open file",
        """
        import fcntl

        def neighbour(planted):
            file = open(shared_files(1, 11)[0])
            lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, planted["number"], 1, 0)
            fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK
            linger()

        def attempt(planted):
            file = open(shared_files(1, 11)[0])

            def lock():
                ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
                kind, _, start, _, _ = struct.unpack("hhqqi4x", fcntl.fcntl(file, 36, ask))  # F_OFD_GETLK
                return start if kind != fcntl.F_UNLCK else 0

            return until(lock)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "watch_on_a_shared_file",
        "be told when the neighbour opens a file that both may read",
        """
        def neighbour(planted):
            path = shared_files(32, 96)[planted["number"] // 31]
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                open(path).close()
                time.sleep(0.02)

        def attempt(planted):
            IN_OPEN = 0x20
            watch = done(syscall("inotify_init1", os.O_NONBLOCK))
            numbers = {done(syscall("inotify_add_watch", watch, path.encode(), IN_OPEN)): 1 + 31 * index
                       for index, path in enumerate(shared_files(32, 96))}
            time.sleep(0.3)
            counts = {}

            def told():
                try:
                    data = os.read(watch, 65536)
                except BlockingIOError:
                    return None
                while data:
                    wd, _, _, length = struct.unpack_from("iIII", data)
                    counts[numbers[wd]] = counts.get(numbers[wd], 0) + 1
                    data = data[16 + length:]
                return max(counts.values()) > 5

            if until(told):
                return max(counts, key=counts.get)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "shared_memory_by_number",
        "share memory by a number both know",
        """
        def neighbour(planted):
            segment = done(syscall("shmget", 0x65736361, 4096, 0o1666))
            LIBC.shmat.restype = ctypes.c_void_p
            place = LIBC.shmat(segment, None, 0)
            ctypes.c_uint32.from_address(place).value = planted["number"]
            linger()
            LIBC.shmctl(segment, 0, None)

        def attempt(planted):
            def found():
                segment = syscall("shmget", 0x65736361, 4096, 0)
                if segment == -1:
                    raise PermissionError
                if segment < 0:
                    return None
                LIBC.shmat.restype = ctypes.c_void_p
                place = LIBC.shmat(segment, None, 0)
                value = ctypes.c_uint32.from_address(place).value
                if value:
                    LIBC.shmctl(segment, 0, None)
                return value

            return until(found)
        """,
        proof=Proof.PASSED,
        needs=frozenset({Need.SYSV}),
    ),
    Attempt(
        "message_by_number",
        "leave a message in a queue by a number both know",
        """
        def neighbour(planted):
            queue = done(syscall("msgget", 0x65736361, 0o1666))
            done(syscall("msgsnd", queue, struct.pack("qI", 1, planted["number"]), 4, 0))
            linger()

        def attempt(planted):
            queue = done(syscall("msgget", 0x65736361, 0o1666))
            room = ctypes.create_string_buffer(64)

            def found():
                IPC_NOWAIT = 0o4000
                if syscall("msgrcv", queue, room, 4, 0, IPC_NOWAIT) > 0:
                    LIBC.msgctl(queue, 0, None)
                    return struct.unpack_from("qI", room.raw)[1]

            return until(found)
        """,
        proof=Proof.PASSED,
        needs=frozenset({Need.SYSV}),
    ),
    Attempt(
        "message_by_name",
        "leave a message in a queue by a name both know",
        """
        def queue():
            return done(syscall("mq_open", b"escape", os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o600, None))

        def neighbour(planted):
            done(syscall("mq_timedsend", queue(), struct.pack("I", planted["number"]), 4, 0, None))
            linger()

        def attempt(planted):
            mine, room = queue(), ctypes.create_string_buffer(8192)

            def found():
                if syscall("mq_timedreceive", mine, room, 8192, None, None) > 0:
                    LIBC.mq_unlink(b"/escape")
                    return struct.unpack_from("I", room.raw)[0]

            return until(found)
        """,
        proof=Proof.PASSED,
        needs=frozenset({Need.MQ}),
    ),
    Attempt(
        "shared_memory_by_name",
        "share memory by a name both know",
        """
        def neighbour(planted):
            with open("/dev/shm/escape-" + planted["pair"], "w") as file:
                file.write(str(planted["number"]))
            linger()

        def attempt(planted):
            path = "/dev/shm/escape-" + planted["pair"]

            def found():
                return os.path.exists(path) and open(path).read()

            number = until(found)
            os.unlink(path)
            return int(number)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "socket_without_a_file",
        "meet at a name in the kernel",
        r"""
        import socket

        def neighbour(planted):
            meeting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            end = time.monotonic() + 1.2
            while time.monotonic() < end:
                try:
                    meeting.sendto(str(planted["number"]).encode(), "\0escape-" + planted["pair"])
                except ConnectionError:
                    time.sleep(0.01)

        def attempt(planted):
            meeting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            meeting.bind("\0escape-" + planted["pair"])
            meeting.settimeout(0.8)
            return int(meeting.recv(64))
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "loopback",
        "meet on the machine's own network",
        """
        import socket

        def neighbour(planted):
            meeting = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            end = time.monotonic() + 1.2
            while time.monotonic() < end:
                meeting.sendto(str(planted["number"]).encode(), ("127.0.0.1", planted["pair_port"]))
                time.sleep(0.01)

        def attempt(planted):
            meeting = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            meeting.bind(("127.0.0.1", planted["pair_port"]))
            meeting.settimeout(0.8)
            return int(meeting.recv(64))
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "file_in_tmp_for_both",
        "meet in the folder for temporary files",
        """
        def neighbour(planted):
            with open("/tmp/escape-" + planted["pair"], "w") as file:
                file.write(str(planted["number"]))
            linger()

        def attempt(planted):
            path = "/tmp/escape-" + planted["pair"]

            def found():
                return os.path.exists(path) and open(path).read()

            number = until(found)
            os.unlink(path)
            return int(number)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "file_in_scratch_for_both",
        "meet in the scratch folder, or in one beside it",
        """
        def neighbour(planted):
            for folder in (".", ".."):
                try:
                    with open(os.path.join(folder, "meeting"), "w") as file:
                        file.write(str(planted["number"]))
                except OSError:
                    continue
            linger()

        def attempt(planted):
            import glob

            def found():
                for path in ("meeting", "../meeting", *glob.glob("../*/meeting")):
                    if os.path.exists(path) and (text := open(path).read()):
                        return text

            return int(until(found))
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "name_of_the_neighbour",
        "read the name that the neighbour has given itself",
        """
        def neighbour(planted):
            LIBC.prctl(15, f"nb{planted['pair'][:6]}-{planted['number']}".encode(), 0, 0, 0)
            linger()

        def attempt(planted):
            begin = f"nb{planted['pair'][:6]}-"

            def found():
                for entry in os.listdir("/proc"):
                    if entry.isdecimal():
                        for task in os.listdir(f"/proc/{entry}/task"):
                            try:
                                name = open(f"/proc/{entry}/task/{task}/comm").read().strip()
                            except OSError:
                                continue
                            if name.startswith(begin):
                                return int(name.partition("-")[2])

            return until(found)
        """,
        proof=Proof.PASSED,
    ),
    Attempt(
        "keyring_of_the_user",
        "leave a key in the ring of the user both run as",
        """
        def neighbour(planted):
            KEYCTL_SETPERM, KEYCTL_SET_TIMEOUT, USER_KEYRING, ALL_TO_THE_USER = 5, 15, -4, 0x3F3F0000
            number = str(planted["number"]).encode()
            key = done(syscall("add_key", b"user", planted["pair"].encode(), number, len(number), USER_KEYRING))
            done(syscall("keyctl", KEYCTL_SET_TIMEOUT, key, 120))  # s; the ring outlives all who used it
            done(syscall("keyctl", KEYCTL_SETPERM, key, ALL_TO_THE_USER))  # else only who possesses it may read it
            linger()

        def attempt(planted):
            KEYCTL_SEARCH, KEYCTL_READ, USER_KEYRING = 10, 11, -4
            room = ctypes.create_string_buffer(64)

            def found():
                key = syscall("keyctl", KEYCTL_SEARCH, USER_KEYRING, b"user", planted["pair"].encode(), 0)
                if key == -1:
                    raise PermissionError
                # Between its making and its permissions it may be found, and not yet read.
                size = syscall("keyctl", KEYCTL_READ, key, room, 64, 0) if key > 0 else 0
                return int(room.raw[:size]) if size > 0 else None

            return until(found)
        """,
        proof=Proof.PASSED,
        needs=frozenset({Need.KEYS}),
    ),
)
