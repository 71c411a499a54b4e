"""The files of a delivery: which table each is of, how it is written, and what is wrong with it before a row is read."""

import codecs
import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import pyarrow
import pyarrow.parquet

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.source import LINE, Source, SourceTable

SEPARATORS: Final = ",;\t|"
MARK: Final = "_mark"
"""A column that a table may declare: what stands in a file's name where `files` has ??, such as a year."""
HEADER_BYTES: Final = 1 << 20
"""A first line that is longer is no header."""
Form = Literal["csv", "parquet", "fhir", "read"]
"""`read`: Parquet of the columns of a table, and in LINE which line of what was delivered each row is: its place here says nothing."""
_FORMS: Final[dict[str, Form]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".ndjson": "fhir",
    ".json": "fhir",
}
BUNDLE: Final = ".json"
"""A Bundle holds resources of any kind: it is a file of each table."""
UTF8: Final = "utf-8"
UTF16: Final = "utf-16"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file of one table. `id` is its number in provenance: by its place in the sorted list of paths."""

    id: int
    path: Path
    name: str
    """Its path below the folder that was delivered."""
    table: SourceTable
    form: Form
    bytes: int
    mark: str = ""
    """What MARK holds for its rows."""


def find(source: Source, folder: Path, after: int = 0) -> tuple[Delivered, ...]:
    """Every file that is of a table of the source, numbered `after` those of earlier deliveries. Raises Invalid if none is."""
    found = look(source, folder, after)
    if not found:
        names = ", ".join(table.name for table in source.tables)
        raise Invalid(
            f"this folder holds no file of the source {source.name}",
            code="omop.no-files",
            hint=f"a file is named after its table: {names}; .csv, .csv.gz, .parquet; FHIR: .ndjson, or a Bundle in .json",
        )
    return found


def look(source: Source, folder: Path, after: int = 0) -> tuple[Delivered, ...]:
    """The same, of a folder that may hold none."""
    found: list[Delivered] = []
    for path in sorted(folder.rglob("*")):
        form, stem = _form(path)
        if form is None or not path.is_file():
            continue
        for table in source.tables:
            if (fits := _form_of(path, stem, form, table)) is not None:
                name = path.relative_to(folder).as_posix()
                found.append(
                    Delivered(
                        after + len(found) + 1, path, name, table, fits, path.stat().st_size, mark_of(stem, table)
                    )
                )
    return tuple(found)


def _form(path: Path) -> tuple[Form | None, str]:
    name = path.name.lower().removesuffix(".gz")
    stem, _, suffix = name.rpartition(".")
    return _FORMS.get(f".{suffix}"), stem


def _form_of(path: Path, stem: str, form: Form, table: SourceTable) -> Form | None:
    """How a file holds rows of a table; None if it holds none."""
    if form == "fhir":
        return form if _is_resources(path, stem, table) else None
    if not table.is_called(stem) or (table.resource and form != "parquet"):
        return None
    return "read" if form == "parquet" and (table.resource or _says_lines(path)) else form


def _says_lines(path: Path) -> bool:
    """Whether the rows of a Parquet file name lines of their own. Of one that cannot be read, whoever reads it tells."""
    try:
        return LINE in pyarrow.parquet.read_schema(path).names
    except (pyarrow.ArrowInvalid, OSError):
        return False


def _is_resources(path: Path, stem: str, table: SourceTable) -> bool:
    """`Patient.ndjson`, `Patient.000.ndjson`, `Patient-1.ndjson`; or any Bundle."""
    if not table.resource:
        return False
    if path.name.lower().removesuffix(".gz").endswith(BUNDLE):
        return True
    rest = stem.removeprefix(table.resource.lower())
    return rest != stem and not rest[:1].isalnum()


def mark_of(stem: str, table: SourceTable) -> str:
    """What MARK holds for the rows of a file of this stem."""
    for pattern in table.files:
        before, wild, _ = pattern.partition("??")
        if wild and fnmatchcase(stem, pattern):
            return stem[len(before) : len(before) + len(wild)]
    return ""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file of separated values is written. `columns`: in lower case, in order."""

    separator: str
    columns: tuple[str, ...]


def shape(file: Delivered, encoding: str) -> Shape:
    """Read the header. Raises Invalid, with file and line, if it cannot be told apart or columns are missing."""
    line = _first_line(file, encoding)
    known = set(file.table.every_column)
    candidates = {separator: _cells(line, separator) for separator in SEPARATORS}
    fitting = {s: cells for s, cells in candidates.items() if known & set(cells)}
    if not fitting:
        raise _wrong(file, "no column of this table is in its first line", f"expected {', '.join(file.table.columns)}")
    separator = max(fitting, key=lambda s: len(known & set(fitting[s])))
    if (
        sum(len(known & set(cells)) == len(known & set(fitting[separator])) for cells in fitting.values()) > 1
        and len(fitting[separator]) > 1
    ):
        raise _wrong(file, "more than one separator fits its first line", "write the columns with one of , ; tab |")
    check_columns(file, fitting[separator])
    return Shape(separator, tuple(fitting[separator]))


def check_columns(file: Delivered, columns: Sequence[str]) -> None:
    """Raises Invalid if columns that a mapping needs are missing, or one is there twice."""
    if missing := [column for column in file.table.columns if column not in columns]:
        raise _wrong(
            file,
            f"columns are missing: {', '.join(missing)}",
            f"these are there: {', '.join(columns)}; a column that was renamed must get its name back",
        )
    if twice := _twice(columns):
        raise _wrong(file, f"columns stand twice: {', '.join(twice)}", "each column has a name of its own")


def _twice(columns: Iterable[str]) -> list[str]:
    return [column for column, times in Counter(columns).items() if times > 1]


def opened(path: Path) -> BinaryIO:
    """A file to read bytes from, unpacked if it is packed."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _first_line(file: Delivered, encoding: str) -> str:
    with opened(file.path) as stream:
        line = stream.readline(HEADER_BYTES)
        if encoding == UTF16:
            line += stream.read(len(line) % 2)  # the other byte of the line's end
    if encoding == UTF16 and line.startswith(codecs.BOM_UTF16_BE):
        raise _wrong(
            file, "it is big-endian", "the engine reads UTF-16 with the lower byte first: write it so, or as UTF-8"
        )
    if not line.strip():
        raise _wrong(file, "it is empty", "a table without rows still has its header")
    try:
        return line.decode("utf-8-sig" if encoding == UTF8 else encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        raise _wrong(
            file, f"its first line is not text in {encoding}", "say which it is (--encoding latin-1)"
        ) from None


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().lower() for cell in next(csv.reader([line], delimiter=separator))]


def _wrong(file: Delivered, what: str, hint: str) -> Invalid:
    return Invalid(f"{file.name}, line 1: {what}", code="omop.header", hint=hint)


def of_table(files: Iterable[Delivered], table: str) -> Iterator[Delivered]:
    """The files of one table."""
    return (file for file in files if file.table.name == table)
