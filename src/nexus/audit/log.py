"""The writing side of the audit log."""

import secrets
from collections.abc import Sequence

from nexus.audit import store
from nexus.audit.epochs import Epoch, EpochKeys
from nexus.audit.payload import SALT_BYTES, encode_payload, leaf_data, seal
from nexus.crypto.hpke import SealingKey
from nexus.crypto.merkle import leaf_hash
from nexus.kernel.clock import Clock, SystemClock, rfc3339
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Entry


class AuditLog:
    """Appends entries inside the caller's transaction (the kernel's `Recorder`). Holds no secret that could read them.

    One for each `Database`, called from its writer thread only.
    """

    def __init__(self, public_key: SealingKey, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._epochs = EpochKeys(public_key, self._clock)

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        """Append `entries` in order; if it raises, nothing of the transaction may stay."""
        head = store.read_head(tx)
        self._epochs.forget_if_erased(head.erasures)
        rows, used = self._seal(entries, head.size)
        store.store_epochs(tx, used)
        store.insert_leaves(tx, rows)
        head.frontier.extend([leaf_hash(leaf) for _, leaf, _, _ in rows])
        store.swap_head(tx, head, head.frontier)

    def _seal(self, entries: Sequence[Entry], position: int) -> tuple[list[store.LeafRow], list[Epoch]]:
        recorded = rfc3339(self._clock.now())
        salts = secrets.token_bytes(SALT_BYTES * len(entries))
        rows: list[store.LeafRow] = []
        used: dict[int, Epoch] = {}
        for at, entry in enumerate(entries):
            salt = salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
            payload = encode_payload(entry, recorded)
            leaf = leaf_data(salt, payload)
            epoch = self._epochs.for_person(person_of(entry))
            used[epoch.id] = epoch
            rows.append((position + at, leaf, epoch.id, seal(epoch.cipher, epoch.next_nonce(), salt, payload, leaf)))
        return rows, list(used.values())


def person_of(entry: Entry) -> str:
    """Whose key seals an entry: the person concerned, else the person who answers for the actor, else the actor."""
    actor = entry.operation.actor
    return entry.subject or actor.person or actor.id
