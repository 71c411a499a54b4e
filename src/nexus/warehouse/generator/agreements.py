"""What would be agreed with the sources of generated extracts: their tables as they are, identifiers declared where they stand."""

from pathlib import Path
from typing import Final

from nexus.warehouse.generator.hospital_tables import IDENTIFYING, PATIENTS
from nexus.warehouse.intake.agreement import (
    REMOVED,
    REMOVED_COLUMNS,
    Agreement,
    Column,
    ColumnType,
    IdentifierKind,
    Table,
)

_KINDS: Final = {
    "SSN": IdentifierKind.NIR,
    "BEN_NIR_ANO": IdentifierKind.NIR,
    "FIRST": IdentifierKind.GIVEN_NAME,
    "LAST": IdentifierKind.FAMILY_NAME,
    "MAIDEN": IdentifierKind.FAMILY_NAME,
    "BIRTHDATE": IdentifierKind.BIRTH_DATE,
    "ADDRESS": IdentifierKind.ADDRESS,
    "PATIENT": IdentifierKind.LOCAL,
    "ENCOUNTER": IdentifierKind.LOCAL,
}
_NUMBERED: Final = frozenset({PATIENTS, "encounters"})
_ABOUT_NO_PATIENT: Final = frozenset({"organizations", "providers"})
_REMOVED: Final = Table(
    name=REMOVED,
    columns=tuple(Column(name=name.upper(), filled=True) for name in REMOVED_COLUMNS),
    optional=True,
)


def agreed(folder: Path, *, fresh_days: int, unusable_percent: float) -> Agreement:
    """The agreement that the CSV files of a folder keep, and changes to them. They are called like their tables, in small letters."""
    tables = (_table(path) for path in sorted(folder.glob("*.csv")) if path.stem != REMOVED)
    return Agreement(
        schema_version="2026.1",
        tables=(*tables, _REMOVED),
        fresh_days=fresh_days,
        unusable_percent=unusable_percent,
    )


def _table(path: Path) -> Table:
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    return Table(name=path.stem, columns=tuple(_column(path.stem, name) for name in names))


def _column(table: str, name: str) -> Column:
    identifier = _kind(table, name)
    born = identifier is IdentifierKind.BIRTH_DATE
    return Column(name=name, identifier=identifier, type=ColumnType.DATE if born else ColumnType.TEXT)


def _kind(table: str, column: str) -> IdentifierKind | None:
    if column == "Id" and table in _NUMBERED:
        return IdentifierKind.LOCAL
    if table == PATIENTS and column in IDENTIFYING:
        return _KINDS.get(column, IdentifierKind.LOCAL)
    return None if table in _ABOUT_NO_PATIENT else _KINDS.get(column)
