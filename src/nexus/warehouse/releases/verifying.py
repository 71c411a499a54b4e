"""Checks a release offline: manifest, signature, every file. Steps are those of docs/formats/release.md."""

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from nexus.kernel.errors import Damaged
from nexus.warehouse.releases.columns import PERSON
from nexus.warehouse.releases.manifest import COMMON, Manifest, Release, check_signature, decode
from nexus.warehouse.releases.parts import Parts, columns_of
from nexus.warehouse.releases.people import MOST_BUCKETS
from nexus.warehouse.releases.tables import names, tables

_HEX: Final = frozenset("0123456789abcdef")
_SHA256_CHARS: Final = 64


class Verified(Struct, frozen=True, kw_only=True):
    """What was shown."""

    release: str
    project: str
    permit: str
    made: str
    until: str
    tables: int
    files: int
    rows: int
    signer: str
    """SHA-256 of the public key."""
    pinned: bool
    """Whether that is a key that the caller trusts; otherwise this shows that nothing changed, not whose it is."""


def verify(file: bytes, parts: Parts, trusted: bytes | None = None) -> Verified:
    """Check a release with a public key alone. Raises Damaged at the first thing that is wrong, Invalid if it is no manifest."""
    # Step 1. Take it apart.
    manifest = decode(file)
    # Step 2. The signature covers what it says, by the key that is trusted.
    signer = check_signature(manifest, trusted)
    release = manifest.release
    # Step 3. It is well-formed: each table once, each bucket of a table once, names of files that are digests.
    _check_form(release)
    # Step 4. Every file has the bytes, the rows and the columns that it says.
    for table in release.tables:
        for part in table.parts:
            parts.check(part)
            _check_file(parts, table.name, part.sha256, part.rows, columns_of_table=table.columns)
    return Verified(
        release=release.digest(),
        project=release.project,
        permit=release.permit,
        made=release.made,
        until=release.until,
        tables=len(release.tables),
        files=len({part.sha256 for table in release.tables for part in table.parts}),
        rows=sum(table.rows for table in release.tables),
        signer=signer,
        pinned=trusted is not None,
    )


def opened(file: bytes, trusted: bytes) -> Release:
    """What a manifest says, if it is signed by the key that is trusted. Raises Damaged, Invalid."""
    manifest: Manifest = decode(file)
    check_signature(manifest, trusted)
    _check_form(manifest.release)
    return manifest.release


def _check_form(release: Release) -> None:
    named = [table.name for table in release.tables]
    if len(set(named)) != len(named):
        raise Damaged("a table is named twice", code="release.manifest")
    if not 1 <= release.buckets <= MOST_BUCKETS:
        raise Damaged("the number of buckets is wrong", code="release.manifest")
    for table in release.tables:
        if table.name not in tables() or not {column.name for column in table.columns} <= set(names(table.name)):
            raise Damaged("a table or a column is none of the CDM", code="release.manifest")
        buckets = [part.bucket for part in table.parts]
        about_persons = PERSON in {column.name for column in table.columns}
        allowed = range(release.buckets) if about_persons else (COMMON,)
        if len(set(buckets)) != len(buckets) or not set(buckets) <= set(allowed):
            raise Damaged(f"the buckets of {table.name} are wrong", code="release.manifest")
        if not all(len(part.sha256) == _SHA256_CHARS and set(part.sha256) <= _HEX for part in table.parts):
            raise Damaged(f"a file of {table.name} has no proper name", code="release.manifest")


def _check_file(parts: Parts, table: str, sha256: str, rows: int, *, columns_of_table: object) -> None:
    try:
        file = pq.ParquetFile(parts.path(sha256))
    except (pa.ArrowException, OSError):
        raise Damaged(f"a file of {table} cannot be read", code="release.file") from None
    with file:
        if file.metadata.num_rows != rows or columns_of(file.schema_arrow) != columns_of_table:
            raise Damaged(f"a file of {table} has other rows or columns than the manifest says", code="release.file")
