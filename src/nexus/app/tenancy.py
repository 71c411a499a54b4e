"""One platform at a time on a database server: the supervisor takes its place there, and keeps it while it runs.

In a data directory the lock of the directory says so; a schema of a server can be reached from several.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nexus.app.schema import Place
from nexus.kernel.errors import Conflict, NexusError

if TYPE_CHECKING:
    from nexus.kernel.engines.postgresql_holding import Hold

CHECK_S: Final = 2.0
"""How often the supervisor looks whether its place is still its own."""
_log = logging.getLogger("nexus.supervisor")


class Tenancy:
    """Of the database of a platform; of a file, it is nothing."""

    def __init__(self, place: Place, lost: Callable[[NexusError], None]) -> None:
        """`lost`: is told, once, if another platform has taken the place."""
        self._place = place
        self._lost = lost
        self._hold: Hold | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Raises Conflict if another platform is there, Unavailable if the server is away."""
        server = self._place.server()
        if server is None:
            return
        from nexus.kernel.engines.postgresql_holding import Hold  # a library that is loaded only where it is used

        self._hold = Hold(server)
        await asyncio.to_thread(self._hold.keep)
        self._keeping = asyncio.create_task(self._keep(self._hold), name="tenancy")

    async def close(self) -> None:
        """Leave it to others."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._hold is not None:
            self._hold.close()

    async def _keep(self, hold: "Hold") -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                await asyncio.to_thread(hold.keep)
            except Conflict as error:
                _log.error("%s: this platform stops", error.message)
                self._lost(error)
                return
            except NexusError:
                continue  # while the server is away nobody works on it
