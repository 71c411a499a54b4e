"""What the worker looks up for the whole platform: sizes, backlogs, the log and its witnesses, the places of contents.

Every few seconds only, and what is on disks in a thread: a disk that hangs keeps its last numbers and disturbs nobody.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from nexus.app.chores.publishing import Publishing
from nexus.app.chores.scrubbing import Scrubber
from nexus.app.datadir import DataDirectory
from nexus.app.settings import Settings
from nexus.app.telemetry import catalogue, labels
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.looking_after import is_usable
from nexus.app.telemetry.tally import Tallies
from nexus.app.telemetry.watch import Watch
from nexus.kernel import outbox
from nexus.kernel.clock import SECOND, Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError, Unavailable
from nexus.mail import outbox as mail
from nexus.objects.blobs.place import Place
from nexus.objects.scrubbing import Round

LOOK_EVERY_S: Final = 5.0
LOG_LATE_S: Final = 60.0
"""A log that was not published for so long is not being published."""


class ChoresWatch:
    """Watches the worker's chores."""

    def __init__(self, tallies: Tallies, clock: Clock, names: Sequence[str]) -> None:
        tallies.know(labels.CHORE, names)
        self._clock = clock
        self._success = tallies.number(catalogue.CHORE_SUCCESS)
        self._seconds = tallies.number(catalogue.CHORE_SECONDS)
        self._failures = tallies.number(catalogue.CHORE_FAILURES)
        for name in names:
            self._failures.set(0, name)

    def ran(self, chore: str, seconds: float, error: NexusError | None) -> None:
        """It did what there was to do, or it failed."""
        if error is not None:
            self._failures.add(chore)
            return
        self._success.set(self._clock.now() / SECOND, chore)
        self._seconds.set(seconds, chore)


def look(watch: Watch, database: Database, clock: Clock, *, publishing: Publishing, scrubber: Scrubber) -> None:
    """Backlogs, the log, the scrubber; and that the log is being published."""
    tallies, log = watch.tallies, _Log(watch.tallies, publishing, clock)
    waiting = tallies.number(catalogue.OUTBOX_WAITING)

    def backlogs() -> None:
        with suppress(NexusError), database.read() as tx:
            waiting.set(mail.waiting(tx), "mail")
            waiting.set(outbox.waiting(tx), "decisions")
            waiting.set(outbox.put_off(tx), "put_off")

    tallies.look(_seldom(backlogs))
    tallies.look(log.look)
    tallies.look(lambda: _scrubbing(tallies, scrubber))
    watch.health.add(Component.LOG, log.require)


class _Log:
    """The log as it was last published."""

    def __init__(self, tallies: Tallies, publishing: Publishing, clock: Clock) -> None:
        self._tallies = tallies
        self._publishing = publishing
        self._clock = clock
        self._began = clock.now()
        self._witnessed_at = 0

    def look(self) -> None:
        report = self._publishing.report
        if report is None:
            return
        number = self._tallies.number
        if report.witnessed:
            self._witnessed_at = report.at
        number(catalogue.LOG_SIZE).set(report.size)
        number(catalogue.LOG_AT).set(report.at / SECOND)
        number(catalogue.WITNESSED).set(int(report.witnessed))
        number(catalogue.WITNESSES_FAILING).set(len(report.failures))
        if self._witnessed_at or report.failures:  # where no witness is asked for, none is late
            lag = self._clock.now() - (self._witnessed_at or self._began)
            number(catalogue.WITNESS_LAG).set(0 if report.witnessed else lag / SECOND)

    def require(self) -> None:
        """Raises Unavailable."""
        last = self._publishing.done_at or self._began
        if (self._clock.now() - last) / SECOND > LOG_LATE_S:
            raise Unavailable("the audit log is not being published", code="log.late")


def _scrubbing(tallies: Tallies, scrubber: Scrubber) -> None:
    report, number, finished = scrubber.report, tallies.number(catalogue.SCRUBBED), catalogue.SCRUB_FINISHED
    walks: dict[str, tuple[Round | None, Round | None]] = {
        "quick": (report.quick, report.last_quick),
        "full": (report.full, report.last_full),
    }
    for walk, (under_way, last) in walks.items():
        if (shown := under_way or last) is None:
            continue
        found = {"seen": shown.blobs, "mended": shown.mended, "lost": shown.lost, "away": shown.away}
        for finding, count in found.items():
            number.set(count, walk, finding)
        if last is not None:
            tallies.number(finished).set(last.finished_at / SECOND, walk)


def disks(watch: Watch, settings: Settings, directory: DataDirectory) -> None:
    """Sizes and free space."""
    thread, tallies = ThreadPoolExecutor(1, thread_name_prefix="sizes"), watch.tallies
    folders = [Path(folder) for folder in settings.blob_folders]
    places = [Place(folder, directory.instance) for folder in folders]
    running: list[Future[None]] = []

    def measure() -> None:
        with suppress(OSError):
            tallies.number(catalogue.DISK_FREE).set(shutil.disk_usage(directory.root).free)
            if not settings.database_host:
                tallies.number(catalogue.DATABASE_BYTES).set(_size(directory.database))
        for number, place in enumerate(places):
            tallies.number(catalogue.PLACE_USABLE).set(int(is_usable(place)), str(number))
            with suppress(OSError):
                tallies.number(catalogue.PLACE_FREE).set(shutil.disk_usage(place.folder).free, str(number))

    def ask() -> None:
        if not running or running[0].done():
            running[:] = [thread.submit(measure)]

    tallies.look(_seldom(ask))


def _size(database: Path) -> int:
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _seldom(act: Callable[[], None]) -> Callable[[], None]:
    """Often enough for who looks at curves."""
    at = [float("-inf")]

    def maybe() -> None:
        if time.monotonic() - at[0] >= LOOK_EVERY_S:
            at[0] = time.monotonic()
            act()

    return maybe
