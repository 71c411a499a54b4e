"""Vocabularies: the user's Athena archive and local lists become the CDM's own tables, and the code map that mappings read.

Nothing of them comes with Nexus. An archive is the folder or .zip that Athena sends: `CONCEPT.csv`, tab-separated, and its
companions. Where OHDSI's `source_to_standard_vocab_map.csv` lies instead of `CONCEPT.csv`, concepts are taken from it.
"""

# ruff: noqa: S608 - statements are put together from names of this module and of the CDM; paths are quoted

import csv
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.delivery import opened
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.lists import LocalConcept, read_lists
from nexus.warehouse.omop.spec import VOCABULARY, Field, tables

CODES: Final = {
    "vocabulary_id": "string",
    "map_code": "string",
    "source_concept_id": "int32",
    "concept_id": "int32",
    "domain_id": "string",
    "position": "int32",
}
"""The code map: one row for each standard concept that a code stands for, in `position` 0, 1, …"""
INGREDIENTS: Final = {"drug_concept_id": "int32", "ingredient_concept_id": "int32"}
_NO_CONCEPT: Final = (
    "INSERT INTO v_concept SELECT 0, 'No matching concept', 'Metadata', 'None', 'Undefined', NULL, 'No matching concept',"
    " DATE '1970-01-01', DATE '2099-12-31', NULL WHERE NOT EXISTS (FROM v_concept WHERE concept_id = 0)"
)
"""Every CDM refers to it, with or without vocabularies."""
_LINKED: Final = "source_to_standard_vocab_map"
_UPWARDS: Final = ("RxNorm has ing", "Consists of", "Tradename of", "Quantified form of", "RxNorm is a", "Form of")
_DEEPEST: Final = 8
"""Steps from a packaged drug to its ingredients, where no table of ancestors says them."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the user names: the archive (a folder or .zip), lists by name, and a CSV of mappings of the user's own."""

    archive: Path | None = None
    lists: Mapping[str, Path] | None = None
    mappings: Path | None = None

    def seen(self) -> list[tuple[str, int, int]]:
        """Name, size and time of every file, to see whether one is another."""
        named = (self.archive, self.mappings, *(self.lists or {}).values())
        files = [file for path in named if path for file in ([path] if path.is_file() else path.rglob("*"))]
        stats = ((file.name, file.stat()) for file in files if file.is_file())
        return sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


def load(engine: DuckdbEngine, given: Given, layout: Layout, ids: Path) -> None:
    """Write the CDM's tables of vocabularies, `codes/` and `ingredients/`. Raises Invalid on files that are none."""
    files = _files(given.archive, layout.work / "athena")
    for name in VOCABULARY:
        _view(engine, name, files.get(name))
    if "concept" not in files and _LINKED in files:
        _concepts_of_link(engine, files[_LINKED])
    engine.sql.execute(_NO_CONCEPT)
    _add_local(engine, read_lists(given.lists or {}, ids), layout.work)
    if given.mappings is not None:
        _add_mappings(engine, given.mappings)
    for name in VOCABULARY:
        engine.copy(f"SELECT * FROM v_{name}", layout.cdm / name / "part-0.parquet")
    engine.copy(_CODE_MAP, layout.codes / "part-0.parquet")
    engine.copy(_INGREDIENTS, layout.ingredients / "part-0.parquet")


def take_over(before: Layout, layout: Layout) -> None:
    """The same, from a conversion by the same vocabularies: they are linked. An archive of Athena is not read again."""
    tables = ((before.cdm / name, layout.cdm / name) for name in VOCABULARY)
    for there, here in (*tables, (before.codes, layout.codes), (before.ingredients, layout.ingredients)):
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir(parents=True)
        for number, part in enumerate(sorted(there.glob("*.parquet"))):
            os.link(part, here / f"part-{number}.parquet")


