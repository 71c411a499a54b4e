"""What the store holds of a subject, and where: for the patient himself, and for who answers him."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.objects.finding import Finding
from nexus.objects.naming import checked
from nexus.objects.store import subjects as rows

HOLDINGS = "objects.subject.holdings"
PAGE = 500
"""Versions of one answer."""


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an object."""

    bucket: str
    site: str
    project: str
    categories: tuple[str, ...]
    """What the bucket says of its data."""
    key: str
    version: str
    size: int
    """Plaintext bytes."""
    stored_at: Instant
    shared: bool
    """Whether it holds data of others too."""


class HoldingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what is held."""

    holdings: tuple[Holding, ...]
    next: str | None
    """Goes on after this page; nothing at the end."""
    complete: bool
    """Whether every key was at hand: behind one that is disabled there may be more."""


class Holdings:
    """Looks up what is held."""

    def __init__(self, database: Database, finding: Finding) -> None:
        self._database = database
        self._finding = finding

    async def of(self, op: Operation, where: Resource, subject: str, after: str = "", limit: int = PAGE) -> HoldingPage:
        """A page of what is held of a subject, by his own name or within a manifest, oldest first.

        `where`: the subject as the log shows it.
        """
        found = await self._finding.known(op, checked(subject))
        with self._database.read() as tx:
            held = sorted(
                self._held(tx, [row.number for _, row in found.rows], after, limit + 1), key=lambda one: one.version
            )
        entry = op.allowed(HOLDINGS, where, shown=min(len(held), limit))
        await self._database.record(replace(entry, subject=subject))
        more = len(held) > limit
        return HoldingPage(
            holdings=tuple(held[:limit]), next=held[limit - 1].version if more else None, complete=found.closed is None
        )

    @staticmethod
    def _held(tx: Transaction, numbers: Sequence[int], after: str, limit: int) -> Iterator[Holding]:
        for number in numbers:
            if rows.is_erased(tx, number):
                continue
            owners = [number, *(-manifest for manifest in rows.manifests_with(tx, number))]
            for owner in owners:
                for held in rows.versions_of(tx, owner, after, limit):
                    yield Holding(
                        bucket=held.bucket,
                        site=held.site,
                        project=held.project,
                        categories=held.declared.categories if held.declared else (),
                        key=held.key,
                        version=held.version,
                        size=held.size,
                        stored_at=held.since,
                        shared=owner < 0,
                    )
