"""The manifest: what a provider says that a delivery holds. Read from the outside, so nothing in it is believed."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from nexus.warehouse.intake.agreement import REMOVED, Agreement, FileKind
from nexus.warehouse.intake.report import Fault, FaultyError, Problem, faulty

FORMAT: Final = "nexus.delivery/1"
NAME: Final = "manifest.json"
"""Files of a delivery lie beside it, under one prefix of their own."""
MAX_MANIFEST_BYTES: Final = 4 << 20
MAX_FILES: Final = 10_000
MAX_FILE_BYTES: Final = 1 << 40
"""As delivered."""

_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)


class Compression(StrEnum):
    """How a file is compressed; the end of its name says so."""

    NONE = ""
    GZIP = ".gz"
    ZSTD = ".zst"


class Kind(StrEnum):
    """What a delivery tells."""

    WHOLE = "whole"
    """Everything that there is."""
    CHANGES = "changes"
    """What is new, corrected or removed since the delivery that it follows."""


class Follows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The accepted delivery that changes apply to."""

    number: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    manifest_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Of its manifest, as its receipt says."""


class FileSaid(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file, as the provider describes it."""

    name: str
    table: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Of the file as delivered."""
    bytes: Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]
    rows: Annotated[int, Meta(ge=0)]
    """Without the header; of FHIR: resources."""

    @property
    def compression(self) -> Compression:
        """As its name says."""
        ends = (each for each in (Compression.GZIP, Compression.ZSTD) if self.name.lower().endswith(each.value))
        return next(ends, Compression.NONE)


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A delivery, as the provider describes it."""

    format: str
    provider: str
    number: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    """Of the delivery; a later one has a higher one."""
    schema_version: str
    period_from: date
    period_until: date
    """First and last day of the data."""
    files: Annotated[tuple[FileSaid, ...], Meta(min_length=1, max_length=MAX_FILES)]
    kind: Kind = Kind.WHOLE
    follows: Follows | None = None
    """Of changes."""


def read(content: bytes) -> Manifest:
    """Raises FaultyError; quotes nothing of the content."""
    if len(content) > MAX_MANIFEST_BYTES:
        raise faulty(Fault.MANIFEST, f"a manifest has at most {MAX_MANIFEST_BYTES} bytes", file=NAME)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        where = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "the document"
        place = where.strip("`").removeprefix("$.") if where.startswith("`$") else "the document"
        raise faulty(Fault.MANIFEST, f"not in the form {FORMAT}: look at {place}", file=NAME) from None
    if manifest.format != FORMAT:
        raise faulty(Fault.MANIFEST, f"`format` is {FORMAT}", file=NAME)
    return manifest


def against(manifest: Manifest, provider: str, agreement: Agreement, today: date) -> tuple[Problem, ...]:
    """What of a manifest contradicts itself or the agreement, before any file is opened."""
    return tuple(error.problem for error in _against(manifest, provider, agreement, today))


def _against(manifest: Manifest, provider: str, agreement: Agreement, today: date) -> Iterator[FaultyError]:
    if manifest.provider != provider:
        yield faulty(Fault.MANIFEST, "`provider` names another provider than the bucket's", file=NAME)
    if manifest.schema_version != agreement.schema_version:
        yield faulty(Fault.SCHEMA_VERSION, f"agreed is {agreement.schema_version}", file=NAME)
    yield from _period(manifest, agreement, today)
    yield from _kind(manifest, agreement)
    yield from _files(manifest, agreement)


def _period(manifest: Manifest, agreement: Agreement, today: date) -> Iterator[FaultyError]:
    if manifest.period_from > manifest.period_until:
        yield faulty(Fault.PERIOD, "the period ends before it begins", file=NAME)
    if manifest.period_until > today + timedelta(days=1):
        yield faulty(Fault.PERIOD, "the period ends in the future", file=NAME)
    elif (today - manifest.period_until).days > agreement.fresh_days:
        hint = f"the period ended more than {agreement.fresh_days} days ago; make a new extract"
        yield faulty(Fault.STALE, hint, file=NAME)


def _kind(manifest: Manifest, agreement: Agreement) -> Iterator[FaultyError]:
    if manifest.kind is Kind.CHANGES:
        if manifest.follows is None:
            yield faulty(Fault.MANIFEST, "changes say which delivery they follow (`follows`)", file=NAME)
        elif manifest.follows.number >= manifest.number:
            yield faulty(Fault.MANIFEST, "changes follow a delivery with a lower number", file=NAME)
        if agreement.table(REMOVED) is None:
            hint = f"changes were not agreed (a table `{REMOVED}`): deliver everything"
            yield faulty(Fault.CHANGES, hint, file=NAME)
    elif manifest.follows is not None:
        yield faulty(Fault.MANIFEST, "a whole delivery follows none: say that its `kind` is changes", file=NAME)
    for said in manifest.files if manifest.kind is Kind.WHOLE else ():
        if said.table == REMOVED:
            hint = "a whole delivery removes nothing: leave it out, or say that the `kind` is changes"
            yield faulty(Fault.CHANGES, hint, file=said.name)


def _files(manifest: Manifest, agreement: Agreement) -> Iterator[FaultyError]:
    seen: set[str] = set()
    for said in manifest.files:
        table = agreement.table(said.table)
        if _FILE.fullmatch(said.name) is None or said.name == NAME:
            yield faulty(Fault.MANIFEST, "a file's name is letters, digits, dots, - and _", file=NAME)
            continue
        if said.name in seen:
            yield faulty(Fault.MANIFEST, "the manifest names this file twice", file=said.name)
        seen.add(said.name)
        if table is None:
            yield faulty(Fault.TABLE_UNKNOWN, "the agreement has no such table", file=said.name)
        elif table.kind is FileKind.PARQUET and said.compression is not Compression.NONE:
            yield faulty(Fault.COMPRESSION, "Parquet compresses by itself: deliver it as it is", file=said.name)
    delivered = {said.table for said in manifest.files}
    for table in agreement.tables if manifest.kind is Kind.WHOLE else ():
        if not table.optional and table.name not in delivered:
            yield faulty(Fault.TABLE_MISSING, f"no file holds the table {table.name}", file=NAME)
