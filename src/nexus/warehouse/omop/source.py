"""What a source is: the tables of its files, and the mappings that turn their rows into records."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

import ibis.expr.types as ir

from nexus.warehouse.omop.spec import names
from nexus.warehouse.omop.ties import TIES, Tie, column

FILE: Final = "_file"
"""Column of every staged row: the number of its file (`files.parquet`)."""
LINE: Final = "_line"
"""Column of every staged row: its line in that file, from 1; of a Parquet file, its row."""
REASON: Final = "_reason"
"""Column of every record on its way: why it cannot be used, or NULL."""
NATURAL: Final = "_natural"
"""Column of every record that a `Direct` mapping gives: what the source calls the thing (`keys.natural`)."""
KEY: Final = "_key"
CHECK: Final = "_check"
"""Columns of every record on its way: the two hashes of NATURAL."""
TARGET: Final = "_target"
"""Column of every event on its way: the CDM table that it belongs to."""


_LINES: Final = 1 << 40
"""More than any file has: file and line as one number, of which the least is the first on every engine."""


def first_line(rows: ir.Table) -> dict[str, ir.Value]:
    """Of rows that become one record: the first file, and the first line in it. To aggregate by."""
    first = (rows[FILE].cast("int64") * _LINES + rows[LINE]).min()
    return {FILE: (first // _LINES).cast("int32"), LINE: (first % _LINES).cast("int64")}


Element = Callable[[dict[str, Any]], str | None]
"""What reads one element of a FHIR resource, as text."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of the source. Columns are in lower case; any file whose stem is `files` (`name` if empty) is of it."""

    name: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """Columns that some deliveries lack: NULL then."""
    files: tuple[str, ...] = ()
    """Other stems, in lower case, that this table's files have; a trailing `*` stands for anything."""
    person: str = ""
    """The column that names the person whom a row is about; empty if no row is about one, or another table says about whom."""
    row: tuple[str, ...] = ()
    """Columns by which the source tells a row apart: a delivery of changes that tells it again replaces it, and all that is `within` it."""
    within: tuple[str, tuple[str, ...]] | None = None
    """Another table with a `row`, and the columns here that say which of its rows this one belongs to."""
    ties: tuple[Tie, ...] = ()
    """By which names a row belongs to somebody, where no column names the person."""
    resource: str = ""
    """Of FHIR: the kind of resource whose elements are the rows; empty for a table of columns."""
    fields: Mapping[str, Element] = field(default_factory=dict)
    """Of a resource: how each column is read."""
    spread: Callable[[dict[str, Any]], Iterator[dict[str, Any]]] = lambda resource: iter((resource,))
    """Of a resource: the rows that it stands for."""

    @property
    def every_column(self) -> tuple[str, ...]:
        """What a mapping may ask for."""
        return (*self.columns, *self.optional)

    def is_called(self, stem: str) -> bool:
        """Whether a file of this stem, in lower case, is of this table."""
        return any(fnmatchcase(stem, pattern) for pattern in (self.name, *self.files))

    @property
    def tied(self) -> tuple[Tie, ...]:
        """By which names a row belongs to somebody; none if the table is about nobody."""
        return (column(self.person),) if self.person else self.ties


class Inputs(Protocol):
    """What a mapping reads. Promises tables with the columns that were declared, all text, and FILE and LINE."""

    def driver(self) -> ir.Table:
        """The rows of this piece."""

    def whole(self, table: str) -> ir.Table:
        """Another staged table, entire: to look something up. Without rows where the delivery has none."""

    def concepts(self, vocabulary: str) -> ir.Table:
        """The code map of one vocabulary: code, source_concept_id, concept_id, domain_id, position."""


Build = Callable[[Inputs], ir.Table]
_LATER: Final = "~"
"""Parts are settled in the order of their names: behind every letter."""


@dataclass(frozen=True, slots=True)
class Direct:
    """Rows of one driver become rows of one CDM table. `build` gives some of its columns, FILE, LINE, NATURAL, REASON."""

    target: str
    driver: str
    build: Build
    by_piece: bool = True
    """False if rows are grouped, so that a piece would not do."""
    later: int = 0
    """How many sources tell the same things better: of what two tell, the record of the better is kept (`uniqueness.settle`)."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    @property
    def name(self) -> str:
        return f"{_LATER * self.later}{self.target}-{self.driver}"


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows of one driver become coded events (`events.event`), each in the table of its concept's domain."""

    driver: str
    domain: str
    """Where codes go that no standard concept stands for."""
    build: Build
    part: str = ""
    """Tells two mappings of one driver apart."""
    by_piece: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(CLINICAL.values())

    @property
    def name(self) -> str:
        return f"events-{self.driver}{f'-{self.part}' if self.part else ''}"


AnyMapping = Direct | Coded


def is_personal(mapping: AnyMapping) -> bool:
    """Whether each of its records is about one person, and follows from the rows about that person alone."""
    return isinstance(mapping, Coded) or "person_id" in names(mapping.target) or mapping.target == "cost"


CLINICAL: Final[Mapping[str, str]] = {
    "Condition": "condition_occurrence",
    "Drug": "drug_exposure",
    "Procedure": "procedure_occurrence",
    "Device": "device_exposure",
    "Measurement": "measurement",
    "Observation": "observation",
}
"""Where events of a domain go; of other domains, to observation."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of extract, whoever delivers it."""

    name: str
    title: str
    tables: tuple[SourceTable, ...]
    mappings: tuple[AnyMapping, ...]
    """In the order in which they run: persons first, visits before what happens in them."""
    vocabularies: tuple[str, ...] = ()
    """What its codes are of, by the names of OMOP or of `lists`."""
    observed_by: tuple[str, ...] = ("visit_occurrence", *CLINICAL.values())
    """CDM tables whose records begin and end a person's observation period, where no mapping gives periods."""
    period_type: int = 32817
    shifted: frozenset[str] = frozenset()
    """Tables whose dates are shifted: of their events none is called future."""

    def table(self, name: str) -> SourceTable:
        """One of its tables."""
        return next(table for table in self.tables if table.name == name)

    def __post_init__(self) -> None:
        """Raises ValueError if a mapping has no driver, a name stands twice, or nothing says whom a row is about."""
        known = {table.name for table in self.tables}
        named = [mapping.name for mapping in self.mappings]
        if missing := {mapping.driver for mapping in self.mappings} - known:
            raise ValueError(f"{self.name}: mappings of tables that it does not have: {sorted(missing)}")
        if len(set(named)) != len(named):
            raise ValueError(f"{self.name}: two mappings have one name")
        told = {table.name for table in self.tables if table.tied}
        if untold := {mapping.driver for mapping in self.mappings if is_personal(mapping)} - told:
            raise ValueError(f"{self.name}: nothing says whom rows are about: {sorted(untold)}")
        keyed = {table.name: len(table.row) for table in self.tables if table.row}
        belong = [(table.within, table.name) for table in self.tables if table.within]
        if lost := sorted(name for (of, columns), name in belong if keyed.get(of) != len(columns)):
            raise ValueError(f"{self.name}: rows belong to what has no such key: {lost}")
        if many := sorted(table.name for table in self.tables if len(table.tied) > len(TIES)):
            raise ValueError(f"{self.name}: rows have more than {len(TIES)} ties: {many}")
