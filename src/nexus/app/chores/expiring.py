"""Carries out the life cycle rules of buckets."""

import logging
from collections.abc import Callable

from nexus.kernel.operation import Operation
from nexus.objects.expiring import Expiring

_log = logging.getLogger("nexus.worker")


class LifeCycles:
    """Objects, versions and uploads that rules have ended."""

    def __init__(self, expiring: Expiring, operation: Callable[[], Operation]) -> None:
        self._expiring = expiring
        self._operation = operation

    async def expire(self) -> bool:
        """One round."""
        done = await self._expiring.run(self._operation())
        if done.objects or done.uploads or done.kept:
            _log.info("life cycles: %d versions, %d uploads; %d are locked", done.objects, done.uploads, done.kept)
        return False
