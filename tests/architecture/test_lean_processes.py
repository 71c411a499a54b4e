"""What a process of the platform loads at its start: what its own work needs, and no library of another's.

A door that imports an operation imports whatever stands behind it. What is large is therefore imported by the function that
uses it, or by a module that only such a function imports; these tests start each process's module in an interpreter of
its own and look at what came with it.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from nexus.app.processes.__main__ import NAMES

ANALYSIS = (
    "duckdb",
    "ibis",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "scipy",
    "sklearn",
    "splink",
    "sqlglot",
)
"""Of the warehouse, and of the process that builds it: tens of MiB each."""
PRINTING = ("PIL", "fontTools", "fpdf", "matplotlib")
OTHERS_ONLY = ("boto3", "botocore", "fhir", "opentelemetry", "psycopg", "pycanon", "pydicom")
"""Loaded where a setting or a request asks for them."""
SHELL = ("asyncssh",)
"""Of the two doors that speak SSH."""
LIST = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*{m.partition('.')[0] for m in sys.modules})"


def loaded_by(module: str) -> set[str]:
    """Names of the packages that an interpreter holds after it imported a module."""
    ran = subprocess.run([sys.executable, "-c", LIST, module], capture_output=True, text=True, check=True, timeout=120)
    return set(ran.stdout.split())


def module_of(process: str) -> str:
    return f"nexus.app.processes.{process.replace('-', '_')}"


@pytest.mark.parametrize("process", NAMES)
def test_a_process_starts_without_the_libraries_of_others(process: str) -> None:
    own = {"bastion": SHELL, "sftp": SHELL, "warehouse": ANALYSIS}.get(process, ())
    refused = {*ANALYSIS, *PRINTING, *OTHERS_ONLY, *SHELL}.difference(own)
    assert loaded_by(module_of(process)) & refused == set()


def test_every_module_of_a_process_is_among_those_that_are_looked_at() -> None:
    import nexus.app.processes as processes

    there = {path.stem for path in Path(processes.__path__[0]).glob("*.py")} - {"__init__", "__main__", "life"}
    assert there == {name.replace("-", "_") for name in NAMES}


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("nexus.warehouse.intake.checking", "pyarrow"),
        ("nexus.consent.receipt_pdf", "fpdf"),
        ("nexus.kernel.engines.postgresql", "psycopg"),
        ("nexus.app.processes.bastion", "asyncssh"),
    ],
)
def test_a_library_that_is_loaded_would_be_seen(module: str, library: str) -> None:
    assert library in loaded_by(module)
