"""Files: reading what is the host's, and learning what it has."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["FILES"]

FILES: Final = (
    Attempt(
        "secret_by_path",
        "read a file of the host",
        """
        def attempt(planted):
            return open(planted["secret_file"]).read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_by_raw_openat",
        "read a file past whatever replaced `open` in Python",
        """
        def attempt(planted):
            fd = done(LIBC.openat(-100, planted["secret_file"].encode(), 0))
            return os.pread(fd, 100, 0).decode()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_by_openat2",
        "read a file with the younger of the calls that open",
        """
        def attempt(planted):
            how = (ctypes.c_uint64 * 3)(0, 0, 0)
            fd = done(syscall("openat2", -100, planted["secret_file"].encode(), how, ctypes.sizeof(how)))
            return os.pread(fd, 100, 0).decode()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_by_open",
        "read a file with the oldest of the calls that open",
        """
        def attempt(planted):
            fd = done(syscall("open", planted["secret_file"].encode(), 0))
            return os.pread(fd, 100, 0).decode()
        """,
        proof=Proof.TOLD,
        needs=frozenset({Need.X86_64}),
    ),
    Attempt(
        "keys_in_home",
        "read the keys that people keep in their home folders",
        """
        import pwd

        def attempt(planted):
            homes = [planted["home"], os.path.expanduser("~"), *(entry.pw_dir for entry in pwd.getpwall())]
            for home in homes:
                for name in (".ssh/id_ed25519", ".netrc", ".aws/credentials", ".config/openai"):
                    try:
                        return open(os.path.join(home, name)).read()
                    except OSError:
                        continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_proc_root",
        "walk through another process's root folder",
        """
        def attempt(planted):
            for pid in ("self", "1", os.getppid(), planted["host_pid"], planted["victim_pid"]):
                try:
                    return open(f"/proc/{pid}/root{planted['secret_file']}").read()
                except OSError:
                    continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_proc_cwd",
        "walk through another process's working folder",
        """
        def attempt(planted):
            return open(f"/proc/{planted['victim_pid']}/cwd/secret").read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_proc_fd",
        "open what another process has open",
        """
        def attempt(planted):
            return open(f"/proc/{planted['victim_pid']}/fd/{planted['victim_fd']}").read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_inherited_file",
        "read from descriptors that the host left open",
        """
        def attempt(planted):
            for fd in range(3, 1024):
                try:
                    if found := secrets_in(os.pread(fd, 4096, 0)):
                        return found
                except OSError:
                    continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_inherited_folder",
        "open files below folders that the host left open",
        """
        def attempt(planted):
            for fd in range(3, 1024):
                for way in ("secret", "../" * 12 + planted["secret_file"]):
                    try:
                        return os.pread(os.open(way, os.O_RDONLY, dir_fd=fd), 100, 0).decode()
                    except OSError:
                        continue
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_a_symlink",
        "read through a symbolic link in one's own scratch",
        """
        def attempt(planted):
            os.symlink(planted["secret_file"], "innocent")
            return open("innocent").read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_through_a_hard_link",
        "link a file of the host into one's own scratch",
        """
        def attempt(planted):
            os.link(planted["secret_file"], "innocent")
            return open("innocent").read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_moved_into_scratch",
        "move a file of the host into one's own scratch",
        """
        def attempt(planted):
            os.rename(planted["loose_file"], "innocent")
            return open("innocent").read()
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "secret_by_handle",
        "open a file by its number, whatever folders are in sight",
        """
        def attempt(planted):
            handle = bytes.fromhex(planted["secret_handle"])
            for folder in (os.path.dirname(planted["secret_file"]), os.path.dirname(os.__file__), "/"):
                try:
                    mount = os.open(folder, os.O_RDONLY)
                    fd = done(syscall("open_by_handle_at", mount, handle, 0))
                    return os.pread(fd, 100, 0).decode()
                except OSError as error:
                    problem = error
            raise problem
        """,
        proof=Proof.TOLD,
        needs=frozenset({Need.ROOT, Need.HANDLES}),
    ),
    Attempt(
        "secret_behind_a_changed_root",
        "leave a changed root by the known way",
        """
        def attempt(planted):
            os.mkdir("cell")
            outside = os.open(".", os.O_RDONLY)
            os.chroot("cell")
            os.fchdir(outside)
            for _ in range(40):
                os.chdir("..")
            os.chroot(".")
            return open(planted["secret_file"]).read()
        """,
        proof=Proof.TOLD,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "names_in_a_folder",
        "list a folder of the host",
        """
        def attempt(planted):
            return os.listdir(planted["folder"])
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "time_of_a_file",
        "learn of a file without opening it",
        """
        def attempt(planted):
            return str(os.stat(planted["secret_file"]).st_mtime_ns)
        """,
        proof=Proof.TOLD,
    ),
    Attempt(
        "walk_of_everything",
        "look into every small file there is",
        """
        def attempt(planted):
            for top in (planted["folder"], "/"):
                for place, folders, names in os.walk(top):
                    folders[:] = [name for name in folders if name not in ("site-packages", "proc", "sys")]
                    for name in names:
                        path = os.path.join(place, name)
                        try:
                            status = os.stat(path)
                            if not name.endswith((".py", ".pyc", ".so")) and status.st_size < 65536:
                                if stat.S_ISREG(status.st_mode) and (found := secrets_in(open(path, "rb").read())):
                                    return found
                        except OSError:
                            continue
        """,
        proof=Proof.TOLD,
    ),
)
