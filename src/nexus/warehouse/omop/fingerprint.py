"""One hash for a CDM: the same for the same rows, whatever files they lie in and in whatever order."""

# ruff: noqa: S608 - statements are put together from names of the CDM's tables and fields, and from quoted paths

import hashlib
from pathlib import Path

import duckdb

from nexus.warehouse.omop.duckdb_engine import quoted
from nexus.warehouse.omop.spec import names, tables


def fingerprint(cdm: Path) -> dict[str, str]:
    """Of each table, a hash of the multiset of its rows: their number, and the sum of the MD5 of each row's fields as text."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        return {table: _of(engine, cdm, table) for table in tables()}


def whole(cdm: Path) -> str:
    """One hash of all tables."""
    parts = (f"{table}={digest}" for table, digest in sorted(fingerprint(cdm).items()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _of(engine: duckdb.DuckDBPyConnection, cdm: Path, table: str) -> str:
    fields = " || chr(31) || ".join(f'coalesce(CAST("{field}" AS VARCHAR), chr(30))' for field in names(table))
    hashed = f"SELECT md5_number({fields}) AS n FROM read_parquet({quoted(cdm / table)} || '/**/*.parquet')"
    low, high = "n & 18446744073709551615", "n >> 64"
    found = engine.execute(
        f"SELECT count(*), sum(CAST({low} AS HUGEINT)), sum(CAST({high} AS HUGEINT)) FROM ({hashed})"
    ).fetchone()
    return hashlib.sha256(repr(found).encode()).hexdigest()
