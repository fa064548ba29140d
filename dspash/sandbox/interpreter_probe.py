"""Run by the interpreter that a sandbox is to have, as `python -I -S`: prints what that one is made of, as JSON.

It imports nothing but the standard library, and runs no code of any site-packages: neither sitecustomize nor .pth lines.
"""

from __future__ import annotations

import json
import os
import site
import struct
import sys
import sysconfig
from collections.abc import Iterator
from typing import Any

# Extension modules of the standard library that bring shared libraries of their own.
LINKED = ("_bz2", "_ctypes", "_decimal", "_hashlib", "_lzma", "_sqlite3", "_ssl", "_uuid", "_zstd", "zlib")


def describe_interpreter() -> dict[str, Any]:
    """Where it is, where it imports from, and which shared libraries it has mapped. All paths as it names them."""
    stdlib = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    search_path = list(sys.path)
    venv = find_venv()
    sites = find_site_folders(venv)
    for name in LINKED:
        try:
            __import__(name)
        except ImportError:  # built without it
            continue
    return {
        "executable": sys.executable,
        "version": list(sys.version_info[:3]),
        "pyvenv": os.path.join(venv, "pyvenv.cfg") if venv else None,
        "stdlib": [*stdlib, *search_path],
        "sites": sites,
        "linked": [folder for site_folder in sites for folder in read_pth_files(site_folder)],
        "loader": read_loader(),
        "mapped": sorted(read_mapped_files()),
        "zoneinfo": (sysconfig.get_config_var("TZPATH") or "").split(os.pathsep),
    }


def find_venv() -> str | None:
    """The folder of the virtual environment, which `-S` leaves unlooked for before Python 3.14."""
    folder = os.path.dirname(os.path.abspath(sys.executable))
    for candidate in (folder, os.path.dirname(folder)):
        if os.path.isfile(os.path.join(candidate, "pyvenv.cfg")):
            return candidate
    return None


def find_site_folders(venv: str | None) -> list[str]:
    """The site-packages that it would search, without the user's own."""
    prefixes = [sys.base_prefix, sys.base_exec_prefix]
    if venv is not None:
        sys.prefix = sys.exec_prefix = venv  # what Debian's site looks at
        with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8") as settings:
            pairs = [line.partition("=") for line in settings]
        wanted = {key.strip().lower(): value.strip().lower() for key, _, value in pairs}
        prefixes = [venv, *(prefixes if wanted.get("include-system-site-packages") == "true" else [])]
    return site.getsitepackages(list(dict.fromkeys(prefixes)))


def read_pth_files(folder: str) -> Iterator[str]:
    """The folders that .pth files add to the search path; their lines of code are not run."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".pth"))
    except OSError:
        return
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as lines:
            for line in lines:
                text = line.strip()
                if text and not text.startswith(("#", "import ", "import\t")):
                    yield os.path.join(folder, text)


def read_mapped_files() -> set[str]:
    """Every file with code that is mapped into this process."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        parts = [line.split(None, 5) for line in maps]
    return {
        part[5].rstrip("\n")
        for part in parts
        if len(part) == 6 and part[5].startswith("/") and ".so" in part[5]
    }


def read_loader() -> str | None:
    """The dynamic loader that the interpreter's ELF header names (PT_INTERP, type 3); None for a static one."""
    with open("/proc/self/exe", "rb") as image:
        head = image.read(64)
        if head[:5] != b"\x7fELF\x02":
            return None
        order = "<" if head[5] == 1 else ">"
        offset = struct.unpack_from(order + "Q", head, 32)[0]
        size, count = struct.unpack_from(order + "HH", head, 54)
        for place in range(count):
            image.seek(offset + place * size)
            entry = image.read(56)
            kind, start, length = (
                struct.unpack_from(order + form, entry, at)[0] for form, at in (("I", 0), ("Q", 8), ("Q", 32))
            )
            if kind == 3:
                image.seek(start)
                return image.read(length).rstrip(b"\0").decode()
    return None


if __name__ == "__main__":
    print(json.dumps(describe_interpreter()))
