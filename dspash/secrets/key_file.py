"""KeyFile: where the keys of the vault are when no variable holds them: a file that its user alone may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.secrets.vault import KEY_VARIABLE, Vault, new_key

__all__ = ["KeyFile", "user_vault"]

_OWN: Final = stat.S_IRUSR | stat.S_IWUSR
_NAME: Final = "secret.key"
_MOST_BYTES: Final = 65_536


class KeyFile:
    """One key a line, the newest first. Made when the first secret is to be sealed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"KeyFile({str(self.path)!r})"

    def keys(self) -> list[str]:
        """The keys; of a file that is not there, a new one, which is there afterwards.

        Raises ConfigurationError for a file that others may read, and one that cannot be read or made.
        """
        try:
            try:
                return self._read()
            except FileNotFoundError:
                self._make()
                return self._read()
        except OSError as error:
            raise self._unfit(
                f"cannot be read or made: {error.strerror}", f"mend that, or set {KEY_VARIABLE}"
            ) from None

    def _read(self) -> list[str]:
        with self.path.open("rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
                raise self._unfit(
                    "others may read it, or own it", f"run chmod 600 {self.path}, and make new keys"
                )
            content = file.read(_MOST_BYTES).decode(errors="replace")
        keys = content.split()
        if not keys:
            raise self._unfit("holds no key", "put back the keys that secrets were sealed with")
        return keys

    def _make(self) -> None:
        """Write a first key. Of several processes that do so at once, one wins, and all read what that one wrote."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWN)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(new_key() + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _unfit(self, problem: str, way_out: str) -> ConfigurationError:
        return ConfigurationError(str(self.path), problem, way_out)


def user_vault(environ: Mapping[str, str], folder: Path | None = None) -> Vault:
    """The vault of this user: its keys are in DSPASH_SECRET_KEY, else in a file in the user's data folder."""

    def keys() -> list[str]:
        given = [key.strip() for key in environ.get(KEY_VARIABLE, "").split(",") if key.strip()]
        if given:
            return given
        import platformdirs

        return KeyFile((folder or platformdirs.user_data_path("dspash")) / _NAME).keys()

    return Vault(keys, environ)
