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
COMMAND_LINE = ("click", "pygments", "rich")
"""Of the `nexus` command; httpx would load them for a command of its own."""
PASSKEYS = ("OpenSSL", "cbor2", "pyasn1", "webauthn")
"""Loaded when somebody comes with one."""
LIST = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*{m.partition('.')[0] for m in sys.modules})"
LOAD = (
    "import sys; from nexus.app.processes.__main__ import load; load(sys.argv[1]);"
    " print(*{m.partition('.')[0] for m in sys.modules})"
)

FORKING = (
    "import sys, os; from nexus.app.forking.client import FORKED; from nexus.app.forking.warming import warm;"
    " from nexus.app.processes.__main__ import load; [load(name) for name in FORKED]; warm();"
    " print(f'threads:{len(os.listdir(\"/proc/self/task\"))}', *{m.partition('.')[0] for m in sys.modules})"
)


def loaded_by(module: str, *, by: str = LIST) -> set[str]:
    """Names of the packages that an interpreter holds after it imported a module. `by`: the program that imports it."""
    ran = subprocess.run([sys.executable, "-c", by, module], capture_output=True, text=True, check=True, timeout=120)
    return set(ran.stdout.split())


@pytest.mark.parametrize("process", NAMES)
def test_a_process_starts_without_the_libraries_of_others(process: str) -> None:
    ssh = (*SHELL, "OpenSSL")
    own = {"bastion": ssh, "sftp": ssh, "warehouse": (*ANALYSIS, *COMMAND_LINE)}.get(process, ())
    refused = {*ANALYSIS, *PRINTING, *OTHERS_ONLY, *SHELL, *COMMAND_LINE, *PASSKEYS}.difference(own)
    assert loaded_by(process, by=LOAD) & refused == set()


def test_the_fork_server_imports_no_more_and_starts_no_thread() -> None:
    modules = loaded_by("", by=FORKING)
    assert modules & {*ANALYSIS, *PRINTING, *OTHERS_ONLY, *SHELL, *COMMAND_LINE, *PASSKEYS} == set()
    assert "threads:1" in modules and "granian" in modules


def test_the_supervisor_starts_without_what_doors_work_with() -> None:
    unneeded = {*ANALYSIS, *PRINTING, *OTHERS_ONLY, *SHELL, *PASSKEYS, "cedarpy"}
    assert loaded_by("nexus.app.commands.run") & unneeded == set()


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
        ("nexus.app.processes.s3", "rich"),
        ("nexus.iam.ceremonies", "webauthn"),
    ],
)
def test_a_library_that_is_loaded_would_be_seen(module: str, library: str) -> None:
    assert library in loaded_by(module)
