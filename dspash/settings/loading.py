"""Loading: the settings that hold here, each with its origin; every wrong one named with its place."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from dspash.errors import ConfigurationError
from dspash.settings.config_file import ConfigFile, find_config_file, read_config_file
from dspash.settings.origin import DEFAULT, Origin, OriginKind
from dspash.settings.settings import ENVIRONMENT_PREFIX, Settings

__all__ = ["CONFIG_VARIABLE", "LoadedSettings", "load_settings"]

CONFIG_VARIABLE: Final = "DSPASH_CONFIG"
_NO_SETTINGS: Final = (CONFIG_VARIABLE, "DSPASH_PARENT", "DSPASH_SECRET_KEY", "DSPASH_WORKER")
_NO_SETTINGS_PREFIXES: Final = ("DSPASH_TEST_", "DSPASH_BENCH_")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """`origins` has every setting's; `file` is the `dspash.toml` that was read, if there was one."""

    values: Settings
    origins: Mapping[str, Origin]
    file: Path | None


def load_settings(
    *,
    folder: Path | None = None,
    file: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Read the settings that hold in `folder` (the working directory).

    `file` is read in place of the `dspash.toml` found there or above it, and so is the one that DSPASH_CONFIG names.
    `options` win over the environment, the environment over the file, the file over the defaults; None is no value.
    Paths in the file are relative to it, others to `folder`.

    Raises ConfigurationError for the first wrong value, and how many more there are: the place, why, what to do.
    """
    folder = Path.cwd() if folder is None else folder
    config_file = _config_file(folder, file)
    _refuse_unknown_variables()
    chosen = {name: value for name, value in (options or {}).items() if value is not None}
    environment = dict(EnvSettingsSource(Settings)())
    from_file = {} if config_file is None else dict(config_file.values)
    if config_file is not None:
        _refuse_unknown_keys(config_file)
    origins = {name: _origin_of(name, chosen, environment, config_file) for name in Settings.model_fields}
    try:
        values = Settings.model_validate({**from_file, **environment, **chosen})
    except ValidationError as error:
        raise _wrong_value(error, origins) from None
    base = {OriginKind.FILE: folder if config_file is None else config_file.path.absolute().parent}
    anchored = _anchored(values, {name: base.get(origin.kind, folder) for name, origin in origins.items()})
    return LoadedSettings(anchored, origins, None if config_file is None else config_file.path)


def _config_file(folder: Path, file: Path | None) -> ConfigFile | None:
    if file is None and (named := os.environ.get(CONFIG_VARIABLE)):
        file = Path(named)
    path = find_config_file(folder) if file is None else folder / file.expanduser()
    return None if path is None else read_config_file(path)


def _origin_of(
    name: str, options: Mapping[str, Any], environment: Mapping[str, Any], file: ConfigFile | None
) -> Origin:
    if name in options:
        return Origin(OriginKind.OPTION, f"--{name.replace('_', '-')}")
    if name in environment:
        return Origin(OriginKind.ENVIRONMENT, f"{ENVIRONMENT_PREFIX}{name.upper()}")
    if file is not None and name in file.values:
        return Origin(OriginKind.FILE, file.place_of(name))
    return DEFAULT


def _refuse_unknown_variables() -> None:
    """A misspelt variable would otherwise have no effect and say nothing."""
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(os.environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or name.startswith(_NO_SETTINGS_PREFIXES):
            continue
        key = name.removeprefix(ENVIRONMENT_PREFIX)
        if name not in _NO_SETTINGS and key not in known:
            way_out = _suggestion(key, known, "unset it", prefix=ENVIRONMENT_PREFIX)
            raise ConfigurationError(name, "there is no setting for this variable", way_out)


def _refuse_unknown_keys(file: ConfigFile) -> None:
    known = list(Settings.model_fields)
    for key in file.values:
        if key not in known:
            problem = f"there is no setting {key!r:.60}"
            raise ConfigurationError(file.place_of(key), problem, _suggestion(key, known, "remove it"))


def _suggestion(name: str, known: list[str], otherwise: str, *, prefix: str = "") -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    return f"{otherwise}; dspash config --describe lists what there is"


def _wrong_value(error: ValidationError, origins: Mapping[str, Origin]) -> ConfigurationError:
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    name, *steps = (str(step) for step in first["loc"])
    origin = origins.get(name, DEFAULT)
    place = f"{origin}: {'.'.join([name, *steps])}" if origin.kind is OriginKind.FILE else str(origin)
    more = f" (and {len(others)} more wrong values)" if others else ""
    return ConfigurationError(
        place, f"{first['msg']}{more}", "dspash config --describe says what each may be"
    )


def _anchored(values: Settings, base: Mapping[str, Path]) -> Settings:
    """The same settings with relative paths made absolute, from the folder that each belongs to."""
    changes: dict[str, Any] = {}
    if values.database_url is not None and "://" not in values.database_url:
        changes["database_url"] = str(base["database_url"] / Path(values.database_url).expanduser())
    if values.python is not None and os.sep in values.python:
        changes["python"] = str(base["python"] / Path(values.python).expanduser())
    if values.python_path:
        changes["python_path"] = tuple(base["python_path"] / one.expanduser() for one in values.python_path)
    return values.model_copy(update=changes)
