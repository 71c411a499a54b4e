"""Removes what has ended by its own date, and what a crash left behind in the blobs."""

import logging
from collections.abc import Callable

from nexus.iam.service import IdentityService
from nexus.kernel.operation import Operation
from nexus.objects.upkeep import Upkeep

_log = logging.getLogger("nexus.worker")


class Sweeping:
    """Sessions, codes and intents that have ended; blobs that no row knows."""

    def __init__(self, identities: IdentityService, upkeep: Upkeep, operation: Callable[[], Operation]) -> None:
        self._identities = identities
        self._upkeep = upkeep
        self._operation = operation

    async def sweep(self) -> bool:
        """One round."""
        await self._identities.sweep()
        swept = await self._upkeep.sweep(self._operation())
        if swept.files:
            _log.info("removed %d files (%d bytes) that no object knows", swept.files, swept.bytes)
        return False
