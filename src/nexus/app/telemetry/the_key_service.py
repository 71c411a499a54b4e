"""What the key service cannot work without. A file of its own: that process loads nothing of the services above it."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from nexus.app.datadir import DataDirectory
from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.watch import Watch
from nexus.kernel import outbox
from nexus.kernel.database import Database
from nexus.kernel.errors import Unavailable

LEAST_FREE_BYTES: Final = 16 << 20
"""Less than this is no disk to write to; `free_space_min_mib` complains long before."""


def key_service(watch: Watch, directory: DataDirectory, is_open: Callable[[], bool], database: Database) -> None:
    """What the key service cannot work without: that it is unsealed, and its own database."""

    def unsealed() -> None:
        if not is_open():
            raise Unavailable("sealed", code="kms.sealed")

    watch.health.add(Component.KEYS, unsealed)
    readable(watch, database)
    watch.health.add_slow(Component.DISK, lambda: require_room(directory.root))
    number, queue = watch.tallies.number(catalogue.UNSEALED), watch.tallies.number(catalogue.WAITING_WRITERS)
    waiting = watch.tallies.number(catalogue.OUTBOX_WAITING)

    def look() -> None:
        number.set(int(is_open()))
        queue.set(database.waiting)
        with database.read() as tx:
            waiting.set(outbox.waiting(tx), "key_service")

    watch.tallies.look(look)


def require_room(folder: Path) -> None:
    """Raises Unavailable where next to no space is left."""
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        raise Unavailable("next to no space is left", code="disk.full")


def readable(watch: Watch, database: Database) -> ThreadPoolExecutor:
    """That it can be read, in a thread (it may be on a server), and has not just refused a commit. Returns the thread."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="health of the database")
    watch.health.add(Component.DATABASE, watch.refused.require)
    watch.health.add_slow(Component.DATABASE, lambda: _read(database), thread)
    return thread


def _read(database: Database) -> None:
    database.peek("SELECT 1")
