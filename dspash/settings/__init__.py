"""Settings: what holds for every command and app of a project, from `dspash.toml` and the environment."""

from __future__ import annotations

from dspash.settings.config_file import CONFIG_FILE_NAME, find_config_file
from dspash.settings.loading import LoadedSettings, load_settings
from dspash.settings.origin import Origin, OriginKind
from dspash.settings.settings import ENVIRONMENT_PREFIX, Settings

__all__ = [
    "CONFIG_FILE_NAME",
    "ENVIRONMENT_PREFIX",
    "LoadedSettings",
    "Origin",
    "OriginKind",
    "Settings",
    "find_config_file",
    "load_settings",
]
