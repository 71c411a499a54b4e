"""Publishes the audit log once a second while there is something new, and keeps a report of how that goes."""

import logging
from pathlib import Path

import msgspec

from nexus.app.chores.report import LogReport
from nexus.audit.checkpointer import Checkpointer, Published
from nexus.kernel.clock import Clock, Instant

_log = logging.getLogger("nexus.worker")


class Publishing:
    """One for each platform: the worker."""

    def __init__(self, checkpointer: Checkpointer, report: Path, clock: Clock) -> None:
        self._checkpointer = checkpointer
        self._report = report
        self._clock = clock
        self._failures: dict[str, str] = {}
        self.report: LogReport | None = None
        """How the last publication of this process went."""
        self.done_at: Instant | None = None
        """When all that there was stood under a checkpoint."""

    async def publish(self) -> bool:
        """Sign and publish the head if it is new. Raises Damaged where the log contradicts itself."""
        published = await self._checkpointer.publish()
        self.done_at = self._clock.now()
        if published is not None:
            self._tell(published)
        return False

    def _tell(self, published: Published) -> None:
        if published.failures != self._failures:
            for name, why in published.failures.items():
                _log.warning("witness %s did not cosign: %s", name, why)
            self._failures = published.failures
        report = self.report = LogReport(
            size=published.size, at=self._clock.now(), witnessed=published.witnessed, failures=published.failures
        )
        # Not durable, on purpose: it is a report of what stands durably elsewhere, once a second.
        temporary = self._report.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(report))
        temporary.replace(self._report)
