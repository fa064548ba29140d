"""Outer: the filter of a zygote of sandboxed workers, which they inherit below their own."""

from __future__ import annotations

import errno
from typing import Final

from dspash_worker.confinement.seccomp.policy import ALLOW, Case, Policy, Rule, Verdict, is_one_of, refuse

__all__ = ["outer_policy"]

_DENIED: Final = """
    execve execveat pivot_root chroot
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_getfd kcmp
    bpf perf_event_open userfaultfd memfd_secret io_uring_setup io_uring_enter io_uring_register
    keyctl add_key request_key
    open_by_handle_at name_to_handle_at fanotify_init fanotify_mark
    fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount
    kexec_load kexec_file_load init_module finit_module delete_module reboot
    settimeofday clock_settime adjtimex clock_adjtime
    swapon swapoff acct quotactl quotactl_fd syslog sysfs ustat uselib lookup_dcookie nfsservctl _sysctl vhangup
    iopl ioperm modify_ldt
    mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages
"""
"""What neither the zygote nor a worker on its way into confinement needs: it forks, changes namespaces, and mounts."""

_AF_UNIX: Final = 1
_TYPING_FOR_ANOTHER: Final = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: input to a terminal as if it were typed
_LINUX, _PERSONALITY_QUERY = 0, 0xFFFF_FFFF


def outer_policy() -> Policy:
    """Return the policy: a list of what is denied, as confining a worker takes calls that confined ones must not have."""
    forbidden = refuse(errno.EPERM)
    rules: dict[str, Verdict] = dict.fromkeys(_DENIED.split(), forbidden)
    # Its flags lie in memory, where no filter sees them; glibc then uses clone.
    rules["clone3"] = refuse(errno.ENOSYS)
    rules["socket"] = Rule((Case((is_one_of(0, _AF_UNIX),), ALLOW),), refuse(errno.EAFNOSUPPORT))
    rules["ioctl"] = Rule((Case((is_one_of(1, *_TYPING_FOR_ANOTHER),), forbidden),), ALLOW)
    rules["personality"] = Rule((Case((is_one_of(0, _LINUX, _PERSONALITY_QUERY),), ALLOW),), forbidden)
    return Policy(rules, default=ALLOW, young=ALLOW)
