"""Spark: the engine for what outgrows one machine. It needs pyspark and Java 17, which a server of Spark brings."""

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

import ibis
import ibis.expr.types as ir

from nexus.kernel.errors import Unavailable
from nexus.kernel.secret import Secret
from nexus.warehouse.omop.engine import Asked, Held, built, rows_in, without_rows
from nexus.warehouse.omop.source import FILE, LINE


class SparkEngine:
    """One session, which belongs to whoever made it; `Engine` says what its methods promise."""

    name = "spark"

    def __init__(self, session: Any, secret: Secret) -> None:
        session.conf.set("spark.sql.session.timeZone", "UTC")
        session.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
        hashed = f"md5(concat('{secret.reveal().hex()}', text))"
        function = "CREATE OR REPLACE TEMPORARY FUNCTION {}(text STRING) RETURNS BIGINT RETURN {}"
        first, last = _backwards(hashed, range(8)), _backwards(hashed, range(12, 16))
        session.sql(function.format("nexus_key", f"CAST(conv({first}, 16, -10) AS BIGINT) & {(1 << 63) - 1}"))
        session.sql(function.format("nexus_check", f"CAST(conv({last}, 16, 10) AS BIGINT)"))
        self._session = session
        self._ibis = ibis.pyspark.connect(session)
        self._held: Any = None

    def until(self, day: date) -> None:
        function = "CREATE OR REPLACE TEMPORARY FUNCTION nexus_last() RETURNS DATE RETURN"
        self._session.sql(f"{function} DATE '{day.isoformat()}'")

    def staged(
        self, name: str, places: Sequence[Path | str], columns: Sequence[str], lines: tuple[int, int] | None = None
    ) -> ir.Table:
        if not places:
            return self._empty(f"staged_{name}", {**dict.fromkeys(columns, "string"), FILE: "int32", LINE: "int64"})
        frame = self._session.read.parquet(*map(str, places))
        line = f"coalesce(_exact, _first + _metadata.row_index) AS {LINE}"
        frame = frame.selectExpr(*(f"`{column}`" for column in columns), FILE, line)
        if lines is not None:
            frame = frame.where(f"{LINE} >= {lines[0]} AND {LINE} < {lines[1]}")
        return self._view(f"staged_{name}", frame)

    def chosen(self, name: str, asked: Asked, columns: Sequence[str]) -> ir.Table:
        return self._view(f"staged_{name}", self._frame(asked).select(*columns, FILE, LINE))

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> ir.Table:
        there = [str(path) for path in paths if path.is_file() or any(path.rglob("*.parquet"))]
        if not there:
            return self._empty(f"read_{name}", columns)
        frame = self._session.read.option("recursiveFileLookup", "true").parquet(*there)
        return self._view(f"read_{name}", frame.select(*columns))

    def hold(self, asked: Asked) -> Held:
        if self._held is not None:
            self._held.unpersist()
        self._held = self._frame(asked).persist()
        held = self._view("_held", self._held)
        return lambda: held

    def write(self, asked: Asked, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        try:
            self._frame(asked).write.mode("overwrite").parquet(str(new))
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path)
            new.replace(path)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return rows_in([path])

    def rows(self, asked: Asked) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._frame(asked).collect()]

    def close(self) -> None:
        if self._held is not None:
            self._held.unpersist()

    def _frame(self, asked: Asked) -> Any:
        return self._session.sql(self._ibis.compile(built(asked)))

    def _empty(self, name: str, columns: Mapping[str, str]) -> ir.Table:
        statement = without_rows(columns, text="STRING", moment="TIMESTAMP_NTZ")
        return self._view(name, self._session.sql(statement))

    def _view(self, name: str, frame: Any) -> ir.Table:
        frame.createOrReplaceTempView(name)
        return cast(ir.Table, self._ibis.table(name))


def _backwards(hashed: str, places: range) -> str:
    """Bytes of a hash in hexadecimal, the last of them first, as DuckDB reads them."""
    return f"concat({', '.join(f'substr({hashed}, {2 * place + 1}, 2)' for place in reversed(places))})"


def session(memory: str, threads: int | None, work: Path) -> Any:
    """A Spark of this machine. Raises Unavailable where pyspark or Java is missing."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise Unavailable(
            "Spark is not installed",
            code="omop.no-spark",
            hint="install pyspark 4 and Java 17, or leave --engine out: DuckDB needs neither",
        ) from error
    builder = SparkSession.builder.appName("nexus").master(f"local[{threads or '*'}]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": memory.lower().removesuffix("b"),
        "spark.sql.shuffle.partitions": str(threads or os.cpu_count() or 1),
        "spark.local.dir": str(work / "spill"),
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
