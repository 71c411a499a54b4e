"""What became of each row: the report of a conversion, as a document."""

from collections.abc import Mapping

import msgspec

from nexus.warehouse.omop.problems import ADVICE, Reason


class Delivered(msgspec.Struct, frozen=True):
    """One file: `unreadable` lines stand in quarantine."""

    name: str
    table: str
    bytes: int
    rows: int
    unreadable: int


class Outcome(msgspec.Struct, frozen=True):
    """Of one mapping: rows of its driver, records written by CDM table, records left out by table and reason."""

    mapping: str
    driver: str
    rows: int
    written: dict[str, int]
    left_out: dict[str, dict[str, int]]


class Coverage(msgspec.Struct, frozen=True):
    """Of one CDM table and vocabulary: how many records, and how many of them have a standard concept."""

    table: str
    vocabulary: str
    records: int
    mapped: int
    codes: int
    codes_mapped: int

    @property
    def percent(self) -> float:
        return 100.0 * self.mapped / self.records if self.records else 0.0


class Conversion(msgspec.Struct, frozen=True):
    """The report of one conversion."""

    source: str
    engine: str
    vocabulary_version: str
    as_of: str
    files: list[Delivered]
    outcomes: list[Outcome]
    tables: dict[str, int]
    coverage: list[Coverage]
    duplicates: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def source_rows(self) -> int:
        return sum(file.rows for file in self.files)

    def left_out(self) -> Mapping[str, int]:
        """Records left out by reason, the most frequent first; lines that could not be read among them."""
        total: dict[str, int] = {}
        for outcome in self.outcomes:
            for reasons in outcome.left_out.values():
                for reason, records in reasons.items():
                    total[reason] = total.get(reason, 0) + records
        for records in self.duplicates.values():
            total[Reason.DUPLICATE] = total.get(Reason.DUPLICATE, 0) + records
        if unreadable := sum(file.unreadable for file in self.files):
            total[Reason.UNREADABLE] = unreadable
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def advice(reason: str) -> str:
    """What to do about rows that were left out for a reason."""
    return ADVICE[Reason(reason)]


def encode(conversion: Conversion) -> bytes:
    """As JSON, for people and programs."""
    return msgspec.json.format(msgspec.json.encode(conversion), indent=1) + b"\n"


def decode(document: bytes) -> Conversion:
    """Read again what `encode` wrote."""
    return msgspec.json.decode(document, type=Conversion)


def with_tables(conversion: Conversion, tables: dict[str, int]) -> Conversion:
    """The same report, of as many rows in each table."""
    return msgspec.structs.replace(conversion, tables=tables)
