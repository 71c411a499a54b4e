"""What a check found, in values that hold nothing of the data: files, lines, columns, kinds and counts."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from nexus.warehouse.intake.agreement import ClearKind

SHOWN_LINES: Final = 10
"""Lines that a report names of one kind of thing in one column; the count says how many there are."""
MAX_FAULTS: Final = 200
"""Faults that a report names."""


class Fault(StrEnum):
    """Why a delivery is refused."""

    MANIFEST = "manifest"
    SCHEMA_VERSION = "schema-version"
    STALE = "stale"
    PERIOD = "period"
    DUPLICATE = "duplicate"
    FILE_MISSING = "file-missing"
    FILE_UNKNOWN = "file-unknown"
    FILE_CHANGED = "file-changed"
    TABLE_MISSING = "table-missing"
    TABLE_UNKNOWN = "table-unknown"
    CHECKSUM = "checksum"
    SIZE = "size"
    TRUNCATED = "truncated"
    COMPRESSION = "compression"
    TOO_LARGE = "too-large"
    EMPTY = "empty"
    ENCODING = "encoding"
    SEPARATOR = "separator"
    COLUMN_MISSING = "column-missing"
    COLUMN_UNKNOWN = "column-unknown"
    COLUMN_TWICE = "column-twice"
    COLUMN_TYPE = "column-type"
    ROW_FORM = "row-form"
    ROW_COUNT = "row-count"
    FHIR = "fhir"
    UNREADABLE = "unreadable"
    UNUSABLE_ROWS = "unusable-rows"
    CHANGES = "changes"
    """They cannot be told so: not agreed, or not of such a source."""
    GAP = "changes-gap"
    """The delivery that they follow was not accepted."""
    TOO_SOON = "changes-too-soon"
    """It is not decided yet."""
    FORK = "changes-fork"
    """Another one came after it."""
    OTHER_BASE = "changes-other-base"
    """It is not what they say that it is, or not there any more."""
    REMOVED = "removed"
    CLEAR_IDENTIFIER = "clear-identifier"
    JUDGED = "judged"


class FlagReason(StrEnum):
    """Why a row cannot be used."""

    NOT_FILLED = "not-filled"
    NOT_A_NUMBER = "not-a-number"
    NOT_A_DATE = "not-a-date"
    NOT_A_CODE = "not-a-code"
    NOT_A_BOOLEAN = "not-a-boolean"
    IN_THE_FUTURE = "in-the-future"
    BEFORE_BIRTH = "before-birth"
    LONG_AGO = "long-ago"


class Problem(Struct, frozen=True, kw_only=True):
    """One fault. `line` is 0 where it is of the whole file; lines count from 1, the header included; rows in Parquet."""

    fault: Fault
    file: str = ""
    line: int = 0
    column: str = ""
    hint: str = ""
    """What to do, without a word of the data."""


class Finding(Struct, frozen=True, kw_only=True):
    """Clear identifiers of one kind in a column that was not declared to hold any."""

    kind: ClearKind
    file: str
    column: str
    count: int
    lines: tuple[int, ...]
    """The first of them."""


class Flag(Struct, frozen=True, kw_only=True):
    """Rows that cannot be used, for one reason in one column."""

    reason: FlagReason
    file: str
    column: str
    count: int
    lines: tuple[int, ...]
    """The first of them."""


class FileReport(Struct, frozen=True, kw_only=True):
    """What a file turned out to be."""

    name: str
    table: str
    bytes: int
    """As delivered, compressed where it was."""
    rows: int
    unusable: int
    """Rows with a flag."""
    sha256: str


class Checked(Struct, frozen=True, kw_only=True):
    """What a file turned out to be, and everything wrong with it."""

    file: FileReport
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """Everything about one delivery. It may be accepted if `problems` is empty."""

    files: tuple[FileReport, ...] = ()
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def rows(self) -> int:
        """Of all files."""
        return sum(file.rows for file in self.files)


class Sightings:
    """How often something was seen, and on which lines first."""

    __slots__ = ("count", "lines", "shown")

    def __init__(self, shown: int = SHOWN_LINES) -> None:
        """`shown`: lines that are remembered."""
        self.count = 0
        self.lines: list[int] = []
        self.shown = shown

    def add(self, line: int) -> None:
        """Once, on a line."""
        self.count += 1
        if len(self.lines) < self.shown:
            self.lines.append(line)

    def add_all(self, lines: Iterable[int], count: int) -> None:
        """`count` times, on these lines, or on the first of them."""
        self.count += count
        if len(self.lines) < self.shown:
            self.lines.extend([*lines][: self.shown - len(self.lines)])


class FaultyError(Exception):
    """Ends the check of one file: what comes behind this fault in it means nothing."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.fault.value)
        self.problem = problem


def faulty(fault: Fault, hint: str, *, line: int = 0, column: str = "", file: str = "") -> FaultyError:
    """The error of a fault; the check of the file puts in its name."""
    return FaultyError(Problem(fault=fault, file=file, line=line, column=column, hint=hint))
