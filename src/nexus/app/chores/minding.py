"""The life of rights, as far as time moves it: what nobody reviewed in time is suspended."""

from collections.abc import Callable

from nexus.iam.service import IdentityService
from nexus.kernel.operation import Operation


class Minding:
    """What people owed and did not do, done by the worker, each as an entry of its own."""

    def __init__(self, identities: IdentityService, operation: Callable[[], Operation]) -> None:
        self._identities = identities
        self._operation = operation

    async def mind(self) -> bool:
        """One round."""
        await self._identities.break_glass.escalate(self._operation())
        await self._identities.reviews.advance(self._operation())
        return False
