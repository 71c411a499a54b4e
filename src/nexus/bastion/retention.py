"""Recordings that have been kept long enough: made unreadable for good, with an entry that certifies it.

1. One commit destroys the sealed key of the recording and writes the entry: from then on nothing opens the file, wherever a
   copy of it may lie that has no copy of the database beside it.
2. The file is removed. A machine that dies in between leaves a file without a key; the next round removes it.

The session itself stays on the list, with who, when and how it ended, and so do the log's entries of its chunks.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nexus.bastion import chunks, store
from nexus.bastion.model import ERASE, ShellSession, session_resource
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Unavailable
from nexus.kernel.operation import Operation

BATCH: Final = 50
"""Recordings erased in one round."""


class Retention:
    """Erases what is older than `days`, counted from the end of the session. One for each platform: the worker's."""

    def __init__(
        self, database: Database, clock: Clock, folder: Path, days: int, operation: Callable[[], Operation]
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder
        self._days = days
        self._operation = operation

    async def erase_due(self) -> bool:
        """One round; whether there may be more. Raises Unavailable where a file cannot be removed."""
        with self._database.read() as tx:
            due = store.ended_before(tx, Instant(self._clock.now() - self._days * DAY), BATCH)
            erased = store.erased_ids(tx)
        for session in due:
            await self._erase(session)
        await asyncio.to_thread(self._remove_files, erased | {session.id for session in due})
        return len(due) == BATCH

    async def _erase(self, session: ShellSession) -> None:
        now = self._clock.now()
        entry = self._operation().allowed(
            ERASE,
            session_resource(session.id),
            chunks=session.chunks,
            size=session.size,
            ended_at=session.ended_at,
            kept_days=self._days,
        )

        def work(tx: Transaction) -> Recorded[None]:
            store.erase(tx, session.id, now)
            return Recorded(None, entry)

        await self._database.write(work)

    def _remove_files(self, erased: frozenset[str] | set[str]) -> None:
        """Also of those that an earlier round left behind."""
        try:
            for file in self._folder.glob(f"*{chunks.SUFFIX}"):
                if file.name.removesuffix(chunks.SUFFIX) in erased:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(
                f"a recording could not be removed: {error.strerror}", code="bastion.recording-disk"
            ) from error
