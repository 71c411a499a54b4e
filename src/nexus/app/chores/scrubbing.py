"""Walks over all blobs, at the pace that the settings allow; a restart goes on where it stopped."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from nexus.app.chores.report import ScrubReport
from nexus.app.datadir import write_durably
from nexus.kernel.clock import DAY, HOUR, SECOND, Clock
from nexus.kernel.operation import Operation
from nexus.objects.model import MIB
from nexus.objects.scrubbing import Round, Scrubbing

QUICK_EVERY: Final = HOUR
"""How often it is asked whether each copy is there."""
NO_LIMIT: Final = 1 << 62


class Scrubber:
    """A quick walk every hour, where there are several places; a full one in as many days as the settings say."""

    def __init__(
        self,
        scrubbing: Scrubbing,
        report: Path,
        clock: Clock,
        operation: Callable[[], Operation],
        *,
        days: int,
        mib_per_second: int,
        several: bool,
    ) -> None:
        self._scrubbing = scrubbing
        self._path = report
        self._clock = clock
        self._operation = operation
        self._every = days * DAY
        self._rate = mib_per_second * MIB
        self._several = several
        self._allowed = 0
        self._at = clock.now()
        self.report = read_report(report)
        """How far the walks are."""

    async def scrub(self) -> bool:
        """A step of each walk that is due or under way. True: the quick one has more to do at once."""
        more = await self._quick()
        await self._full()
        return more

    async def _quick(self) -> bool:
        walk = self.report.quick
        if walk is None and self._several and self._is_due(self.report.last_quick, QUICK_EVERY):
            walk = Round(full=False, started_at=self._clock.now())
        if walk is None:
            return False
        walk = await self._scrubbing.go_on(self._operation(), walk, read_bytes=NO_LIMIT)
        if walk.finished_at:
            await self._keep(replace(self.report, quick=None, last_quick=walk))
        else:
            self.report = replace(self.report, quick=walk)
        return not walk.finished_at

    async def _full(self) -> None:
        """What was read beyond the allowance is waited for."""
        now, before = self._clock.now(), self._at
        self._allowed = min(self._rate, self._allowed + self._rate * (now - before) // SECOND)
        self._at = now
        walk, last = self.report.full, self.report.last_full
        if last is None:  # a store that this worker has never seen is not read at once: it may just be starting
            await self._keep(replace(self.report, last_full=Round(full=True, started_at=now, finished_at=now)))
            return
        if walk is None and self._every and self._is_due(last, self._every):
            walk = Round(full=True, started_at=now)
        if walk is None or self._allowed <= 0:
            return
        read = walk.bytes
        walk = await self._scrubbing.go_on(self._operation(), walk, read_bytes=self._allowed)
        self._allowed -= walk.bytes - read
        if walk.finished_at:
            await self._keep(replace(self.report, full=None, last_full=walk))
        else:
            await self._keep(replace(self.report, full=walk))

    def _is_due(self, last: Round | None, every: int) -> bool:
        return last is None or self._clock.now() - last.started_at >= every

    async def _keep(self, report: ScrubReport) -> None:
        self.report = report
        await asyncio.to_thread(write_durably, self._path, msgspec.json.encode(report))


def read_report(path: Path) -> ScrubReport:
    """How far the walks are; of a worker that never wrote, nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ScrubReport)
    except (FileNotFoundError, msgspec.DecodeError):
        return ScrubReport()
