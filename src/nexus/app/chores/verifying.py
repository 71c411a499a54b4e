"""Verifies the whole audit log from time to time, so that damage is found before somebody needs a proof."""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from nexus.app.chores.report import VerificationReport
from nexus.app.datadir import write_durably
from nexus.audit.model import VerifyLog
from nexus.audit.service import AuditService
from nexus.kernel.clock import HOUR, Clock
from nexus.kernel.operation import Operation

_log = logging.getLogger("nexus.worker")


class Verifying:
    """Verifies when the last time is long ago; a restart does not count as a reason."""

    def __init__(
        self, audit: AuditService, report: Path, every_hours: int, clock: Clock, operation: Callable[[], Operation]
    ) -> None:
        self._audit = audit
        self._report = report
        self._every = every_hours * HOUR
        self._clock = clock
        self._operation = operation

    async def verify(self) -> bool:
        """Verify if it is due. What does not verify is reported, loudly; the doctor shows it until it is mended."""
        if self._clock.now() - self._last() < self._every:
            return False
        outcome = await self._audit.verify_log(self._operation(), VerifyLog())
        for problem in outcome.problems:
            _log.error("the audit log does not verify: %s (%s)", problem.message, problem.code)
        report = VerificationReport(
            at=self._clock.now(), size=outcome.size, ok=outcome.ok, problems=len(outcome.problems)
        )
        write_durably(self._report, msgspec.json.encode(report))
        return False

    def _last(self) -> int:
        try:
            return msgspec.json.decode(self._report.read_bytes(), type=VerificationReport).at
        except (FileNotFoundError, msgspec.DecodeError):
            return 0
