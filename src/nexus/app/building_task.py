"""What `nexus warehouse build` asks of the platform, and how the process that builds tells how far it is."""

import os
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from nexus.app.datadir import DataDirectory
from nexus.app.handoff import Answer

ACTION: Final = "warehouse.build"
MEMORY: Final = "4GB"


class BuildTask(Struct, frozen=True, kw_only=True):
    """How to build. Paths are absolute."""

    user: str
    """Who asked for it, on this machine."""
    vocabulary: str = ""
    lists: dict[str, str] = {}
    mappings: str = ""
    memory: str = MEMORY
    threads: int = 0
    """0: all of the machine."""
    again: bool = False
    smaller: bool = False


class BuildProgress(Struct, frozen=True, kw_only=True):
    """How far it is."""

    state: Literal["running", "done", "failed"]
    step: str = ""
    done: int = 0
    total: int = 0
    """0: not known."""
    built: dict[str, Any] | None = None
    """`warehouse.building.model.Built`, once it is done."""
    error: Answer | None = None


def report(directory: DataDirectory) -> Path:
    """Where it is told."""
    return directory.run / "warehouse.json"


def write(path: Path, progress: BuildProgress) -> None:
    """Whole or not at all; not durable, for it means something only while the platform runs."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(progress))
    new.replace(path)


def read(path: Path) -> BuildProgress | None:
    """What was told last."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=BuildProgress)
    except FileNotFoundError:
        return None
