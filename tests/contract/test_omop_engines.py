"""One conversion, two engines: DuckDB and Spark give the same rows, the same lines, the same quarantine."""

import shutil

import pytest

from nexus.warehouse.omop import spec
from nexus.warehouse.omop.spark_engine import session
from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import Converted, convert
from simulators.synthea_extract import write_athena, write_extract

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17, which is not here")


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    made = session("1GB", 2, tmp_path_factory.mktemp("spark"))
    for setting in ("spark.sql.codegen.wholeStage", "spark.sql.adaptive.enabled"):
        made.conf.set(setting, "false")  # they pay from thousands of rows on
    yield made
    made.stop()


def rows(made: Converted, table: str) -> list[tuple]:
    return made.ask(f"SELECT * FROM {table} ORDER BY ALL")


def assert_same(one: Converted, other: Converted) -> None:
    for table in spec.tables():
        assert one.columns(table) == other.columns(table), table
        assert rows(one, table) == rows(other, table), table
    for table in sorted(path.name for path in one.layout.provenance.iterdir()):
        assert rows(one, f"from_{table}") == rows(other, f"from_{table}"), table
    assert rows(one, "quarantine") == rows(other, "quarantine")
    assert one.report.tables == other.report.tables and one.report.outcomes == other.report.outcomes
    assert one.report.coverage == other.report.coverage and one.report.duplicates == other.report.duplicates


def test_spark_gives_the_rows_that_duckdb_gives(spark, tmp_path):
    """Every kind of row that cannot be used is in the extract, and a file that is delivered twice."""
    write_extract(tmp_path / "in")
    shutil.copytree(tmp_path / "in", tmp_path / "in" / "again", ignore=shutil.ignore_patterns("again"))
    given = Given(write_athena(tmp_path / "athena"))
    one = convert("synthea", tmp_path / "in", tmp_path / "duckdb", given=given, piece=50)
    other = convert("synthea", tmp_path / "in", tmp_path / "spark", given=given, piece=50, spark=spark)
    assert one.report.duplicates and one.report.left_out() and rows(one, "drug_era")
    assert_same(one, other)
