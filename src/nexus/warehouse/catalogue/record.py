"""What the catalogue says of a dataset: frozen when it is published, kept as JSON, version 1."""

import msgspec
from msgspec import Struct

from nexus.kernel.errors import Damaged
from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue.describing import HealthCategory

VERSION = 1


class Said(Struct, frozen=True, kw_only=True):
    """A text in both languages; empty: not said."""

    fr: str
    en: str


class Party(Struct, frozen=True, kw_only=True):
    """A legal person and how to reach it: a `mailto:` or `https:` address."""

    name: str
    contact: str


class CountedTable(Struct, frozen=True, kw_only=True):
    """A table of the CDM. `rows`: rounded down to tens; None: from one to ten."""

    name: str
    rows: int | None


class Quality(Struct, frozen=True, kw_only=True):
    """What the quality gate found: how many of its checks ended how."""

    passed: int
    failed: int
    not_applicable: int


class Record(Struct, frozen=True, kw_only=True):
    """A dataset as everybody sees it. No number in it is of fewer than eleven, and none is exact."""

    version: int = VERSION
    name: str
    address: str
    issued: str
    """The day of publication, ISO 8601."""
    whole: bool
    """Whether it is the warehouse itself, not a release."""
    title: Said
    description: Said
    keywords: tuple[str, ...]
    categories: tuple[HealthCategory, ...]
    themes: tuple[str, ...]
    population: Said
    publisher: Party
    access_body: Party
    country: str
    purposes: tuple[StudyPurpose, ...]
    legal_basis: LegalBasis | None
    period_from: str
    period_until: str
    retained_until: str
    min_age: int | None
    max_age: int | None
    individuals: int | None
    records: int | None
    tables: tuple[CountedTable, ...]
    vocabulary: str
    """Version of the vocabularies, as their makers call it."""
    quality: Quality | None
    """None: only that no check failed which stops a release."""


def encode(record: Record) -> bytes:
    """The form that is kept."""
    return msgspec.json.encode(record, order="sorted")


def decode(kept: bytes) -> Record:
    """The inverse of `encode`. Raises Damaged."""
    try:
        return msgspec.json.decode(kept, type=Record)
    except msgspec.MsgspecError as error:
        raise Damaged("a record of the catalogue cannot be read", code="catalogue.record") from error
