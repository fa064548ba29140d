"""ConfinementPlan: what a zygote is to do to a worker before the worker's first untrusted byte."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Final

from dspash_protocol.fields import Fields
from dspash_protocol.limits import MAX_FRAME
from dspash_protocol.values import WireMap

__all__ = ["ConfinementPlan", "Layer", "ResourceLimits", "WorkerOptions"]

SCRATCH: Final = "/box"


class Layer(StrEnum):
    """What confines a worker; a plan names those that are to be applied."""

    NAMESPACES = "namespaces"
    MOUNTS = "mounts"
    RLIMITS = "rlimits"
    LANDLOCK = "landlock"
    CAPABILITIES = "capabilities"
    NONDUMPABLE = "nondumpable"
    SECCOMP = "seccomp"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """What one worker may use, in whole numbers; 0 sets no limit. Sizes in bytes, CPU time in seconds."""

    address_space_bytes: int = 0
    data_bytes: int = 0
    cpu_s: int = 0
    file_bytes: int = 0
    open_files: int = 0
    threads: int = 0
    scratch_bytes: int = 0
    scratch_inodes: int = 0

    def to_map(self) -> WireMap:
        """The wire form."""
        return asdict(self)

    @classmethod
    def from_fields(cls, raw: Fields) -> ResourceLimits:
        """Read the wire form. Raises InvalidPayloadError."""
        return cls(**{limit.name: raw.count(limit.name) for limit in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """How the worker serves: what the arguments of `python -m dspash_worker` say. `max_frame` in bytes.

    `opening` are the frames with which the host opens the session, `hello` first, if the worker is to have heard them
    before it is born: it answers them at its birth, and they do not come through its channel.
    """

    concurrency: int = 8
    max_frame: int = MAX_FRAME
    opening: tuple[bytes, ...] = ()

    def to_map(self) -> WireMap:
        """The wire form."""
        return {
            "concurrency": self.concurrency,
            "max_frame": self.max_frame,
            "opening": list(self.opening),
        }

    @classmethod
    def from_fields(cls, raw: Fields) -> WorkerOptions:
        """Read the wire form. Raises InvalidPayloadError."""
        return cls(
            concurrency=raw.count("concurrency"),
            max_frame=raw.count("max_frame"),
            opening=raw.blobs("opening"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinementPlan:
    """One worker's confinement.

    `tier` is the name the layers are known under, and is only told. `scratch` is the one folder it may write,
    `readable` and `devices` are the only paths Landlock leaves it. `init` gives its PID namespace a first process apart
    from it, as trusted code needs that means to signal itself; without, the worker is that process.
    """

    tier: str
    layers: frozenset[Layer] = frozenset()
    scratch: str = SCRATCH
    readable: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    init: bool = False
    options: WorkerOptions = field(default_factory=WorkerOptions)

    def to_map(self) -> WireMap:
        """The wire form."""
        return {
            "tier": self.tier,
            "layers": sorted(self.layers),
            "scratch": self.scratch,
            "readable": list(self.readable),
            "devices": list(self.devices),
            "limits": self.limits.to_map(),
            "init": self.init,
            "options": self.options.to_map(),
        }

    @classmethod
    def from_fields(cls, raw: Fields) -> ConfinementPlan:
        """Read the wire form. Raises InvalidPayloadError: a layer that is not known is refused, never left out."""
        return cls(
            tier=raw.text("tier"),
            layers=_read_layers(raw),
            scratch=raw.text("scratch"),
            readable=raw.texts("readable"),
            devices=raw.texts("devices"),
            limits=ResourceLimits.from_fields(raw.map("limits")),
            init=raw.flag("init"),
            options=WorkerOptions.from_fields(raw.map("options")),
        )

    @classmethod
    def from_map(cls, raw: WireMap) -> ConfinementPlan:
        """Read the wire form. Raises InvalidPayloadError with the path of what is missing or mistyped."""
        return cls.from_fields(Fields(raw))


def _read_layers(raw: Fields) -> frozenset[Layer]:
    names = raw.texts("layers")
    known = {layer.value for layer in Layer}
    for place, name in enumerate(names):
        if name not in known:
            raise raw.refuse(f"layers[{place}]", f"{name!r} is none of {', '.join(Layer)}")
    return frozenset(Layer(name) for name in names)
