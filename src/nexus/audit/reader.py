"""The reading side of the audit log: only where the audit private key is."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from nexus.audit import store
from nexus.audit.concerning import Concerning
from nexus.audit.filters import BLOCK_ENTRIES, Terms, build_filter, may_hold
from nexus.audit.model import EntryContent, EntryPage, EntryView, ListEntries
from nexus.audit.opening import EntryOpener, Row
from nexus.audit.payload import Opened
from nexus.audit.query import Query
from nexus.audit.receipt import encode_receipt
from nexus.audit.tiles import TileReader
from nexus.crypto.hpke import OpeningKey
from nexus.crypto.merkle import inclusion_proof
from nexus.kernel.database import Database
from nexus.kernel.errors import Damaged, NotFound, Unavailable

MAX_SCANNED = 131_072
"""Entries opened for one page; a search that needs more goes on with the next page."""
STEP_ENTRIES = 256
"""Entries opened at a time while searching."""


class AuditReader:
    """Opens, searches and proves entries. Every method blocks: call it on a thread."""

    def __init__(
        self, db: Database, private_key: OpeningKey, directory: Path, *, max_scanned: int = MAX_SCANNED
    ) -> None:
        """`directory`: the static files of the log, `<data>/log`. `max_scanned`: entries opened for one page."""
        self._db, self._directory, self._max_scanned = db, directory, max_scanned
        self.opener = EntryOpener(private_key)
        self.concerning = Concerning(db, self.opener)
        self._terms = Terms(private_key)

    # Searching

    def page(self, request: ListEntries, names: Collection[str] = ()) -> EntryPage:
        """Entries that match, newest first. Raises Invalid on a malformed time or cursor.

        `names`: under which the log speaks of the subject that is asked for, where it has more than one.
        """
        query = Query.of(request, self._terms, names)
        if request.subject is not None:
            return self._page_concerning(query)
        with self._db.read() as tx:
            size = store.read_head(tx).size
        end = size if query.before is None else min(size, query.before)
        found: list[EntryView] = []
        scanned = 0
        for first, upto in self._candidates(query, end):
            if scanned >= self._max_scanned:
                return EntryPage(entries=tuple(found), next=str(upto))
            rows = list(self.opener.rows(self._db, first, upto))
            scanned += upto - first
            for row in reversed(rows):
                view = _view(row)
                if query.unfiltered or (view.content is not None and query.matches(view.content)):
                    found.append(view)
                    if len(found) == request.limit:
                        return EntryPage(entries=tuple(found), next=str(row.index) if row.index else None)
        return EntryPage(entries=tuple(found), next=None)

    def _page_concerning(self, query: Query) -> EntryPage:
        """The same where it is known whom entries concern: they are found by the keys that sealed them."""
        places, found = self.concerning.places(sorted(query.names), query.before), list[EntryView]()
        for end in range(len(places), 0, -STEP_ENTRIES):
            if len(places) - end >= self._max_scanned:
                return EntryPage(entries=tuple(found), next=str(places[end]))
            with self._db.read() as tx:
                rows = self.opener.at(tx, places[max(0, end - STEP_ENTRIES) : end])
            for row in sorted(rows, key=lambda row: row.index, reverse=True):
                view = _view(row)
                if view.content is not None and query.matches(view.content):
                    found.append(view)
                    if len(found) == query.request.limit:
                        return EntryPage(entries=tuple(found), next=str(row.index) if row.index else None)
        return EntryPage(entries=tuple(found), next=None)

    def _candidates(self, query: Query, end: int) -> Iterator[tuple[int, int]]:
        """Ranges that may hold matches, newest first."""
        while end > 0:
            block = (end - 1) // BLOCK_ENTRIES
            first = block * BLOCK_ENTRIES
            if self._may_match(query, block):
                for upto in range(end, first, -STEP_ENTRIES):
                    yield max(first, upto - STEP_ENTRIES), upto
            end = first

    def _may_match(self, query: Query, block: int) -> bool:
        if query.unfiltered:
            return True
        with self._db.read() as tx:
            known = store.read_filter(tx, block)
        if known is None:
            return True
        first_at, last_at, bits = known
        return query.may_overlap(first_at, last_at) and may_hold(bits, query.terms)

    # Indexing

    def filter_of(self, block: int) -> tuple[str, str, bytes]:
        """The filter of a full block, from its entries: (earliest time, latest time, bits)."""
        rows = self.opener.rows(self._db, block * BLOCK_ENTRIES, (block + 1) * BLOCK_ENTRIES)
        contents = [content for row in rows if (content := _content(row)) is not None]
        times = [content.at for content in contents]
        return min(times, default=""), max(times, default=""), build_filter(self._terms.of_block(contents))

    def blocks_with(self, person: str) -> tuple[list[int], int]:
        """(indexed blocks that may hold entries of a person, number of the first block not looked at)."""
        digest = self._terms.digest("person", person)
        with self._db.read() as tx:
            blocks = store.indexed_blocks(tx)
            hits = [
                block for block in blocks if (known := store.read_filter(tx, block)) and may_hold(known[2], [digest])
            ]
        return hits, max(blocks, default=-1) + 1

    # Proving

    def prove(self, index: int) -> tuple[str, store.StoredCheckpoint]:
        """A receipt for one entry, and the checkpoint that it leads to: the newest witnessed one that covers it.

        Raises NotFound (no such entry), Unavailable (no checkpoint covers it yet) or Damaged.
        """
        with self._db.read() as tx:
            if index >= store.read_head(tx).size:
                raise NotFound(f"the audit log has no entry {index}", code="audit.no-entry")
            rows = self.opener.chunk(tx, index, index + 1)
            checkpoint = store.latest_checkpoint(tx, witnessed=True, holding=index)
            checkpoint = checkpoint or store.latest_checkpoint(tx, holding=index)
        if not rows:
            raise store.missing_entry(index)
        if isinstance(rows[0].entry, Damaged):
            raise rows[0].entry
        if checkpoint is None:
            raise Unavailable(
                f"no checkpoint covers entry {index} yet",
                code="audit.no-checkpoint",
                hint="the worker signs one every few seconds while the key service is unsealed; retry",
            )
        tree = TileReader(self._directory, checkpoint.size)
        proof = inclusion_proof(index, checkpoint.size, tree.nodes)
        return encode_receipt(index, rows[0].entry or rows[0].leaf, proof, checkpoint.note), checkpoint


def _view(row: Row) -> EntryView:
    content = _content(row)
    return EntryView(
        index=row.index, erased=row.entry is None, damaged=content is None and row.entry is not None, content=content
    )


def _content(row: Row) -> EntryContent | None:
    """What an entry says; None of one that was erased, or does not open."""
    with suppress(Damaged):
        if isinstance(row.entry, Opened):
            return row.entry.content()
    return None
