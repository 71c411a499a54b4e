"""Makes a backup of a running platform, in numbered steps. The order is what makes it consistent.

1. The files of the log: what they sign is at most what the database, copied later, holds.
2. The database: one snapshot, in a file under the platform's key, also where it lies on a server.
3. The blobs: each blob that the snapshot knows was complete before its row was. They are linked first, which takes a
   moment, and copied then, so that what is deleted meanwhile is still there.
4. The two levels of pseudonyms, where there are any: the ledger, then the linkage table, which knows everybody in it.
5. The key service: it knows every key that the databases rely on, for it is copied last.
6. The rest: wrapped keys, certificate, description.
7. The manifest.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus import __version__
from nexus.app.backup import manifest as manifests
from nexus.app.backup.history import BackupLine, note_backup
from nexus.app.backup.manifest import FORMAT, Manifest
from nexus.app.datadir import DataDirectory, sync_directory
from nexus.audit import store as log
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict, Unavailable
from nexus.objects.blobs.place import MARK

KMS_DATABASE: Final = "kms.db"
LINKED: Final = "backup-"
"""Beginning of the name of a directory of links, in a place of blobs, while they are copied."""
Copy = Callable[[Path], None]
_LEFT_OUT: Final = (".lock", "-wal", "-shm", ".new")
"""Endings of files that mean something only to a running process."""


@dataclass(slots=True)
class Stage:
    """How far a backup is: what is being copied, and how much of it. Read by others while it changes."""

    what: str = ""
    done: int = 0
    total: int = 0

    def enter(self, what: str, total: int = 0) -> None:
        self.what, self.done, self.total = what, 0, total


def make(
    directory: DataDirectory,
    database: Database,
    destination: Path,
    clock: Clock,
    stage: Stage,
    *,
    blobs: Sequence[Path] = (),
    levels: Copy = lambda target: None,
) -> Manifest:
    """Write a backup into `destination`, a new or empty directory outside the data directory. Blocks.

    `blobs`: the directories that each hold every blob, where there are several; one that is away is passed over.
    `levels`: writes the databases of pseudonyms and their wrapped keys into a folder.

    Raises Conflict on a bad destination, Unavailable when the disk refuses; then there is no manifest, and no backup.
    """
    _check(directory, destination)
    try:
        return _make(directory, database, destination, clock, stage, blobs=blobs or (directory.blobs,), levels=levels)
    except OSError as error:
        raise Unavailable(
            f"the backup could not be written: {error.strerror}",
            code="backup.disk",
            hint="free space at its destination",
        ) from error


def _make(
    directory: DataDirectory,
    database: Database,
    destination: Path,
    clock: Clock,
    stage: Stage,
    *,
    blobs: Sequence[Path],
    levels: Copy,
) -> Manifest:
    destination.mkdir(mode=0o700, parents=True, exist_ok=True)
    stage.enter("log")
    _copy_tree(directory.log, destination / "log")
    stage.enter("database")
    with database.read() as tx:
        log_size = log.read_head(tx).size
    at = clock.now()
    database.copy_to(destination / directory.database.name, lambda done, total: _set(stage, done, total))
    _copy_blobs(blobs, destination / "blobs", stage)
    stage.enter("pseudonyms")
    levels(destination / "pseudonyms")
    stage.enter("keys")
    _copy_kms(directory, destination / "kms")
    for folder in (directory.keys, directory.root / "tls", directory.recordings):
        if folder.exists():  # recordings come with the first one
            _copy_tree(folder, destination / folder.name)
    for file in (directory.description, directory.marker):
        if file.exists():
            _copy_file(file, destination / file.name)
    stage.enter("manifest")
    made = Manifest(
        format=FORMAT,
        instance=directory.instance,
        version=__version__,
        at=at,
        log_size=log_size,
        files=tuple(manifests.describe(destination)),
    )
    manifests.write(destination, made)
    note_backup(directory, BackupLine(at=at, log_size=log_size, bytes=made.bytes))
    return made


def _set(stage: Stage, done: int, total: int) -> None:
    stage.done, stage.total = done, total


def _check(directory: DataDirectory, destination: Path) -> None:
    if destination.resolve().is_relative_to(directory.root):
        raise Conflict(
            "a backup inside the data directory saves nothing", code="backup.inside", hint="name another disk"
        )
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise Conflict(f"{destination} is not empty", code="backup.not-empty", hint="name a new directory")


def _copy_blobs(places: Sequence[Path], target: Path, stage: Stage) -> None:
    """Each blob once, from the first place that has it. The links lie in the place itself: they cross no file system."""
    present = [place for place in places if place.is_dir()]
    for left in [links for place in present for links in place.glob(f"{LINKED}*")]:
        shutil.rmtree(left, ignore_errors=True)  # by a backup that was killed
    linked = [place / f"{LINKED}{os.getpid()}" for place in present]
    try:
        sizes = [_link_tree(place, links) for place, links in zip(present, linked, strict=True)]
        stage.enter("blobs", max(sizes, default=0))
        for links in linked:
            _copy_tree(links, target, stage=stage, without=(MARK,))
    finally:
        for links in linked:
            shutil.rmtree(links, ignore_errors=True)


def _link_tree(source: Path, target: Path) -> int:
    """Link every file; returns their bytes. A file that is deleted this very moment is left out: its row is gone."""
    target.mkdir(mode=0o700)
    total = 0
    for entry in list(os.scandir(source)):
        if entry.name.startswith(LINKED):
            continue
        if entry.is_dir(follow_symlinks=False):
            total += _link_tree(Path(entry.path), target / entry.name)
        else:
            with suppress(FileNotFoundError):
                os.link(entry.path, target / entry.name)
                total += entry.stat().st_size
    return total


def _copy_kms(directory: DataDirectory, target: Path) -> None:
    _copy_tree(directory.kms, target, without=(KMS_DATABASE,))
    with (
        closing(sqlite3.connect(f"file:{directory.kms / KMS_DATABASE}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(target / KMS_DATABASE)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    _sync(target / KMS_DATABASE)


def _copy_tree(source: Path, target: Path, without: tuple[str, ...] = (), stage: Stage | None = None) -> None:
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        if entry.name in without or entry.name.endswith(_LEFT_OUT):
            continue
        if entry.is_dir(follow_symlinks=False):
            _copy_tree(Path(entry.path), target / entry.name, stage=stage)
        elif entry.is_file(follow_symlinks=False):
            if (target / entry.name).exists():
                continue  # another place had it
            with suppress(FileNotFoundError):
                _copy_file(Path(entry.path), target / entry.name)
            if stage is not None:
                stage.done += entry.stat().st_size
    sync_directory(target)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    _sync(target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
