"""A form: who is in the tables of a source, and which of their columns must not stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nexus.warehouse.intake.agreement import FileKind, Table
from nexus.warehouse.omop.source import Element, Source, SourceTable

TABULAR: Final = frozenset({FileKind.CSV, FileKind.PARQUET})


@dataclass(frozen=True, slots=True)
class OfPerson:
    """A column that names a person becomes her pseudonym. `by`: the columns whose values tell which record it is, joined by /."""

    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfThing:
    """A column that names a thing of this kind becomes a keyed name, the same in every table of the provider."""

    kind: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that a mapping would read, and that says who somebody is."""


Cell = OfPerson | OfThing | LeftOut


@dataclass(frozen=True, slots=True)
class Form:
    """One source. `people`: its table of persons; `record`: the columns that name a record there."""

    source: Source
    people: str
    record: tuple[str, ...]
    identity: tuple[str, ...]
    """Columns of that table that linkage reads, besides those of `record`."""
    cells: Mapping[tuple[str, str], Cell]
    """Of (table, column): what becomes of it."""
    also: str = ""
    """Another column of that table by which others name a person."""
    numbers: str = ""
    """A column of that table with every number by which consent may know a person, divided by U+001F; empty: the record's own alone."""
    telling: tuple[str, ...] = ("ssn", "birthdate")
    """Columns of that table in which two rows of one record cannot differ without being two people."""
    prefix: str = ""
    """What stands before the names of tables here, and not in agreements: another form has tables of those names."""
    hospital: bool = True
    """Whether it tells names and dates of birth; the claims base tells neither."""
    elements: Mapping[str, Element] = field(default_factory=dict)
    """Of FHIR: how each of the columns above is read of a resource."""

    @property
    def of_people(self) -> tuple[str, ...]:
        """The columns of the table of persons that say who they are."""
        return tuple(
            dict.fromkeys(filter(None, (*self.record, *self.identity, *self.telling, self.also, self.numbers)))
        )

    def tables(self, agreed: Table) -> tuple[SourceTable, ...]:
        """The tables of the source that files of an agreed table hold."""
        if agreed.kind in TABULAR:
            name = self.prefix + agreed.name
            fitting = (table for table in self.source.tables if not table.resource and table.is_called(name))
            return tuple(fitting)[:1]
        return tuple(table for table in self.source.tables if table.resource in agreed.resources)
