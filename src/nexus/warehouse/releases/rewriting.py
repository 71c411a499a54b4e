"""A release without somebody, from the manifest and the files of one that holds him, on a thread of its own."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from nexus.kernel.operation import Operation
from nexus.warehouse.releases import withdrawing
from nexus.warehouse.releases.making import Signer, sign
from nexus.warehouse.releases.manifest import Manifest, Release
from nexus.warehouse.releases.parts import Parts


class People(Protocol):
    """Who is who, between the names of consent and the pseudonyms of a project."""

    async def known_as(self, op: Operation, domain: str, names: Sequence[str]) -> Sequence[str]:
        """The pseudonyms in a domain, under each of its secrets so far, of whom consent knows by these names."""

    async def names(self, op: Operation, pseudonyms: Sequence[str]) -> Sequence[Sequence[str]]:
        """Under which names consent knows each of these."""


async def written_anew(
    op: Operation, release: Release, theirs: Collection[str], parts: Parts, *, signer: Signer, made: str, consent: str
) -> Manifest | None:
    """The release that follows `release` without some persons, by their pseudonyms in it; None if no row is about them.

    The files of their shares are in `parts`. `made`: when; `consent`: the state of decisions. Raises Damaged, Sealed, Unavailable.
    """
    tables = await asyncio.to_thread(withdrawing.without, release, theirs, parts)
    if tables == release.tables:
        return None
    left = msgspec.structs.replace(release, tables=tables, parent=release.digest(), made=made, consent=consent)
    return await sign(op, left, parts, signer)


async def left(
    op: Operation, people: People, lists: Mapping[int, Collection[str]], theirs: Sequence[str], now: Release
) -> Mapping[int, Sequence[str]]:
    """Whose data are left in some shares, of which files there are, once these persons are gone under every name."""
    gone = {name for names in await people.names(op, theirs) for name in names}
    there = {part.bucket for table in now.tables for part in table.parts}
    return {share: tuple(sorted(set(names) - gone)) for share, names in lists.items() if share in there}
