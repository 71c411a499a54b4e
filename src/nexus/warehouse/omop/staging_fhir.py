"""From FHIR R4 resources to staged Parquet: the elements that a table declares, as text, with the line of each resource.

A file is NDJSON, of one kind of resource, named after it (`Patient.ndjson`, `Observation.000.ndjson`), as bulk export writes them; or
one Bundle (`.json`) of any kinds, of which an entry's number is its line.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.omop.delivery import Delivered, opened
from nexus.warehouse.omop.source import FILE, SourceTable

LONGEST_RESOURCE: Final = 16 << 20
"""Bytes of one line."""
LARGEST_BUNDLE: Final = 256 << 20
"""Bytes. A Bundle is read whole; what is larger is exported as NDJSON."""
ROWS_A_GROUP: Final = 50_000
ENTRY: Final = "_entry"
_IN_BUNDLE: Final = "urn:uuid:"
Row = tuple[int, dict[str, str | None]]


def stage_fhir(file: Delivered, path: Path) -> tuple[int, tuple[int, ...]]:
    """Stage the resources of one table: rows that were read, and lines that are no JSON.

    Raises Damaged on a file that cannot be read, Invalid on one that is no Bundle.
    """
    unreadable: list[int] = []
    found = _bundle(file) if file.path.name.lower().removesuffix(".gz").endswith(".json") else _lines(file, unreadable)
    return _write(file, (row for number, resource in found for row in _rows(file, number, resource)), path), tuple(
        unreadable
    )


def _rows(file: Delivered, number: int, resource: dict[str, Any]) -> Iterator[Row]:
    return ((number, row) for row in rows(file.table, resource))


def rows(table: SourceTable, resource: dict[str, Any]) -> Iterator[dict[str, str | None]]:
    """The rows of a table that a resource stands for: its elements, by column. None if it is of another kind."""
    if resource.get("resourceType") == table.resource:
        for part in table.spread(resource):
            yield {column: read(part) for column, read in table.fields.items()}


def _lines(file: Delivered, unreadable: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with opened(file.path) as stream:
            for number, line in enumerate(_limited(stream), start=1):
                resource = _parsed(line)
                if isinstance(resource, dict):
                    yield number, resource
                elif line.strip():
                    unreadable.append(number)
    except (OSError, EOFError) as error:
        raise _damaged(file) from error


def _limited(stream: BinaryIO) -> Iterator[bytes]:
    """Lines; of one that is too long, its beginning, which is no JSON."""
    while line := stream.readline(LONGEST_RESOURCE):
        yield line
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_RESOURCE)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _bundle(file: Delivered) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with opened(file.path) as stream:
            content = stream.read(LARGEST_BUNDLE + 1)
    except (OSError, EOFError) as error:
        raise _damaged(file) from error
    bundle = _parsed(content) if len(content) <= LARGEST_BUNDLE else None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Invalid(
            f"{file.name} is no Bundle of at most {LARGEST_BUNDLE >> 20} MiB",
            code="omop.bundle",
            hint="export resources as NDJSON, a file for each kind (Patient.ndjson)",
        )
    for number, entry in enumerate(bundle.get("entry") or (), start=1):
        resource = resource_of(entry)
        if resource is not None:
            yield number, resource


def resource_of(entry: Any) -> dict[str, Any] | None:
    """The resource of a Bundle's entry. ENTRY holds by what others in the Bundle refer to it; without an id, it is its id."""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        return None
    address = entry.get("fullUrl")
    if not (isinstance(address, str) and address.startswith(_IN_BUNDLE)):
        return resource
    name = address.removeprefix(_IN_BUNDLE)
    return {"id": name, **resource, ENTRY: name}


def _write(file: Delivered, rows: Iterator[Row], path: Path) -> int:
    schema = pa.schema(
        [
            *((column, pa.string()) for column in file.table.every_column),
            (FILE, pa.int32()),
            ("_first", pa.int64()),
            ("_exact", pa.int64()),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    new, count = path.with_name(f".{path.name}.new"), 0
    with pq.ParquetWriter(new, schema, compression="lz4") as writer:
        while group := list(islice(rows, ROWS_A_GROUP)):
            marked = [{**row, FILE: file.id, "_first": 1, "_exact": number} for number, row in group]
            writer.write_table(pa.Table.from_pylist(marked, schema=schema))
            count += len(group)
    new.replace(path)
    return count


def _damaged(file: Delivered) -> Damaged:
    return Damaged(f"{file.name} cannot be read", code="omop.file", hint="ask for it again")
