"""Kernel: reaching the parts of it that have had the holes."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["KERNEL"]

KERNEL: Final = (
    Attempt(
        "bpf",
        "load programs into the kernel",
        """
        def attempt(planted):
            # BPF_MAP_CREATE of an array of one
            return reached("bpf", 0, (ctypes.c_uint32 * 8)(2, 4, 4, 1), 32)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "performance_counters",
        "measure with the hardware's counters",
        """
        def attempt(planted):
            PERF_TYPE_SOFTWARE, EXCLUDE_KERNEL = 1, 1 << 5
            wish = (ctypes.c_uint64 * 14)(PERF_TYPE_SOFTWARE | 112 << 32, 0, 0, 0, 0, EXCLUDE_KERNEL)
            return reached("perf_event_open", wish, 0, -1, -1, 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.PERF}),
    ),
    Attempt(
        "page_faults_served_by_hand",
        "stop the kernel in the middle of a copy",
        """
        def attempt(planted):
            USER_MODE_ONLY = 1
            return reached("userfaultfd", USER_MODE_ONLY)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "io_uring",
        "have the kernel do calls that no filter sees",
        """
        def attempt(planted):
            return reached("io_uring_setup", 4, (ctypes.c_uint32 * 30)())
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.IO_URING}),
    ),
    Attempt(
        "keyring",
        "keep something in the kernel's keyrings",
        """
        def attempt(planted):
            KEY_SPEC_PROCESS_KEYRING = -2
            return reached("add_key", b"user", planted["mark"].encode(), b"x", 1, KEY_SPEC_PROCESS_KEYRING)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.KEYS}),
    ),
    Attempt(
        "user_namespace",
        "become root in a world of one's own",
        """
        def attempt(planted):
            CLONE_NEWUSER = 0x10000000
            return reached("unshare", CLONE_NEWUSER)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.USERNS}),
    ),
    Attempt(
        "namespaces_of_a_child",
        "make a child that is root in a world of its own",
        """
        def attempt(planted):
            CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
            child = syscall("clone", CLONE_NEWUSER | CLONE_NEWNET | 17, 0, 0, 0, 0)
            if child == 0:
                LIBC._exit(42)
            done(child)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.USERNS}),
    ),
    Attempt(
        "network_namespace",
        "make a network of one's own, and with it reach the kernel's packet filters",
        """
        def attempt(planted):
            CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
            return reached("unshare", CLONE_NEWUSER | CLONE_NEWNET)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.USERNS}),
    ),
    Attempt(
        "mount",
        "mount a file system",
        """
        def attempt(planted):
            os.mkdir("place")
            done(syscall("mount", b"none", b"place", b"tmpfs", 0, None))
            return reached("umount2", b"place", 2)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "mount_in_a_world_of_its_own",
        "mount after becoming root there",
        """
        def attempt(planted):
            CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x20000
            done(syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS))
            os.mkdir("place")
            return reached("mount", b"none", b"place", b"tmpfs", 0, None)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.USERNS}),
    ),
    Attempt(
        "mount_step_by_step",
        "the same with the younger calls",
        """
        def attempt(planted):
            return reached("fsopen", b"tmpfs", 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "tree_of_the_root",
        "hold on to the whole tree of mounts",
        """
        def attempt(planted):
            return reached("open_tree", -100, b"/", 0)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "list_of_mounts",
        "ask the kernel what is mounted",
        """
        def attempt(planted):
            wish = (ctypes.c_uint64 * 3)(24, 0xFFFFFFFFFFFFFFFF, 0)
            return reached("listmount", wish, (ctypes.c_uint64 * 16)(), 16, 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.LISTMOUNT}),
    ),
    Attempt(
        "change_of_root",
        "take another folder for the root",
        """
        def attempt(planted):
            return reached("chroot", b".")
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "handle_of_a_file",
        "name a file by its number",
        """
        def attempt(planted):
            room = (ctypes.c_uint32 * 40)(128)
            path = os.path.dirname(os.__file__).encode()
            return reached("name_to_handle_at", -100, path, room, ctypes.byref(ctypes.c_int()), 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.HANDLES}),
    ),
    Attempt(
        "filter_of_its_own",
        "install a filter that answers calls by hand",
        """
        def attempt(planted):
            PR_SET_NO_NEW_PRIVS, ALLOW = 38, 0x7FFF0000
            LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            code = (ctypes.c_uint16 * 4)(6, 0, ALLOW & 0xFFFF, ALLOW >> 16)
            program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code))
            return reached("seccomp", 1, 8, program)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "personality",
        "have every page that can be read be executable, and none at random",
        """
        def attempt(planted):
            ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC = 0x40000, 0x400000
            return reached("personality", ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "segment_table",
        "change the processor's table of segments",
        """
        def attempt(planted):
            return reached("modify_ldt", 0, ctypes.create_string_buffer(64), 64)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.X86_64}),
    ),
    Attempt(
        "ports",
        "speak with devices directly",
        """
        def attempt(planted):
            return reached("ioperm", 0x80, 1, 1)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.PORTS, Need.ROOT}),
    ),
    Attempt(
        "reboot",
        "stop the machine; the wrong magic number only asks whether one may",
        """
        def attempt(planted):
            return reached("reboot", 1, 1, 1, 0, also=(EINVAL,))
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "swap",
        "have the kernel keep memory where one likes",
        """
        def attempt(planted):
            return reached("swapon", b"/nonexistent", 0, also=(ENOENT,))
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "kernel_log",
        "read the kernel's log by its own call",
        """
        def attempt(planted):
            SIZE_BUFFER = 10
            return reached("syslog", SIZE_BUFFER, None, 0)
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "name_of_the_machine",
        "rename the machine to what it is called",
        """
        import platform

        def attempt(planted):
            name = platform.node().encode()
            return reached("sethostname", name, len(name))
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "settings_of_the_kernel",
        "open the kernel's switches for writing",
        """
        def attempt(planted):
            for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
                try:
                    return os.open(path, os.O_WRONLY) >= 0
                except OSError as error:
                    problem = error
            raise problem
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "resource_groups",
        "open the files that say what every process may use",
        """
        def attempt(planted):
            for place, _, names in os.walk("/sys/fs/cgroup"):
                if "cgroup.procs" in names:
                    return os.open(os.path.join(place, "cgroup.procs"), os.O_WRONLY) >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.CGROUPFS}),
    ),
    Attempt(
        "kernel_devices",
        "open devices behind which much of the kernel lies",
        """
        def attempt(planted):
            for name in ("fuse", "userfaultfd", "kvm", "net/tun", "loop-control", "vhost-vsock", "ptmx", "tty"):
                try:
                    return os.open(f"/dev/{name}", os.O_RDWR) >= 0
                except OSError as error:
                    problem = error
            raise problem
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "keys_pressed_for_others",
        "push characters into a terminal's input",
        """
        def attempt(planted):
            TIOCSTI = 0x5412
            return reached("ioctl", 0, TIOCSTI, b"x", also=(ENOTTY,))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "keys_pressed_with_high_bits",
        "the same, hidden from filters that compare 64 bits",
        """
        def attempt(planted):
            TIOCSTI = 0x5412
            return reached("ioctl", 0, TIOCSTI | 1 << 32, b"x", also=(ENOTTY,))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "console_selection",
        "paste into a console",
        """
        def attempt(planted):
            TIOCLINUX = 0x541C
            return reached("ioctl", 0, TIOCLINUX, b"x", also=(ENOTTY,))
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "calls_of_32_bits",
        "make calls by the numbers of another architecture",
        """
        import mmap

        def attempt(planted):
            # mov eax, 20 (getpid of i386); int 0x80; ret
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex("b814000000cd80c3"))
            address = ctypes.addressof(ctypes.c_char.from_buffer(page))
            return ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid()
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.X86_64, Need.IA32}),
    ),
    Attempt(
        "pipe_surgery",
        "move pages between pipes and files without copying",
        """
        def attempt(planted):
            source = os.open(os.__file__, os.O_RDONLY)
            _, into = os.pipe()
            return reached("splice", source, None, into, None, 64, 0)
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "file_in_memory",
        "make a file that is in no file system and counts against nothing",
        """
        def attempt(planted):
            return reached("memfd_create", b"own", 0)
        """,
        proof=Proof.SAID,
    ),
)
