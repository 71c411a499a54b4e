"""Makes a data directory from a backup, in numbered steps.

1. Every file of the backup is what the manifest says.
2. The files are copied into a new directory.
3. A note says that this is a restored directory; the first start records it in the audit log.
4. `nexus.toml` comes last: it makes the directory a platform. It names no database server any more: a restored platform has
   its database in a file, so that a rehearsal never touches the server that others work on. `nexus database move` moves it.
   Nor does it name folders of blobs: all of them lie in the directory, and other disks are taken in again (`add-place`).

The register of anchors is not part of any backup. On the same machine it is still where it was; elsewhere it must be
brought along, and the setting `anchors` must name it. Keys that were destroyed since the backup stay destroyed.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nexus.app.backup import manifest as manifests
from nexus.app.backup.manifest import MANIFEST, Manifest, Progress
from nexus.app.datadir import DataDirectory, open_directory, sync_directory, write_durably
from nexus.app.description import BLOB_FOLDERS, DATABASE, changed
from nexus.kernel.errors import Conflict, Unavailable

NOTE: Final = "restored.json"
_FOLDERS: Final = ("blobs", "kms", "log", "keys", "tls", "run", "recordings")


class RestoreNote(Struct, frozen=True, kw_only=True):
    """What was restored; lies in the directory until the audit log has it."""

    backup_at: int
    log_size: int
    version: str


def restore(source: Path, root: Path, progress: Progress = lambda done, total: None) -> DataDirectory:
    """Restore a backup into `root`, a new or empty directory. Blocks.

    Raises Conflict if there is something already, Damaged if the backup is not whole; then nothing is left behind.
    """
    manifest = manifests.read(source)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise Conflict(f"{root} is not empty", code="data.not-empty", hint="a restore needs a new directory")
    manifests.verify(source, manifest, lambda done, total: progress(done, 2 * total))
    try:
        return _restore(source, root, manifest, progress)
    except OSError as error:
        shutil.rmtree(root, ignore_errors=True)
        raise Unavailable(f"the restore could not be written: {error.strerror}", code="backup.disk") from error


def read_note(directory: DataDirectory) -> RestoreNote | None:
    """The note of a restored directory, until it is in the log."""
    try:
        return msgspec.json.decode((directory.root / NOTE).read_bytes(), type=RestoreNote)
    except FileNotFoundError:
        return None


def drop_note(directory: DataDirectory) -> None:
    """The audit log has it."""
    (directory.root / NOTE).unlink(missing_ok=True)
    sync_directory(directory.root)


def _restore(source: Path, root: Path, manifest: Manifest, progress: Progress) -> DataDirectory:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    for folder in _FOLDERS:
        (root / folder).mkdir(mode=0o700)
    done = manifest.bytes
    for line in manifest.files:
        if line.path in ("nexus.toml", MANIFEST):
            continue
        target = root / line.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source / line.path, target)
        target.chmod(0o600)
        done += line.size
        progress(done, 2 * manifest.bytes)
    note = RestoreNote(backup_at=manifest.at, log_size=manifest.log_size, version=manifest.version)
    write_durably(root / NOTE, msgspec.json.encode(note))
    for path in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        sync_directory(path)
    described = (source / "nexus.toml").read_text("utf-8")
    write_durably(root / "nexus.toml", changed(described, dict.fromkeys((*DATABASE, *BLOB_FOLDERS))).encode())
    return open_directory(root)
