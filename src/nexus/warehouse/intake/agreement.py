"""What was agreed with a provider about the form of its deliveries, and what such an agreement may not say."""

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from nexus.kernel.errors import Invalid

MAX_TABLES: Final = 64
MAX_COLUMNS: Final = 1_024
"""Of one table."""
MAX_FRESH_DAYS: Final = 3 * 366
REMOVED: Final = "removed"
"""The table of what changes take away. A provider may deliver changes if its agreement has it."""
REMOVED_COLUMNS: Final = ("table", "key")
"""In small letters."""

_TABLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_BAD_AGREEMENT: Final = "intake.agreement"


class FileKind(StrEnum):
    """How a table is written."""

    CSV = "csv"
    PARQUET = "parquet"
    FHIR_NDJSON = "fhir-ndjson"
    """One FHIR resource a line."""
    FHIR_BUNDLE = "fhir-bundle"
    """One FHIR Bundle, whatever its size."""


class Encoding(StrEnum):
    """How a CSV file writes its characters."""

    UTF_8 = "utf-8"
    WINDOWS_1252 = "windows-1252"
    ISO_8859_1 = "iso-8859-1"
    ISO_8859_15 = "iso-8859-15"


class ColumnType(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    CODE = "code"
    """A word of a vocabulary or a local one: no space inside, 64 characters at most."""
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    """0, 1, true or false."""


class IdentifierKind(StrEnum):
    """What a declared column says of who the patient is. These columns end where pseudonyms are made."""

    NIR = "nir"
    FAMILY_NAME = "family-name"
    GIVEN_NAME = "given-name"
    BIRTH_DATE = "birth-date"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    LOCAL = "local-identifier"
    """A number that the site gave: of the patient, of a stay."""


class ClearKind(StrEnum):
    """What the scanner finds."""

    NIR = "nir"
    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    BIRTH_DATE = "birth-date"
    COPY = "copied-identifier"
    """The value of a declared column, in another column of the same row."""


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column of a table. In FHIR: an element by its path without numbers, such as `Patient.name.family`."""

    name: Annotated[str, Meta(min_length=1, max_length=128, examples=["admitted_on"])]
    type: ColumnType = ColumnType.TEXT
    filled: bool = False
    """Whether a row without a value cannot be used."""
    identifier: IdentifierKind | None = None
    """What it says of who the patient is; None: nothing, and the scanner holds it to that."""
    harmless: tuple[ClearKind, ...] = ()
    """Kinds that the scanner takes for something else here (serial numbers that look like a NIR): an agreed exception."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the extract, in one file or in several."""

    name: Annotated[str, Meta(min_length=1, max_length=63, examples=["stays"])]
    kind: FileKind = FileKind.CSV
    columns: Annotated[tuple[Column, ...], Meta(max_length=MAX_COLUMNS)] = ()
    """Of CSV and Parquet: every column. Of FHIR: the elements that identify, and exceptions."""
    resources: tuple[str, ...] = ()
    """Of FHIR: the types of resources that may be there."""
    encoding: Encoding = Encoding.UTF_8
    separator: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    date_format: Annotated[str, Meta(min_length=2, max_length=32)] = "%Y-%m-%d"
    """Of days, in the words of strptime; moments are a day, a space or T, and a time."""
    decimal_comma: bool = False
    optional: bool = False
    """Whether a delivery may come without it."""


class Acceptance(StrEnum):
    """Who has the last word about a delivery that passes every check."""

    AT_ONCE = "at-once"
    BY_STEWARD = "by-steward"


class Agreement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider delivers, how, and how old it may be."""

    schema_version: Annotated[str, Meta(min_length=1, max_length=32, examples=["2026.1"])]
    """What manifests call this agreement."""
    tables: Annotated[tuple[Table, ...], Meta(min_length=1, max_length=MAX_TABLES)]
    fresh_days: Annotated[int, Meta(ge=1, le=MAX_FRESH_DAYS)] = 90
    """Days between the end of the period and the delivery, at most."""
    unusable_percent: Annotated[float, Meta(ge=0, le=100)] = 1.0
    """Rows of a table that may be unusable, in percent; beyond, the delivery is refused."""
    acceptance: Acceptance = Acceptance.AT_ONCE

    def table(self, name: str) -> Table | None:
        """A table by its name."""
        return next((table for table in self.tables if table.name == name), None)


def require_sound(agreement: Agreement) -> None:
    """Raises Invalid, naming the first thing that cannot be agreed."""
    for fault in _faults(agreement):
        raise Invalid(fault, code=_BAD_AGREEMENT, hint="docs/formats/delivery.md#agreement")


def _faults(agreement: Agreement) -> Iterator[str]:
    names = [table.name for table in agreement.tables]
    if len(set(names)) < len(names):
        yield "two tables have one name"
    for table in agreement.tables:
        yield from (f"table {table.name}: {fault}" for fault in _table_faults(table))


def _table_faults(table: Table) -> Iterator[str]:
    names = [column.name for column in table.columns]
    if table.name == REMOVED and not _can_remove(table):
        yield "what is removed is CSV or Parquet with the columns TABLE and KEY, and optional"
    if _TABLE.fullmatch(table.name) is None:
        yield "a name is small letters, digits and _"
    if len(set(names)) < len(names):
        yield "two columns have one name"
    if table.kind in (FileKind.CSV, FileKind.PARQUET):
        if not table.columns or table.resources:
            yield "a table has columns, and no types of resources"
        if table.separator in '"\r\n' or table.separator.isalnum():
            yield "this cannot separate columns"
        if any(column.identifier is IdentifierKind.BIRTH_DATE and column.type not in _DAYS for column in table.columns):
            yield "a date of birth has the type date"
        if not _is_date_format(table.date_format):
            yield "this is no format of a day"
    elif not table.resources:
        yield "FHIR names the types of resources that may be there"


def _can_remove(table: Table) -> bool:
    names = sorted(column.name.lower() for column in table.columns)
    return table.kind in (FileKind.CSV, FileKind.PARQUET) and table.optional and names == sorted(REMOVED_COLUMNS)


_DAYS: Final = frozenset({ColumnType.DATE, ColumnType.TIMESTAMP})


def _is_date_format(text: str) -> bool:
    """Whether it says year, month and day, each once, and nothing of the hour."""
    directives = re.findall(r"%(.)", text)
    if sorted(directives) not in (sorted("Ymd"), sorted("ymd")) or " " in text or "T" in text:
        return False
    return date(2024, 12, 31).strftime(text).isascii()
