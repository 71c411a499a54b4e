"""A small CDM 5.4 in which nothing is wrong: every table, three persons, and a way to spoil it."""

from pathlib import Path

import duckdb

from nexus.warehouse.quality.checks import Kind, checks

MALE, FEMALE = 8507, 8532
FLU, PROSTATITIS, PROSTATE_DISEASE, ASPIRIN, GLUCOSE, MG_DL = 4266367, 4112853, 4129155, 1112807, 3004501, 8840
TYPE, VISIT, XRAY, SMOKING = 32817, 9202, 4056681, 4275495


class SmallCdm:
    """Held in memory until it is written."""

    def __init__(self) -> None:
        self._db = duckdb.connect()
        whole = {(check.table, check.field) for check in checks() if check.kind is Kind.DATATYPE}
        for table in sorted({check.table for check in checks()}):
            fields = [check.field for check in checks() if check.kind is Kind.FIELD and check.table == table]
            columns = ", ".join(f'"{field}" {_type(field, (table, field) in whole)}' for field in fields)
            self._db.execute(f'CREATE TABLE "{table}" ({columns})')
        self._fill()

    def add(self, table: str, **values: object) -> None:
        """One row; whatever is required and not given becomes 0, an empty day, or nothing."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        self._db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(values.values()))

    def spoil(self, sql: str) -> None:
        """Change something."""
        self._db.execute(sql)

    def write(self, folder: Path) -> Path:
        """One Parquet file for each table."""
        folder.mkdir(parents=True, exist_ok=True)
        for (name,) in self._db.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            self._db.execute(f"COPY \"{name}\" TO '{folder}/{name}.parquet'")
        return folder

    def _fill(self) -> None:
        self._concepts()
        for person, gender, year in ((1, MALE, 1950), (2, FEMALE, 1980), (3, FEMALE, 2001)):
            self.add(
                "person", person_id=person, gender_concept_id=gender, year_of_birth=year, month_of_birth=3,
                day_of_birth=4, birth_datetime=f"{year}-03-04", race_concept_id=0, ethnicity_concept_id=0,
            )  # fmt: skip
            self.add(
                "observation_period", observation_period_id=person, person_id=person, period_type_concept_id=TYPE,
                observation_period_start_date="2015-01-01", observation_period_end_date="2024-05-31",
            )  # fmt: skip
            self.add(
                "visit_occurrence", visit_occurrence_id=person, person_id=person, visit_concept_id=VISIT,
                visit_start_date="2020-05-01", visit_end_date="2020-05-02", visit_type_concept_id=TYPE,
                visit_source_value="ext",
            )  # fmt: skip
            self.add(
                "condition_occurrence", condition_occurrence_id=person, person_id=person, condition_concept_id=FLU,
                condition_start_date="2020-05-01", condition_end_date="2020-05-20", condition_type_concept_id=TYPE,
                condition_source_value="J11", condition_source_concept_id=FLU, visit_occurrence_id=person,
            )  # fmt: skip
            self.add(
                "condition_era", condition_era_id=person, person_id=person, condition_concept_id=FLU,
                condition_era_start_date="2020-05-01", condition_era_end_date="2020-05-20", condition_occurrence_count=1,
            )  # fmt: skip
            self.add(
                "drug_era", drug_era_id=person, person_id=person, drug_concept_id=ASPIRIN,
                drug_era_start_date="2020-05-01", drug_era_end_date="2020-05-20", drug_exposure_count=1, gap_days=0,
            )  # fmt: skip
            self.add(
                "measurement", measurement_id=person, person_id=person, measurement_concept_id=GLUCOSE,
                measurement_date="2020-05-01", measurement_type_concept_id=TYPE, value_as_number=90.0,
                unit_concept_id=MG_DL, visit_occurrence_id=person, measurement_source_value="glu",
            )  # fmt: skip
            self.add(
                "drug_exposure", drug_exposure_id=person, person_id=person, drug_concept_id=ASPIRIN,
                drug_exposure_start_date="2020-05-01", drug_exposure_end_date="2020-05-20", drug_type_concept_id=TYPE,
                drug_source_value="asp", drug_source_concept_id=ASPIRIN, days_supply=20,
            )  # fmt: skip
            self.add(
                "procedure_occurrence", procedure_occurrence_id=person, person_id=person, procedure_concept_id=XRAY,
                procedure_date="2020-05-01", procedure_type_concept_id=TYPE, procedure_source_value="ZBQK002",
            )  # fmt: skip
            self.add(
                "observation", observation_id=person, person_id=person, observation_concept_id=SMOKING,
                observation_date="2020-05-01", observation_type_concept_id=TYPE, observation_source_value="smk",
            )  # fmt: skip
        self.add("death", person_id=1, death_date="2024-06-01", death_type_concept_id=TYPE)

    def _concepts(self) -> None:
        for concept, domain, kind in (
            (0, "Metadata", "Undefined"),
            (MALE, "Gender", "Gender"),
            (FEMALE, "Gender", "Gender"),
            (FLU, "Condition", "Disorder"),
            (PROSTATITIS, "Condition", "Disorder"),
            (PROSTATE_DISEASE, "Condition", "Disorder"),
            (ASPIRIN, "Drug", "Ingredient"),
            (GLUCOSE, "Measurement", "Lab Test"),
            (MG_DL, "Unit", "Unit"),
            (TYPE, "Type Concept", "Type Concept"),
            (VISIT, "Visit", "Visit"),
            (XRAY, "Procedure", "Procedure"),
            (SMOKING, "Observation", "Clinical Observation"),
        ):
            self.add(
                "concept", concept_id=concept, concept_name=f"c{concept}", domain_id=domain, vocabulary_id="V",
                concept_class_id=kind, standard_concept="S", concept_code=str(concept), valid_start_date="1970-01-01",
                valid_end_date="2099-12-31",
            )  # fmt: skip
            self.add(
                "concept_ancestor", ancestor_concept_id=concept, descendant_concept_id=concept,
                min_levels_of_separation=0, max_levels_of_separation=0,
            )  # fmt: skip
        for name in ("domain", "concept_class"):
            self.spoil(
                f"INSERT INTO {name} ({name}_id, {name}_name, {name}_concept_id)"
                f" SELECT DISTINCT {name}_id, {name}_id, 0 FROM concept"
            )
        self.add("vocabulary", vocabulary_id="V", vocabulary_name="V", vocabulary_version="1", vocabulary_concept_id=0)


def _type(field: str, whole: bool) -> str:
    if whole:
        return "BIGINT"
    if field.endswith("_date"):
        return "DATE"
    if field.endswith("_datetime"):
        return "TIMESTAMP"
    return "DOUBLE" if field in ("value_as_number", "quantity", "dose_value", "range_low", "range_high") else "VARCHAR"
