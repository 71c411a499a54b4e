"""From OHDSI's public tables of thresholds to the compact form that is kept here: one line a check.

    python -m nexus.warehouse.quality.compiling FOLDER

FOLDER holds `DQD_OMOP_CDMv5.4_{Table,Field,Concept}_Level.csv` of OHDSI/DataQualityDashboard (`inst/csv`, Apache-2.0).
Names, keys and thresholds are taken; guidance texts are not.
"""

import csv
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from nexus.warehouse.quality.checks import FACTS, Check, Kind

Row = Mapping[str, str]
_GENDERS: Final = {"Female": "8532", "Male": "8507"}
_PREFIX: Final = "DQD_OMOP_CDMv5.4_"
_DATES: Final = {"DATEADD(dd,1,GETDATE())": "today+1", "YEAR(GETDATE())+1": "year+1"}


def compile_checks(folder: Path) -> list[Check]:
    """Every check that the public tables define, in their order."""
    tables = _rows(folder / f"{_PREFIX}Table_Level.csv")
    fields = _rows(folder / f"{_PREFIX}Field_Level.csv")
    concepts = _rows(folder / f"{_PREFIX}Concept_Level.csv")
    found = [check for row in tables for check in _of_table(row)]
    found += [check for row in fields for check in _of_field(row)]
    found += [check for row in concepts for check in _of_concept(row)]
    return found


def write(checks: list[Check], path: Path) -> None:
    """The compact form: CSV with a header."""
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("kind", "table", "field", "threshold", "parameter", "concepts"))
        for check in checks:
            concepts = " ".join(map(str, check.concepts))
            writer.writerow((check.kind, check.table, check.field, f"{check.threshold:g}", check.parameter, concepts))


def _of_table(row: Row) -> Iterator[Check]:
    table = row["cdmTableName"].lower()
    yield Check(Kind.TABLE, table, "", 0.0)
    for kind in (Kind.PERSONS, Kind.CONDITION_ERAS, Kind.PERIODS):
        if _yes(row, kind):
            yield Check(kind, table, "", _threshold(row, kind))


def _of_field(row: Row) -> Iterator[Check]:
    table, field = row["cdmTableName"].lower(), row["cdmFieldName"].lower()

    def made(kind: Kind, parameter: str = "") -> Check:
        return Check(kind, table, field, _threshold(row, kind), parameter)

    yield Check(Kind.FIELD, table, field, 0.0)
    if row["cdmDatatype"].lower() == "integer":
        yield made(Kind.DATATYPE)
    for kind in _PLAIN:
        if _yes(row, kind):
            yield made(kind)
    if _yes(row, Kind.FOREIGN_KEY):
        yield made(Kind.FOREIGN_KEY, f"{row['fkTableName']}.{row['fkFieldName']}".lower())
        for kind in (Kind.DOMAIN, Kind.CLASS):
            if row[kind.value]:
                yield made(kind, row[kind.value])
    if _yes(row, Kind.SOURCE_VALUES):
        yield made(Kind.SOURCE_VALUES, row["standardConceptFieldName"].lower())
    for kind in (Kind.LOW, Kind.HIGH):
        if row[kind.value]:
            yield made(kind, _bound(row[kind.value]))
    if _yes(row, Kind.AFTER):
        table_after, field_after = row[f"{Kind.AFTER}TableName"], row[f"{Kind.AFTER}FieldName"]
        yield made(Kind.AFTER, f"{table_after}.{field_after}".lower())
    if _yes(row, Kind.START_BEFORE_END):
        yield made(Kind.START_BEFORE_END, row[f"{Kind.START_BEFORE_END}FieldName"].lower())


_PLAIN: Final = (
    Kind.REQUIRED,
    Kind.PRIMARY_KEY,
    Kind.STANDARD,
    Kind.VALUES,
    Kind.STANDARD_RECORDS,
    Kind.SOURCE_RECORDS,
    Kind.DURING_LIFE,
    Kind.WITHIN_VISIT,
    Kind.AFTER_BIRTH,
    Kind.BEFORE_DEATH,
)


def _of_concept(row: Row) -> Iterator[Check]:
    table, field = row["cdmTableName"].lower(), row["cdmFieldName"].lower()
    concepts = tuple(int(concept) for concept in row["conceptId"].split(","))
    for kind in (Kind.GENDER, Kind.GENDER_DESCENDANTS):
        if row[kind.value]:
            yield Check(kind, table, field, _threshold(row, kind), _GENDERS[row[kind.value]], concepts)
    if row[f"{Kind.UNITS}Threshold"]:
        units = " ".join(unit.strip() for unit in row[Kind.UNITS.value].split(",") if unit.strip())
        yield Check(Kind.UNITS, table, field, _threshold(row, Kind.UNITS), units, concepts)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _yes(row: Row, kind: Kind) -> bool:
    return row[kind.value].strip().lower() == "yes"


def _threshold(row: Row, kind: Kind) -> float:
    return float(row[f"{kind.value}Threshold"].strip() or 0)


def _bound(text: str) -> str:
    """A number, a day (ISO 8601), or a day or year seen from today."""
    plain = text.strip("'")
    if text in _DATES:
        return _DATES[text]
    return f"{plain[:4]}-{plain[4:6]}-{plain[6:]}" if text.startswith("'") else plain


if __name__ == "__main__":
    write(compile_checks(Path(sys.argv[1])), FACTS)
