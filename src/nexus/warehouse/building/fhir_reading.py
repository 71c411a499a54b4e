"""FHIR files of an extract as they come from the store: rows of the tables that mappings read, with the line of each resource.

What the agreement declares as an identifier is taken out of a resource before its columns are read; not so ids and references,
in whose place a pseudonym or a keyed name comes, and the date of birth.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from nexus.kernel.errors import Damaged
from nexus.warehouse.building.form import LeftOut
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.building.ports import Contents
from nexus.warehouse.intake import fhir_rows
from nexus.warehouse.intake.agreement import FileKind, IdentifierKind
from nexus.warehouse.intake.report import FaultyError
from nexus.warehouse.omop.source import LINE, SourceTable
from nexus.warehouse.omop.sources.fhir_fields import Resource
from nexus.warehouse.omop.staging_fhir import resource_of, rows

RESOURCES: Final = 8_192
"""Read at once."""


def people(contents: Contents, extract: Extract, file: File) -> Iterator[pa.RecordBatch]:
    """Who is in a file: the columns of the form that say who somebody is. Raises Damaged."""
    form = extract.form
    kind = form.source.table(form.people).resource
    found = (resource for _, resource in _resources(contents, extract, file) if resource.get("resourceType") == kind)
    schema = pa.schema([(name, pa.string()) for name in form.of_people])
    while some := list(islice(found, RESOURCES)):
        told = [{name: form.elements[name](resource) for name in form.of_people} for resource in some]
        yield pa.RecordBatch.from_pylist(told, schema=schema)


def batches(contents: Contents, extract: Extract, file: File) -> Iterator[tuple[Mapping[str, pa.RecordBatch], int]]:
    """Rows in order, of each table that has some, and how many resources they are of. Raises Damaged."""
    declared = _declared(file)
    named = {table.name: _named(extract, table) for table in file.of}
    read = _resources(contents, extract, file)
    while some := list(islice(read, RESOURCES)):
        found: dict[str, list[dict[str, Any]]] = {}
        for line, resource in some:
            for table in file.of:
                told = _rows(table, resource, declared.get(table.resource, ()), named[table.name])
                found.setdefault(table.name, []).extend({**row, LINE: line} for row in told)
        yield {table.name: _batch(table, found[table.name]) for table in file.of if found.get(table.name)}, len(some)


def _resources(contents: Contents, extract: Extract, file: File) -> Iterator[tuple[int, Resource]]:
    content = contents.stream(extract, file)
    try:
        if file.agreed.kind is FileKind.FHIR_BUNDLE:
            read: Iterable[tuple[int, Any]] = ((n, resource_of(entry)) for n, entry in fhir_rows.bundled(content))
        else:
            read = fhir_rows.documents(content)
        yield from ((number, resource) for number, resource in read if isinstance(resource, dict))
    except FaultyError as error:
        raise Damaged(
            f"{file.said.name} of {extract.provider} is not what was accepted",
            code="building.file",
            hint="look at the object store: `nexus fsck --read`",
        ) from error


def _declared(file: File) -> Mapping[str, Sequence[Sequence[str]]]:
    """By kind of resource: the elements that were agreed to say who somebody is."""
    found: dict[str, list[list[str]]] = {}
    for column in file.agreed.columns:
        if column.identifier not in (None, IdentifierKind.BIRTH_DATE):
            kind, *path = column.name.split(".")
            found.setdefault(kind, []).append(path)
    return found


def _named(extract: Extract, table: SourceTable) -> frozenset[str]:
    """The columns that hold names of persons and things, for which others come."""
    cells = ((column, extract.form.cells.get((table.name, column))) for column in table.every_column)
    return frozenset(column for column, cell in cells if cell is not None and not isinstance(cell, LeftOut))


def _rows(
    table: SourceTable, resource: Resource, declared: Sequence[Sequence[str]], named: frozenset[str]
) -> Iterator[dict[str, str | None]]:
    if not declared:
        yield from rows(table, resource)
        return
    whole = next(rows(table, resource), {})
    names = {column: whole.get(column) for column in named}
    for path in declared:
        resource = _without(resource, path)
    yield from ({**row, **names} for row in rows(table, resource))


def _without(node: Any, path: Sequence[str]) -> Any:
    """An element without what lies on a path; as it is where nothing does."""
    if isinstance(node, list):
        return [_without(each, path) for each in node]
    if not (isinstance(node, dict) and path and path[0] in node):
        return node
    first, *rest = path
    if rest:
        return {**node, first: _without(node[first], rest)}
    return {name: value for name, value in node.items() if name != first}


def _batch(table: SourceTable, told: list[dict[str, Any]]) -> pa.RecordBatch:
    schema = pa.schema([*((column, pa.string()) for column in table.every_column), (LINE, pa.int64())])
    return pa.RecordBatch.from_pylist(told, schema=schema)
