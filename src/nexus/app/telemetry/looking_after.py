"""What each kind of process looks after: its checks, and what it can only look up."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from nexus.app import schema
from nexus.app.datadir import DataDirectory
from nexus.app.holding import KeyHold
from nexus.app.settings import Settings
from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.watch import Watch
from nexus.iam.gate import Gate
from nexus.kernel import outbox
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError, Unavailable
from nexus.objects.blobs.copies import Place, copies_needed

LEAST_FREE_BYTES: Final = 16 << 20
"""Less than this is no disk to write to; `free_space_min_mib` complains long before."""


def ground(watch: Watch, hold: KeyHold, database: Database, directory: DataDirectory) -> None:
    """What every process that touches health data cannot work without."""
    health, tallies = watch.health, watch.tallies
    health.add(Component.KEYS, hold.require)
    thread = _database(watch, database)
    health.add_slow(Component.SCHEMA, lambda: schema.require_current(database), thread)
    health.add_slow(Component.DISK, lambda: _require_room(directory.root))
    lease, queue = tallies.number(catalogue.KEY_LEASE), tallies.number(catalogue.WAITING_WRITERS)

    def look() -> None:
        lease.set(int(_holds(hold.require)))
        queue.set(database.waiting)

    tallies.look(look)


def key_service(watch: Watch, directory: DataDirectory, is_open: Callable[[], bool], database: Database) -> None:
    """What the key service cannot work without: that it is unsealed, and its own database."""

    def unsealed() -> None:
        if not is_open():
            raise Unavailable("sealed", code="kms.sealed")

    watch.health.add(Component.KEYS, unsealed)
    _database(watch, database)
    watch.health.add_slow(Component.DISK, lambda: _require_room(directory.root))
    number, queue = watch.tallies.number(catalogue.UNSEALED), watch.tallies.number(catalogue.WAITING_WRITERS)
    waiting = watch.tallies.number(catalogue.OUTBOX_WAITING)

    def look() -> None:
        number.set(int(is_open()))
        queue.set(database.waiting)
        with database.read() as tx:
            waiting.set(outbox.waiting(tx), "key_service")

    watch.tallies.look(look)


def gate(watch: Watch, asked: Gate) -> None:
    """How often a door's gate was asked; each question is traced, where the request is."""
    asked.observer = watch.decisions
    number = watch.tallies.number(catalogue.DECISIONS)

    def look() -> None:
        for source, counts in zip(("rights", "memory"), asked.answered, strict=True):
            for decision, count in zip(("denied", "allowed"), counts, strict=True):
                number.set(count, source, decision)

    watch.tallies.look(look)


def contents(watch: Watch, settings: Settings, directory: DataDirectory) -> None:
    """The places of contents: as many as a write asks for are there. An S3 store of the installation watches itself."""
    if settings.blob_engine_url:
        return
    if not settings.blob_folders:
        watch.health.add_slow(Component.BLOBS, lambda: _require_room(directory.blobs))
        return
    places = [Place(Path(folder), directory.instance) for folder in settings.blob_folders]
    least = copies_needed(len(places), settings.blob_copies_least)

    def enough() -> None:
        if sum(map(is_usable, places)) < least:
            raise Unavailable("places of contents are away", code="blobs.away")

    watch.health.add_slow(Component.BLOBS, enough)


def is_usable(place: Place) -> bool:
    """Whether a place is there, bears our mark and has room."""
    return _holds(lambda: _require_place(place))


def _require_place(place: Place) -> None:
    if not place.is_marked():
        raise Unavailable("a place of contents is away", code="blobs.away")
    _require_room(place.folder)


def _require_room(folder: Path) -> None:
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise Unavailable("next to no space is left", code="disk.full")


def _database(watch: Watch, database: Database) -> ThreadPoolExecutor:
    """That it can be read, in a thread (it may be on a server), and has not just refused a commit. Returns the thread."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="health of the database")
    watch.health.add(Component.DATABASE, watch.refused.require)
    watch.health.add_slow(Component.DATABASE, lambda: _read(database), thread)
    return thread


def _read(database: Database) -> None:
    database.peek("SELECT 1")


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except (NexusError, OSError):
        return False
    return True
