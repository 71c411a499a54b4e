"""From OHDSI's public table of fields to the compact form that is kept here: a line for each table, its fields in order.

    python -m nexus.warehouse.omop.compiling OMOP_CDMv5.4_Field_Level.csv

The file is of OHDSI/CommonDataModel (`inst/csv`, Apache-2.0). Names, order, types and keys are taken; guidance texts are not.
"""

import csv
import sys
from pathlib import Path
from typing import Final

from nexus.warehouse.omop.spec import FACTS, REQUIRED

_TYPES: Final = {"date": "date", "datetime": "timestamp", "float": "float64"}


def compile_fields(path: Path) -> str:
    """One line a table: its name, then `field:type`, with `!` after what is required."""
    lines: dict[str, list[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            name = row["cdmFieldName"].lower().strip('"')
            mark = REQUIRED if row["isRequired"].strip().lower() == "yes" else ""
            field = f"{name}:{_type(name, row['cdmDatatype'].lower())}{mark}"
            lines.setdefault(row["cdmTableName"].lower(), []).append(field)
    return "".join(f"{' '.join((table, *fields))}\n" for table, fields in lines.items())


def _type(name: str, written: str) -> str:
    """Concepts and small numbers fit 32 bits; keys take 64."""
    if written == "integer":
        wide = name.endswith("_id") and not name.endswith("concept_id")
        return "int64" if wide else "int32"
    return _TYPES.get(written, "string")


if __name__ == "__main__":
    FACTS.write_text(compile_fields(Path(sys.argv[1])), encoding="ascii")
