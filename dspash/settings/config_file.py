"""ConfigFile: `dspash.toml`, found from where a command stands and read with the places of its keys."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dspash.errors import ConfigurationError

__all__ = ["CONFIG_FILE_NAME", "ConfigFile", "find_config_file", "read_config_file"]

CONFIG_FILE_NAME: Final = "dspash.toml"
_LARGEST_BYTES: Final = 1 << 20  # a configuration is typed by hand: anything larger is some other file

_KEY_AT_LINE: Final = re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[.=]""")
_TABLE_AT_LINE: Final = re.compile(r"""^\s*\[\[?\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))""")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """`values` are those of the file, unchecked; `text` is what it says."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def place_of(self, key: str) -> str:
        """The file and the line where the top-level `key` stands: `dspash.toml, line 3`."""
        in_table = False
        for number, line in enumerate(self.text.splitlines(), start=1):
            if table := _TABLE_AT_LINE.match(line):
                in_table = True
                if key in table.groups():
                    return f"{self.path}, line {number}"
            elif not in_table and (named := _KEY_AT_LINE.match(line)) and key in named.groups():
                return f"{self.path}, line {number}"
        return str(self.path)


def find_config_file(folder: Path) -> Path | None:
    """The `dspash.toml` of `folder` or of the nearest folder above it."""
    folder = folder.absolute()
    for candidate in (folder, *folder.parents):
        if (path := candidate / CONFIG_FILE_NAME).is_file():
            return path
    return None


def read_config_file(path: Path) -> ConfigFile:
    """Read it. Raises ConfigurationError for a file that cannot be read, with the place for one that is no TOML."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigurationError(str(path), "it is larger than 1 MiB", "name a dspash.toml")
        text = path.read_text(encoding="utf-8")
        return ConfigFile(path, text, tomllib.loads(text))
    except FileNotFoundError:
        raise ConfigurationError(
            str(path), "there is no such file", "run dspash init, or name another"
        ) from None
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise ConfigurationError(str(path), problem, "name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "it is no UTF-8 text", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(path), f"it is no TOML: {error}", "mend the file") from None
