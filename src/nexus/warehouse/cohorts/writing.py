"""Who is in a cohort, as Parquet: for those who may read the data. The same persons make the same bytes."""

import os
from pathlib import Path
from typing import Final

import numpy
import pyarrow as pa
import pyarrow.parquet as pq

from nexus.warehouse.cohorts.findings import Found
from nexus.warehouse.cohorts.matching import Whole

CASES_ID, CONTROLS_ID = 1, 2
COHORT: Final = "cohort.parquet"
MATCHES: Final = "matches.parquet"


def write(found: Found, into: Path) -> None:
    """`cohort.parquet`, in the form of the CDM's table, and `matches.parquet` where controls were drawn."""
    into.mkdir(parents=True, exist_ok=True)
    cases = found.cases
    rows = [(CASES_ID, cases["person"], cases["day"], cases["observed_until"])]
    if (drawn := found.drawn) is not None and found.matched is not None:
        rows.append((CONTROLS_ID, drawn["person"], drawn["day"], drawn["observed_until"]))
        pairs = {
            "case_person_id": cases["person"][found.matched.case],
            "control_person_id": drawn["person"],
            "index_date": _days(drawn["day"]),
        }
        _keep(pa.table(pairs), into / MATCHES)
    _keep(pa.concat_tables([_cohort(*row) for row in rows]), into / COHORT)


def _cohort(number: int, person: Whole, start: Whole, end: Whole) -> pa.Table:
    order = numpy.lexsort((start, person))
    return pa.table(
        {
            "cohort_definition_id": pa.array(numpy.full(len(person), number, dtype=numpy.int32)),
            "subject_id": person[order],
            "cohort_start_date": _days(start[order]),
            "cohort_end_date": _days(end[order]),
        }
    )


def _days(days: Whole) -> pa.Array:
    return pa.array(days.astype("datetime64[D]"))


def _keep(table: pa.Table, path: Path) -> None:
    """Whole or not at all, for its owner only."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        pq.write_table(table, file)
    new.replace(path)
