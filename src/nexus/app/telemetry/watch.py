"""All that one process tells of itself: made once, first of all, and handed to whatever can be watched."""

import resource
from typing import TYPE_CHECKING, Final

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import Health, RefusedCommits
from nexus.app.telemetry.observers import CommitsWatch, DecisionsWatch, KeyCallsWatch, ServedCallsWatch
from nexus.app.telemetry.report import Report
from nexus.app.telemetry.tally import Tallies
from nexus.app.watch_settings import WatchSettings

if TYPE_CHECKING:
    from nexus.app.telemetry.tracing import Tracing

PAGES: Final = "/proc/self/statm"


class Watch:
    """Health and numbers of this process, and the observers that count for it."""

    def __init__(self, process: str = "", settings: WatchSettings | None = None) -> None:
        """Without settings, nothing is traced."""
        self.health = Health()
        self.tallies = Tallies()
        self.refused = RefusedCommits()
        self.tracing = _tracing(process, settings, self.tallies) if settings is not None else None
        self.commits = CommitsWatch(self.tallies, self.refused, self.tracing)
        self.key_calls = KeyCallsWatch(self.tallies, self.tracing)
        self.served_calls = ServedCallsWatch(self.tallies, self.tracing)
        self.decisions = DecisionsWatch(self.tracing) if self.tracing is not None else None
        self.tallies.look(self._look)

    def report(self) -> Report:
        """This process as it is now. Called on its event loop; does not wait."""
        missing = tuple(component.value for component in self.health.missing())
        numbers, distributions = self.tallies.read()
        batch = self.tracing.take() if self.tracing is not None else None
        return Report(missing=missing, numbers=numbers, distributions=distributions, batch=batch)

    def _look(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.tallies.number(catalogue.CPU_SECONDS).set(used.ru_utime + used.ru_stime)
        self.tallies.number(catalogue.MEMORY).set(_resident_bytes())


def _tracing(process: str, settings: WatchSettings, tallies: Tallies) -> "Tracing | None":
    if not settings.trace_collector:
        return None
    from nexus.app.telemetry.tracing import Tracing  # a library that is loaded only where it is used

    return Tracing(process, settings.trace_per_thousand, tallies)


def _resident_bytes() -> int:
    with open(PAGES, "rb") as file:  # noqa: PTH123 - once a second: no object around it
        return int(file.read().split()[1]) * resource.getpagesize()
