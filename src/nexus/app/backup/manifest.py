"""What a backup holds: every file with its size and hash. docs/formats/backup.md"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nexus.app.datadir import write_durably
from nexus.kernel.errors import Conflict, Damaged, NotFound

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PART: Final = 1 << 20
"""Bytes hashed and copied at a time."""

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)"""


class FileLine(Struct, frozen=True, array_like=True):
    """One file: path inside the backup, bytes, SHA-256 (hex)."""

    path: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """Everything that a restore checks before it writes anything."""

    format: int
    instance: str
    version: str
    """Of the Nexus that made it."""
    at: int
    """When the database was copied, microseconds since 1970."""
    log_size: int
    """Entries of the audit log in it."""
    files: tuple[FileLine, ...]

    @property
    def bytes(self) -> int:
        return sum(line.size for line in self.files)


def describe(root: Path) -> Iterator[FileLine]:
    """A line for each file below `root`, in order of path."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield FileLine(path.relative_to(root).as_posix(), path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    """SHA-256 of a file (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(root: Path, manifest: Manifest) -> None:
    """The last act of a backup: without it, there is none."""
    write_durably(root / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read(root: Path) -> Manifest:
    """The manifest of a backup. Raises NotFound, Damaged, or Conflict on a newer format."""
    try:
        manifest = msgspec.json.decode((root / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise NotFound(
            f"{root} is no backup, or one that was not finished", code="backup.missing", hint="name its directory"
        ) from error
    except msgspec.DecodeError as error:
        raise Damaged(f"the manifest of {root} cannot be read", code="backup.manifest") from error
    if manifest.format > FORMAT:
        raise Conflict("a newer Nexus made this backup", code="backup.newer-format", hint="restore it with that one")
    return manifest


def verify(root: Path, manifest: Manifest, progress: Progress = lambda done, total: None) -> None:
    """Compare every file with its line. Raises Damaged, naming the first that differs."""
    done = 0
    for line in manifest.files:
        path = _inside(root, line.path)
        if not path.is_file() or path.stat().st_size != line.size or digest(path) != line.sha256:
            raise Damaged(
                f"{line.path} in the backup is missing or was changed",
                code="backup.damaged",
                hint="take another backup",
            )
        done += line.size
        progress(done, manifest.bytes)


def _inside(root: Path, name: str) -> Path:
    """A path of the manifest; one that leads out of the backup is as bad as a damaged file."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise Damaged("the manifest names a file outside the backup", code="backup.manifest")
    return path