def version(engine: DuckdbEngine) -> str:
    """What the loaded vocabularies call themselves."""
    found = engine.sql.execute(
        "SELECT max(vocabulary_version) FROM v_vocabulary WHERE vocabulary_id = 'None'"
    ).fetchone()
    return str(found[0]) if found and found[0] else "unknown"


def _files(archive: Path | None, unpacked: Path) -> dict[str, Path]:
    if archive is None:
        return {}
    folder = archive
    if archive.suffix.lower() == ".zip":
        folder = unpacked
        with zipfile.ZipFile(archive) as packed:
            for member in packed.infolist():
                name = Path(member.filename).name
                if name.lower().endswith(".csv"):  # names only: nothing of an archive decides where it is written
                    folder.mkdir(parents=True, exist_ok=True)
                    with packed.open(member) as source, (folder / name).open("wb") as target:
                        while block := source.read(1 << 20):
                            target.write(block)
    found = {path.name.lower().removesuffix(".gz").removesuffix(".csv"): path for path in sorted(folder.glob("*.csv*"))}
    if "concept" not in found and _LINKED not in found:
        raise Invalid(
            "this is no archive of vocabularies: CONCEPT.csv is missing",
            code="omop.no-athena",
            hint="give the folder or .zip that Athena (athena.ohdsi.org) sends",
        )
    return found


def _view(engine: DuckdbEngine, name: str, path: Path | None) -> None:
    """One table of the CDM as a table of the engine; empty without a file."""
    fields = tables()[name]
    if path is None:
        columns = ", ".join(f'CAST(NULL AS {_TYPES[field.type]}) AS "{field.name}"' for field in fields)
        engine.sql.execute(f"CREATE OR REPLACE TEMP TABLE v_{name} AS SELECT {columns} WHERE false")
        return
    try:
        separator = "\t" if b"\t" in _head(path) else ","
        quote = "''" if separator == "\t" else "'\"'"
        source = f"read_csv({quoted(path)}, delim = '{separator}', quote = {quote}, header = true, all_varchar = true)"
        columns = ", ".join(f"{_cast(field)} AS {_quoted(field.name)}" for field in fields)
        engine.sql.execute(f"CREATE OR REPLACE TEMP TABLE v_{name} AS SELECT {columns} FROM {source}")
    except duckdb.Error as error:
        raise Invalid(
            f"{path.name} is not the table {name} of an archive of vocabularies",
            code="omop.no-athena",
            hint="download it again, or leave the file out if it is not one of Athena's",
        ) from error


def _head(path: Path) -> bytes:
    with opened(path) as file:
        return file.readline()


_TYPES: Final = {
    "int32": "INTEGER",
    "int64": "BIGINT",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "float64": "DOUBLE",
    "string": "VARCHAR",
}


def _quoted(name: str) -> str:
    return f'"{name}"'


def _cast(field: Field) -> str:
    if field.type == "date":
        return f"CAST(try_strptime(replace(\"{field.name}\", '-', ''), '%Y%m%d') AS DATE)"
    return f'CAST("{field.name}" AS {_TYPES[field.type]})'


