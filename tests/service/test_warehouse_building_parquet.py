"""Parquet deliveries whose columns have types: days, moments and numbers come out as they do of text. EMC-06."""

import hashlib

import duckdb
import pytest
from msgspec.structs import replace

from nexus.warehouse.building.forms import form_of
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.intake.agreement import Column, ColumnType, FileKind
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.omop import spec
from simulators.deliveries import UNTIL, agreed, extract, world
from simulators.warehouse_site import Site

TYPES = {"DATE": ColumnType.DATE, "BIGINT": ColumnType.INTEGER, "DOUBLE": ColumnType.DECIMAL}
NAMES = frozenset({"SSN", "Id", "PATIENT", "ZIP", "BEN_NIR_ANO", "BEN_NIR_PSA", "BEN_IDT_ANO", "NIR_ANO_17"})
"""Columns that are names, whatever they look like."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return world(tmp_path_factory.mktemp("world"), people=60, seed=5)


def typed(provider: str, folder, into) -> tuple[Extract, set[ColumnType]]:
    """The same delivery as Parquet, each column of the type that its values have; and which types there are."""
    into.mkdir()
    agreement, said, used = agreed(folder), [], set()
    tables = []
    for table in (each for each in agreement.tables if not each.optional):
        path, there = into / f"{table.name}.parquet", duckdb.connect()
        there.execute("SET TimeZone = 'UTC'")
        source = f"read_csv('{folder / table.name}.csv', sample_size = -1)"
        found = {name: kind for name, kind, *_ in there.execute(f"DESCRIBE FROM {source}").fetchall()}
        columns = tuple(_column(column, found[column.name]) for column in table.columns)
        used |= {column.type for column in columns}
        chosen = ", ".join(_written(column, found[column.name]) for column in columns)
        there.execute(f"COPY (SELECT {chosen} FROM {source}) TO '{path}'")
        tables.append(replace(table, kind=FileKind.PARQUET, columns=columns))
        content = path.read_bytes()
        ((rows,),) = there.execute(f"SELECT count(*) FROM '{path}'").fetchall()
        digest = hashlib.sha256(content).hexdigest()
        said.append(FileSaid(name=path.name, table=table.name, sha256=digest, bytes=len(content), rows=rows))
    agreement = replace(agreement, tables=tuple(tables))
    form = form_of(provider, agreement)
    files = tuple(
        File(number, one, str(into / one.name), "1", table, form.tables(table))
        for number, (one, table) in enumerate(zip(said, tables, strict=True), 1)
    )
    return Extract(provider, provider, f"{provider}-in", 1, "0" * 64, UNTIL, form, files), used


def _column(column: Column, found: str) -> Column:
    if column.name in NAMES:
        return column
    moment = found.startswith("TIMESTAMP")
    return replace(column, type=ColumnType.TIMESTAMP if moment else TYPES.get(found, ColumnType.TEXT))


def _written(column: Column, found: str) -> str:
    kind = "VARCHAR" if column.type is ColumnType.TEXT else found
    return f'CAST("{column.name}" AS {kind}) AS "{column.name}"'


@pytest.mark.parametrize("provider", ["hospital-1", "snds"])
def test_what_is_told_in_types_is_what_was_told_in_text(folders, tmp_path, provider):
    delivered, used = typed(provider, folders[provider], tmp_path / "typed")
    assert {ColumnType.DATE, ColumnType.INTEGER} <= used and (provider == "snds") == (ColumnType.TIMESTAMP not in used)
    of_text = Site(tmp_path / "text", [extract(provider, folders[provider])])
    of_types = Site(tmp_path / "types", [delivered])
    assert of_types.build().persons == of_text.build().persons > 10
    for table in spec.CONVERTED:
        assert told(of_types, table) == told(of_text, table), table
    assert told(of_types, "visit_occurrence"), "there is something to compare"


def told(site: Site, table: str) -> list[tuple]:
    """All but keys, some of which are made of what the source wrote."""
    fields = [
        field.name for field in spec.tables()[table] if field.type != "int64" and "source_value" not in field.name
    ]
    return site.ask(f"SELECT {', '.join(fields)} FROM {table} ORDER BY ALL")
