"""When backups were made: one line of JSON for each, in the data directory."""

import msgspec
from msgspec import Struct

from nexus.app.datadir import DataDirectory
from nexus.kernel.clock import Instant


class BackupLine(Struct, frozen=True, kw_only=True):
    """One backup that was made of this directory. Where it lies is nobody's business here."""

    at: int
    log_size: int
    bytes: int


def note_backup(directory: DataDirectory, line: BackupLine) -> None:
    """Remember a backup that is complete."""
    with directory.backups.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\n")


def last_backup(directory: DataDirectory) -> Instant | None:
    """When the last one was made, or None."""
    try:
        lines = directory.backups.read_bytes().split(b"\n")
        return Instant(msgspec.json.decode([line for line in lines if line][-1], type=BackupLine).at)
    except (FileNotFoundError, IndexError, msgspec.DecodeError):
        return None
