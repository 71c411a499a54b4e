"""Builds search filters behind the log's growth. Run by the worker; searches are right without it, only slower."""

import asyncio

from nexus.audit import store
from nexus.audit.filters import BLOCK_ENTRIES
from nexus.audit.reader import AuditReader
from nexus.kernel.database import Bookkeeping, Database, Transaction


class AuditIndexer:
    """Looks at full blocks only: the youngest entries are always searched one by one."""

    def __init__(self, db: Database, reader: AuditReader) -> None:
        self._db, self._reader = db, reader

    async def advance(self, *, blocks: int = 8) -> int:
        """Index at most `blocks` full blocks that lack a filter; returns how many were indexed."""
        missing, erasures = await asyncio.to_thread(self._missing, blocks)
        done = 0
        for block in missing:
            first_at, last_at, bits = await asyncio.to_thread(self._reader.filter_of, block)

            def work(
                tx: Transaction, block: int = block, row: tuple[str, str, bytes] = (first_at, last_at, bits)
            ) -> int:
                # Whoever was erased meanwhile must not live on in a filter: leave the block for the next time.
                if store.read_head(tx).erasures != erasures:
                    return 0
                store.put_filter(tx, block, *row)
                return 1

            done += await self._db.bookkeep(Bookkeeping.INDEX, work)
        return done

    def _missing(self, limit: int) -> tuple[list[int], int]:
        with self._db.read() as tx:
            head = store.read_head(tx)
            indexed = store.indexed_blocks(tx)
        missing = (block for block in range(head.size // BLOCK_ENTRIES) if block not in indexed)
        return [block for block, _ in zip(missing, range(limit), strict=False)], head.erasures