def _concepts_of_link(engine: DuckdbEngine, path: Path) -> None:
    """Concepts and their `Maps to`, from OHDSI's join of both."""
    engine.sql.execute(
        f"CREATE OR REPLACE TEMP TABLE linked AS SELECT * FROM read_csv({quoted(path)}, header = true, all_varchar = true);"
        " DELETE FROM v_concept;"
        " INSERT INTO v_concept SELECT CAST(id AS INTEGER), any_value(name), any_value(domain), any_value(vocabulary),"
        " any_value(class), max(standard), any_value(code), min(since), max(until), any_value(reason) FROM ("
        "SELECT source_concept_id AS id, source_code_description AS name, source_domain_id AS domain,"
        " source_vocabulary_id AS vocabulary, source_concept_class_id AS class,"
        " CASE WHEN source_concept_id = target_concept_id THEN target_standard_concept END AS standard, source_code AS code,"
        " CAST(strptime(source_valid_start_date, '%Y%m%d') AS DATE) AS since,"
        " CAST(strptime(source_valid_end_date, '%Y%m%d') AS DATE) AS until, source_invalid_reason AS reason FROM linked"
        " UNION ALL SELECT target_concept_id, target_concept_name, target_domain_id, target_vocabulary_id,"
        " target_concept_class_id, target_standard_concept, NULL, DATE '1970-01-01', DATE '2099-12-31',"
        " target_invalid_reason FROM linked) GROUP BY id;"
        " INSERT INTO v_concept_relationship SELECT DISTINCT CAST(source_concept_id AS INTEGER),"
        " CAST(target_concept_id AS INTEGER), 'Maps to', DATE '1970-01-01', DATE '2099-12-31', NULL FROM linked"
        " ANTI JOIN v_concept_relationship r ON r.relationship_id = 'Maps to' AND"
        " r.concept_id_1 = source_concept_id AND r.concept_id_2 = target_concept_id"
    )


def _add_local(engine: DuckdbEngine, concepts: Sequence[LocalConcept], work: Path) -> None:
    """Local concepts, and `Maps to` what the same code of OMOP's vocabulary maps to."""
    engine.sql.execute(
        "CREATE OR REPLACE TEMP TABLE local (id INTEGER, code VARCHAR, label VARCHAR, vocabulary VARCHAR, domain VARCHAR,"
        " class VARCHAR, stands_for VARCHAR)"
    )
    if not concepts:
        return
    path = work / "local.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            (c.id, c.code, c.label, c.of.vocabulary, c.of.domain, c.of.concept_class, c.of.stands_for) for c in concepts
        )
    engine.sql.execute(
        f"INSERT INTO local SELECT * FROM read_csv({quoted(path)}, header = false, all_varchar = true, delim = ',', quote = '\"');"
        " INSERT INTO v_concept SELECT id, left(label, 255), domain, vocabulary, class, NULL, code, DATE '1970-01-01',"
        " DATE '2099-12-31', NULL FROM local;"
        " INSERT INTO v_vocabulary SELECT DISTINCT vocabulary, vocabulary, NULL, 'local', 0 FROM local;"
        " INSERT INTO v_concept_class SELECT DISTINCT class, class, 0 FROM local"
        " ANTI JOIN v_concept_class ON concept_class_id = class;"
        " INSERT INTO v_domain SELECT DISTINCT domain, domain, 0 FROM local ANTI JOIN v_domain ON domain_id = domain;"
        " INSERT INTO v_concept_relationship SELECT DISTINCT l.id, r.concept_id_2, 'Maps to', DATE '1970-01-01',"
        " DATE '2099-12-31', NULL FROM local l JOIN v_concept c ON c.vocabulary_id = l.stands_for AND c.concept_id <> l.id"
        f" AND c.concept_code = {_ALIKE} JOIN v_concept_relationship r"
        " ON r.concept_id_1 = c.concept_id AND r.relationship_id = 'Maps to' AND r.invalid_reason IS NULL"
    )
    path.unlink()


_ALIKE: Final = (
    "CASE WHEN l.stands_for = 'ICD10' AND length(l.code) > 3 AND NOT contains(l.code, '.')"
    " THEN left(l.code, 3) || '.' || substr(l.code, 4) ELSE l.code END"
)
"""CIM-10 is written without the point of ICD-10."""


