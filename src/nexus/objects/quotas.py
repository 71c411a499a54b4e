"""Whether what a transaction has stored fits into the quotas: of the bucket, of its project at its site, of its site.

Asked last, inside the transaction that stores it, over counters that it has changed already: transactions of all processes
come one after the other, so that what is committed never exceeds a quota by a byte, however many write at once. What is
still under way (sealed on disk, not committed) is in no counter, and is removed if it is refused.

Only growth is refused. Whoever holds more than a quota allows, because it was lowered, may delete, replace by something no
larger, and complete an upload whose parts are there already.
"""

from collections.abc import Callable, Iterator
from typing import Final

from nexus.kernel.database import Database, Transaction
from nexus.objects.errors import QuotaExceeded
from nexus.objects.model import Bucket
from nexus.objects.store import buckets, usage
from nexus.objects.store.buckets import StateRow
from nexus.objects.store.usage import Held, Limit

ASKED_EARLY_BYTES: Final = 1 << 20
"""Bodies from this length on are refused before they are read, where they cannot fit any more."""


def require_room(tx: Transaction, bucket: Bucket, state: StateRow, held: Held, grown: Held) -> None:
    """Raise QuotaExceeded if what was `grown` by, and counts in `held` already, is more than a quota allows."""
    if grown.all_bytes <= 0 and grown.versions <= 0:
        return
    for whose, limit, counted in _standing_under(tx, bucket, state, held):
        if grown.all_bytes > 0 and limit.bytes is not None and counted.all_bytes > limit.bytes:
            raise QuotaExceeded(whose, f"{limit.bytes:,} bytes")
        if grown.versions > 0 and limit.objects is not None and counted.versions > limit.objects:
            raise QuotaExceeded(whose, f"{limit.objects:,} objects")


def refuse_early(
    database: Database, bucket: Bucket, length: int | None, freed: Callable[[Transaction, StateRow], int]
) -> None:
    """Spare the client a long body that does not fit as things are. The commit decides again. Raises QuotaExceeded.

    `freed`: bytes that are removed when it is stored, because it replaces them.
    """
    if length is None or length < ASKED_EARLY_BYTES:
        return
    with database.read() as tx:
        state = buckets.state_of(tx, bucket)
        if state is None or (state.limit == Limit() and not state.tenant_limited):
            return
        grown = Held(bytes=length - freed(tx, state))
        for whose, limit, counted in _standing_under(tx, bucket, state, usage.held(tx, bucket)):
            if limit.bytes is not None and 0 < grown.bytes > limit.bytes - counted.all_bytes:
                raise QuotaExceeded(whose, f"{limit.bytes:,} bytes")


def _standing_under(tx: Transaction, bucket: Bucket, state: StateRow, held: Held) -> Iterator[tuple[str, Limit, Held]]:
    """Each quota that counts: whose, how much, and what is held under it."""
    if state.limit != Limit():
        yield "bucket", state.limit, held
    if state.tenant_limited:
        for tenant in usage.tenants_of(tx, bucket):
            yield "project" if tenant.project else "site", tenant.limit, tenant.held
