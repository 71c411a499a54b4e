"""Keeps searches of the audit log fast: a filter for each full block of entries."""

from collections.abc import Callable

from nexus.audit.indexer import AuditIndexer
from nexus.audit.reader import AuditReader
from nexus.kernel.database import Database


class Indexing:
    """`reader` raises Sealed while the key that opens entries is away: then the chore waits."""

    def __init__(self, database: Database, reader: Callable[[], AuditReader]) -> None:
        self._database = database
        self._reader = reader

    async def index(self) -> bool:
        """Index a few blocks; whether there may be more."""
        return await AuditIndexer(self._database, self._reader()).advance() > 0
