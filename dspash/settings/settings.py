"""Settings: every value that a project may set, with its meaning, bounds and default."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

__all__ = ["ENVIRONMENT_PREFIX", "Settings"]

ENVIRONMENT_PREFIX: Final = "DSPASH_"


def _account() -> str:
    """The name that this process's user logs in with; its number where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user need not be in /etc/passwd; 3.13 raises OSError
        return str(os.getuid())


def _folders(value: object) -> object:
    """A list, or text as PATH has it."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


class Settings(BaseSettings):
    """What `dspash.toml` may say; the variable `DSPASH_` and the key in capitals says the same, and wins; an empty variable is none.

    Keys of providers are not among them: `dspash.toml` is a file to be committed. The gateway reads those from the
    variables that the providers' own tools use, such as OPENAI_API_KEY.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    database_url: Annotated[
        str | None,
        Field(
            description="The database: a SQLite file's path, or a URL such as postgresql://user@host/name. "
            "Without it, a file in this user's data folder.",
            min_length=1,
        ),
    ] = None
    tenant: Annotated[
        str,
        Field(
            description="Whose records are seen and made; every record has one.", min_length=1, max_length=200
        ),
    ] = "default"
    actor: Annotated[
        str,
        Field(
            description="Who the audit says has done it. Without it, the user's name.",
            min_length=1,
            max_length=200,
            default_factory=_account,
        ),
    ]
    lm: Annotated[
        str,
        Field(
            description="The language model that programs use: an alias, or provider/model. `offline` is no LLM.",
            min_length=1,
        ),
    ] = "offline"
    budget_usd: Annotated[
        float | None,
        Field(
            description="US dollars that the models' calls of one command may come to.",
            ge=0,
            allow_inf_nan=False,
        ),
    ] = None
    budget_calls: Annotated[
        int | None, Field(description="Calls of models that one command may make.", ge=0)
    ] = None
    budget_tokens: Annotated[
        int | None, Field(description="Tokens that the models of one command may read and write.", ge=0)
    ] = None
    cache: Annotated[
        bool, Field(description="Whether equal requests to models get the answer that there is.")
    ] = True
    cache_ttl_s: Annotated[
        PositiveFloat | None,
        Field(
            description="How long an answer is good, in seconds. Without it, for ever.", allow_inf_nan=False
        ),
    ] = None
    history: Annotated[
        bool, Field(description="Whether every call of a model is kept, with what was asked and answered.")
    ] = True
    workers: Annotated[int, Field(description="Worker processes.", ge=1, le=64)] = 2
    concurrency: Annotated[PositiveInt, Field(description="Calls that one worker runs at a time.")] = 8
    max_queue: Annotated[PositiveInt, Field(description="Calls that may wait for a slot.")] = 1024
    timeout_s: Annotated[
        PositiveFloat, Field(description="What a call gets, in seconds.", allow_inf_nan=False)
    ] = 120.0
    sandbox: Annotated[
        Literal["strict", "shared-namespaces", "landlock", "process"],
        Field(description="The tier in which programs given as text run; `process` is no sandbox."),
    ] = "strict"
    sandboxes: Annotated[PositiveInt, Field(description="Sandboxed calls that run at a time.")] = 16
    spares: Annotated[int, Field(description="Sandboxed workers kept ready for more calls.", ge=0)] = 8
    python: Annotated[
        str | None,
        Field(
            description="The workers' interpreter, with dspash installed. Without it, this one.", min_length=1
        ),
    ] = None
    python_path: Annotated[
        tuple[Path, ...],
        NoDecode,
        BeforeValidator(_folders),
        Field(description="Folders that workers import from besides; in the variable, separated as in PATH."),
    ] = ()
    max_memory_mb: Annotated[
        PositiveInt | None,
        Field(description="A worker that has grown beyond is replaced. Without it, none is."),
    ] = None
