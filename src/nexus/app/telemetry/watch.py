"""All that one process tells of itself: made once, first of all, and handed to whatever can be watched."""

import resource
from typing import Final

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.health import Health, RefusedCommits
from nexus.app.telemetry.observers import CommitsWatch, KeyCallsWatch, ServedCallsWatch
from nexus.app.telemetry.report import Report
from nexus.app.telemetry.tally import Tallies

PAGES: Final = "/proc/self/statm"


class Watch:
    """Health and numbers of this process, and the observers that count for it."""

    def __init__(self) -> None:
        self.health = Health()
        self.tallies = Tallies()
        self.refused = RefusedCommits()
        self.commits = CommitsWatch(self.tallies, self.refused)
        self.key_calls = KeyCallsWatch(self.tallies)
        self.served_calls = ServedCallsWatch(self.tallies)
        self.tallies.look(self._look)

    def report(self) -> Report:
        """This process as it is now. Called on its event loop; does not wait."""
        missing = tuple(component.value for component in self.health.missing())
        numbers, distributions = self.tallies.read()
        return Report(missing=missing, numbers=numbers, distributions=distributions)

    def _look(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.tallies.number(catalogue.CPU_SECONDS).set(used.ru_utime + used.ru_stime)
        self.tallies.number(catalogue.MEMORY).set(_resident_bytes())


def _resident_bytes() -> int:
    with open(PAGES, "rb") as file:  # noqa: PTH123 - once a second: no object around it
        return int(file.read().split()[1]) * resource.getpagesize()
