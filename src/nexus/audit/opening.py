"""Opens entries with the audit private key. Asks the database each time whether a person has been erased since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.audit import store
from nexus.audit.epochs import open_epoch
from nexus.audit.payload import Opened, unseal
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Damaged

CHUNK_ENTRIES = 1024
"""Entries read in one snapshot of the database."""
MAX_CACHED_EPOCHS = 16_384
"""Epoch keys kept in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entry. `entry`: what it says, None if erased (`erased_by` says by which operation), or why it does not open."""

    index: int
    leaf: bytes
    epoch: int
    entry: Opened | Damaged | None
    erased_by: str | None = None


class EntryOpener:
    """May be used from several threads."""

    def __init__(self, private_key: OpeningKey) -> None:
        self._private_key = private_key
        self._ciphers: dict[int, AESGCM] = {}

    def rows(self, db: Database, first: int, end: int) -> Iterator[Row]:
        """The entries [first, end) that exist, in order; gaps are the caller's to notice."""
        for start in range(first, end, CHUNK_ENTRIES):
            with db.read() as tx:
                chunk = self.chunk(tx, start, min(end, start + CHUNK_ENTRIES))
            yield from chunk

    def chunk(self, tx: Transaction, first: int, end: int) -> list[Row]:
        """The same, of one snapshot."""
        leaves = store.leaf_rows(tx, first, end)
        ciphers = {epoch: self._cipher(tx, epoch) for epoch in {row[2] for row in leaves}}
        return [_open(row, ciphers[row[2]]) for row in leaves]

    def at(self, tx: Transaction, places: Sequence[int]) -> list[Row]:
        """The entries at these places that exist, of one snapshot."""
        leaves = store.leaf_rows_at(tx, places)
        ciphers = {epoch: self._cipher(tx, epoch) for epoch in {row[2] for row in leaves}}
        return [_open(row, ciphers[row[2]]) for row in leaves]

    def _cipher(self, tx: Transaction, epoch: int) -> AESGCM | Damaged | str:
        """The cipher of an epoch; the operation that erased it; or what is wrong with it."""
        row = store.epoch_state(tx, epoch)
        if row is None:
            return Damaged("the key of this entry was removed without an erasure", code="audit.epoch-missing")
        alive, erased_by = row
        if not alive:
            self._ciphers.pop(epoch, None)
            return erased_by or ""
        known = self._ciphers.get(epoch)
        if known is None:
            try:
                key, _ = open_epoch(self._private_key, epoch, store.sealed_epoch(tx, epoch))
            except Damaged as error:
                return error
            if len(self._ciphers) >= MAX_CACHED_EPOCHS:
                self._ciphers.clear()
            known = self._ciphers[epoch] = AESGCM(key.reveal())
        return known


def _open(row: store.LeafRow, cipher: AESGCM | Damaged | str) -> Row:
    index, leaf, epoch, sealed = row
    if isinstance(cipher, str):
        return Row(index, leaf, epoch, None, cipher)
    if isinstance(cipher, Damaged):
        return Row(index, leaf, epoch, cipher)
    try:
        return Row(index, leaf, epoch, unseal(cipher, sealed, leaf))
    except Damaged as error:
        return Row(index, leaf, epoch, error)
