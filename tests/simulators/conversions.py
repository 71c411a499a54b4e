"""A conversion in a test: on DuckDB or Spark, with small pieces so that there are several."""

from datetime import date
from pathlib import Path

import duckdb

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.accounts import Conversion
from nexus.warehouse.omop.accumulating import Changes, accumulate, clean
from nexus.warehouse.omop.converting import Converter, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.refreshing import Refreshed, Refresher
from nexus.warehouse.omop.registry import source_named
from nexus.warehouse.omop.spark_engine import SparkEngine
from nexus.warehouse.omop.vocabulary import Given

SECRET = b"a key of tests"
AS_OF = date(2025, 11, 1)


class Converted:
    """What a conversion left, and questions to it in SQL: every table of the CDM is a view of its own name."""

    def __init__(self, into: Path, conversion: Conversion) -> None:
        self.into, self.layout, self.report = into, Layout(into), conversion
        self._db = duckdb.connect()
        for folder in self.layout.cdm.iterdir():
            self._db.execute(f"CREATE VIEW {folder.name} AS FROM read_parquet('{folder}/**/*.parquet')")
        for folder in self.layout.provenance.iterdir():
            self._db.execute(f"CREATE VIEW from_{folder.name} AS FROM read_parquet('{folder}/**/*.parquet')")
        self._db.execute(f"CREATE VIEW files AS FROM '{self.layout.files}'")
        found = any(self.layout.quarantine.rglob("*.parquet"))
        empty = "SELECT NULL AS target, NULL AS reason, NULL AS file, NULL AS line, NULL AS person WHERE false"
        all_ = f"FROM read_parquet('{self.layout.quarantine}/records/**/*.parquet')"
        self._db.execute(f"CREATE VIEW quarantine AS {all_ if found else empty}")

    def ask(self, sql: str) -> list[tuple]:
        return self._db.execute(sql).fetchall()

    def one(self, sql: str):
        return self.ask(sql)[0][0]

    def columns(self, table: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self.ask(f"DESCRIBE {table}")]


def convert(
    source: str,
    folder: Path,
    into: Path,
    *,
    given: Given | None = None,
    secret: bytes = SECRET,
    spark=None,
    progress=None,
    duckdb_engine: type[DuckdbEngine] = DuckdbEngine,
    **settings,
) -> Converted:
    layout, settings = Layout(into), {"as_of": AS_OF, **settings}
    layout.work.mkdir(parents=True, exist_ok=True)
    local = duckdb_engine(layout.work, Secret(secret), memory="1GB", threads=1)
    try:
        conversion = Converter(
            source_named(source),
            layout,
            Settings(given=given or Given(), **settings),
            engine=local if spark is None else SparkEngine(spark, Secret(secret)),
            local=local,
            progress=progress or (lambda step, done, total: None),
        ).run(folder)
    finally:
        local.close()
    return Converted(into, conversion)


def refresh(
    source: str,
    folder: Path,
    into: Path,
    *,
    given: Given | None = None,
    secret: bytes = SECRET,
    progress=None,
    changes=False,
    duckdb_engine: type[DuckdbEngine] = DuckdbEngine,
    **settings,
) -> Refreshed | tuple[Refreshed, Changes]:
    """The next whole delivery, onto a conversion that stands in `into`; or `changes` to the one before, and what they did."""
    settings = {"as_of": AS_OF, **settings}
    local = duckdb_engine(into / "refresh-spill", Secret(secret), memory="1GB", threads=1)
    try:
        refresher = Refresher(
            source_named(source),
            Layout(into),
            Settings(given=given or Given(), **settings),
            local=local,
            progress=progress or (lambda step, done, total: None),
        )
        if not changes:
            return refresher.run(folder)
        refresher.finish()
        whole = accumulate(source_named(source), Layout(into), folder, local, settings.get("encoding", "utf-8"))
        told = refresher.run(Path(whole.folder))
        clean(Layout(into))
        return told, whole.changes
    finally:
        local.close()
