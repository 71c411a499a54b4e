"""A release without somebody: the files of his bucket are written anew, every other file is the same."""

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from nexus.pseudonyms import notation
from nexus.warehouse.releases.columns import PERSON
from nexus.warehouse.releases.manifest import COMMON, Part, Release, Table
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.people import bucket_of, key_of


def found_by(release: Release, pseudonyms: Collection[str]) -> tuple[str, ...]:
    """Those of these by which somebody is found in a release: of the epoch that it was made under.

    Whom it is not known by has no row removed, and must stay on the lists of those whose data it holds. An older release does not say
    its epoch: there it is known only where all of these are of one.
    """
    of = {pseudonym: notation.read(pseudonym)[0].epoch for pseudonym in pseudonyms}
    epochs = set(of.values()) if release.epoch is UNSET else {release.epoch}
    return tuple(pseudonym for pseudonym, epoch in of.items() if {epoch} == epochs)


def affected(release: Release, pseudonyms: Collection[str]) -> frozenset[int]:
    """Buckets in which these persons are, if they are in the release at all."""
    return frozenset(bucket_of(pseudonym, release.buckets) for pseudonym in pseudonyms)


def files_of(release: Release, buckets: Collection[int]) -> frozenset[str]:
    """The files of some buckets, by their SHA-256: what is no longer served until it is written anew."""
    return frozenset(part.sha256 for table in release.tables for part in table.parts if part.bucket in buckets)


def without(release: Release, pseudonyms: Collection[str], parts: Parts) -> tuple[Table, ...]:
    """The tables of a release without these persons. Only files of their buckets are read. Raises Damaged."""
    buckets = affected(release, pseudonyms)
    gone = pa.array([key_of(pseudonym) for pseudonym in sorted(pseudonyms)], pa.int64())
    return tuple(
        Table(name=table.name, columns=table.columns, parts=tuple(_parts(table, buckets, gone, parts)))
        for table in release.tables
    )


def _parts(table: Table, buckets: Collection[int], gone: pa.Array, parts: Parts) -> Iterator[Part]:
    for part in table.parts:
        if part.bucket == COMMON or part.bucket not in buckets:
            yield part
            continue
        rows = parts.read(part)
        left = rows.filter(pc.invert(pc.is_in(rows[PERSON], value_set=gone)))
        if left.num_rows == rows.num_rows:
            yield part
        elif left.num_rows:
            yield parts.add(left.combine_chunks(), part.bucket)
