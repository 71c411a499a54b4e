"""What each kind of process looks after: its checks, and what it can only look up."""

from collections.abc import Callable
from pathlib import Path

from nexus.app import schema
from nexus.app.datadir import DataDirectory
from nexus.app.holding import KeyHold
from nexus.app.settings import Settings
from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.the_key_service import readable, require_room
from nexus.app.telemetry.watch import Watch
from nexus.iam.gate import Gate
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError, Unavailable
from nexus.objects.blobs.copies import copies_needed
from nexus.objects.blobs.place import Place


def ground(watch: Watch, hold: KeyHold, database: Database, directory: DataDirectory) -> None:
    """What every process that touches health data cannot work without."""
    health, tallies = watch.health, watch.tallies
    health.add(Component.KEYS, hold.require)
    thread = readable(watch, database)
    health.add_slow(Component.SCHEMA, lambda: schema.require_current(database), thread)
    health.add_slow(Component.DISK, lambda: require_room(directory.root))
    lease, queue = tallies.number(catalogue.KEY_LEASE), tallies.number(catalogue.WAITING_WRITERS)

    def look() -> None:
        lease.set(int(_holds(hold.require)))
        queue.set(database.waiting)

    tallies.look(look)


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
        watch.health.add_slow(Component.BLOBS, lambda: require_room(directory.blobs))
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
    require_room(place.folder)


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except (NexusError, OSError):
        return False
    return True
