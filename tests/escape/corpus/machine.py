"""Machine: reading past the file system, and learning which machine this is."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["MACHINE"]

MACHINE: Final = (
    Attempt(
        "raw_disk",
        "read the disk below the file system",
        """
        def attempt(planted):
            os.mknod("disk", 0o600 | stat.S_IFBLK, planted["disk"])
            return len(os.pread(os.open("disk", os.O_RDONLY), 4096, 0)) == 4096
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT, Need.DISK}),
    ),
    Attempt(
        "kernel_memory",
        "read the kernel's memory",
        """
        def attempt(planted):
            for path in ("/dev/mem", "/proc/kcore"):
                try:
                    return bool(os.read(os.open(path, os.O_RDONLY), 64))
                except OSError:
                    continue
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.KCORE}),
    ),
    Attempt(
        "kernel_log_device",
        "read the kernel's log",
        """
        def attempt(planted):
            return bool(os.read(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK), 8192))
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.KMSG}),
    ),
    Attempt(
        "kernel_symbols",
        "read where the kernel's functions are",
        """
        def attempt(planted):
            return bool(open("/proc/kallsyms").readline())
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.KALLSYMS}),
    ),
    Attempt(
        "mounts_of_the_host",
        "read which paths of the host are mounted where",
        """
        def attempt(planted):
            return any(" / / " in line for line in open("/proc/self/mountinfo"))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "identity_of_the_machine",
        "tell two machines, or two boots of one, apart",
        """
        def attempt(planted):
            for path in ("/proc/sys/kernel/random/boot_id", "/etc/machine-id", "/etc/hostname"):
                try:
                    return bool(open(path).read())
                except OSError:
                    continue
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "devices_of_the_machine",
        "learn the machine's hardware",
        """
        def attempt(planted):
            return bool(os.listdir("/sys/class/net"))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "list_of_the_root",
        "learn what the world around is made of",
        """
        def attempt(planted):
            return bool(os.listdir("/"))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "accounts_file_probed",
        "learn whether a file exists that is in nobody's list",
        """
        def attempt(planted):
            return os.access(planted["secret_file"], os.F_OK) or bool(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
        """,
        proof=Proof.SAID,
    ),
)