def _add_mappings(engine: DuckdbEngine, path: Path) -> None:
    """The user's own mappings, in the columns of `source_to_concept_map`: they come before what an archive says."""
    try:
        fields = tables()["source_to_concept_map"]
        there = {c.lower() for c in engine.sql.sql(f"FROM read_csv({quoted(path)}, all_varchar = true)").columns}
        columns = ", ".join(
            (_cast(field) if field.name in there else f"CAST(NULL AS {_TYPES[field.type]})") + f' AS "{field.name}"'
            for field in fields
        )
        engine.sql.execute(
            f"INSERT INTO v_source_to_concept_map SELECT {columns} FROM read_csv({quoted(path)}, header = true, all_varchar = true)"
        )
    except duckdb.Error as error:
        raise Invalid(
            f"{path.name} holds no mappings",
            code="omop.mappings",
            hint="columns: source_code, source_vocabulary_id, target_concept_id, target_vocabulary_id, …",
        ) from error


_CODE_MAP: Final = (
    "WITH own AS (SELECT s.source_vocabulary_id AS vocabulary_id, s.source_code AS map_code,"
    " coalesce(nullif(s.source_concept_id, 0), c.concept_id, 0) AS source_concept_id,"
    " s.target_concept_id AS concept_id, t.domain_id FROM v_source_to_concept_map s"
    " LEFT JOIN v_concept c ON c.vocabulary_id = s.source_vocabulary_id AND c.concept_code = s.source_code"
    " LEFT JOIN v_concept t ON t.concept_id = s.target_concept_id"
    " WHERE s.target_concept_id <> 0 AND s.invalid_reason IS NULL),"
    " given AS (SELECT c.vocabulary_id, c.concept_code AS map_code, c.concept_id AS source_concept_id,"
    " coalesce(t.concept_id, 0) AS concept_id, coalesce(t.domain_id, c.domain_id) AS domain_id FROM v_concept c"
    " LEFT JOIN v_concept_relationship r ON r.concept_id_1 = c.concept_id AND r.relationship_id = 'Maps to'"
    " AND r.invalid_reason IS NULL LEFT JOIN v_concept t ON t.concept_id = r.concept_id_2 AND t.standard_concept = 'S'"
    " WHERE c.concept_code IS NOT NULL AND NOT EXISTS"
    " (FROM own WHERE own.vocabulary_id = c.vocabulary_id AND own.map_code = c.concept_code)),"
    " named AS (SELECT DISTINCT * FROM own UNION SELECT DISTINCT * FROM given)"
    " SELECT vocabulary_id, map_code, source_concept_id, concept_id, domain_id,"
    " CAST(row_number() OVER (PARTITION BY vocabulary_id, map_code ORDER BY concept_id) - 1 AS INTEGER) AS position"
    " FROM named QUALIFY concept_id <> 0 OR count(*) OVER (PARTITION BY vocabulary_id, map_code) = 1"
)
_INGREDIENTS: Final = (
    "WITH RECURSIVE up(drug, above, steps) AS (SELECT concept_id_1, concept_id_2, 1 FROM v_concept_relationship"
    f" WHERE relationship_id IN ({', '.join(map(quoted, _UPWARDS))}) AND invalid_reason IS NULL"
    " AND NOT EXISTS (FROM v_concept_ancestor)"
    " UNION SELECT u.drug, r.concept_id_2, u.steps + 1 FROM up u JOIN v_concept_relationship r ON r.concept_id_1 = u.above"
    f" WHERE r.relationship_id IN ({', '.join(map(quoted, _UPWARDS))}) AND r.invalid_reason IS NULL AND u.steps < {_DEEPEST}),"
    " pairs AS (SELECT drug AS drug_concept_id, above AS ingredient_concept_id FROM up UNION"
    " SELECT descendant_concept_id, ancestor_concept_id FROM v_concept_ancestor UNION"
    " SELECT concept_id, concept_id FROM v_concept WHERE concept_class_id = 'Ingredient')"
    " SELECT DISTINCT p.drug_concept_id, p.ingredient_concept_id FROM pairs p JOIN v_concept c"
    " ON c.concept_id = p.ingredient_concept_id AND c.concept_class_id = 'Ingredient' AND c.standard_concept = 'S'"
    " AND c.vocabulary_id IN ('RxNorm', 'RxNorm Extension')"
)
