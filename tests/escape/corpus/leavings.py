"""Leavings: what is left in folders of the host, for it or for later programs to meet."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Proof

__all__ = ["LEAVINGS"]

LEAVINGS: Final = (
    Attempt(
        "file_in_a_host_folder",
        "leave a file in a folder that anybody may write",
        """
        def attempt(planted):
            open(os.path.join(planted["drop"], planted["mark"]), "w").close()
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "folder_in_a_host_folder",
        "leave a folder there",
        """
        def attempt(planted):
            os.mkdir(os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "pipe_in_a_host_folder",
        "leave a named pipe, which whoever opens it waits for",
        """
        def attempt(planted):
            os.mkfifo(os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "symlink_in_a_host_folder",
        "leave a symbolic link for the host to follow",
        """
        def attempt(planted):
            os.symlink("/etc/passwd", os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "host_file_renamed",
        "rename a file of the host",
        """
        def attempt(planted):
            os.rename(planted["loose_file"], os.path.join(planted["drop"], planted["mark"]))
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "file_among_the_libraries",
        "leave a file where every later program imports from",
        """
        import sysconfig

        def attempt(planted):
            paths = sysconfig.get_paths()
            for folder in (planted["library"], paths["purelib"], paths["stdlib"], *sys.path[1:]):
                try:
                    open(os.path.join(folder, planted["mark"]), "w").close()
                    return
                except OSError:
                    continue
        """,
        proof=Proof.SEEN,
    ),
    Attempt(
        "file_in_tmp",
        "leave a file in the folders for temporary ones",
        """
        def attempt(planted):
            for folder in ("/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mqueue"):
                try:
                    open(os.path.join(folder, planted["mark"]), "w").close()
                except OSError:
                    continue
        """,
        proof=Proof.SEEN,
    ),
)
