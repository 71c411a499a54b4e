"""A CDM of a few hundred people made by chance, and the same people as plain Python values, for an oracle to judge."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

STROKE, STROKE_KIND, DRUG, GLUCOSE, MALE, FEMALE = 372924, 443454, 1124300, 3004501, 8507, 8532
BEGIN = date(2015, 1, 1)


@dataclass
class Person:
    id: int
    birth: date
    sex: int
    site: int
    periods: list[tuple[date, date]]
    strokes: list[tuple[date, int]] = field(default_factory=list)
    """Day and concept."""
    drugs: list[tuple[date, str]] = field(default_factory=list)
    """Day and code."""
    glucose: list[tuple[date, float]] = field(default_factory=list)


def people(many: int, seed: int) -> list[Person]:
    chance = random.Random(seed)
    return [_person(chance, number + 1) for number in range(many)]


def _person(chance: random.Random, number: int) -> Person:
    def day() -> date:
        return BEGIN + timedelta(days=chance.randrange(2_000))

    begin = BEGIN + timedelta(days=chance.randrange(300))
    middle, end = (
        begin + timedelta(days=chance.randrange(200, 900)),
        begin + timedelta(days=chance.randrange(1_200, 2_000)),
    )
    gap = chance.random() < 0.2
    periods = [(begin, middle), (middle + timedelta(days=30), end)] if gap else [(begin, end)]
    return Person(
        number,
        date(chance.randrange(1930, 2005), chance.randrange(1, 13), chance.randrange(1, 28)),
        chance.choice((MALE, FEMALE)),
        chance.randrange(1, 4),
        periods,
        [(day(), chance.choice((STROKE, STROKE_KIND))) for _ in range(chance.choice((0, 0, 1, 1, 2, 4)))],
        [(day(), chance.choice(("N02A1", "N02B7"))) for _ in range(chance.choice((0, 1, 3, 9)))],
        [(day(), float(chance.randrange(60, 200))) for _ in range(chance.choice((0, 2, 5)))],
    )


def write(everybody: list[Person], folder: Path, *, seed: int = 0) -> Path:
    """The CDM, its rows in an order that the seed gives."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[dict[str, object]]] = {
        "person": [
            {
                "person_id": one.id, "gender_concept_id": one.sex, "year_of_birth": one.birth.year,
                "month_of_birth": one.birth.month, "day_of_birth": one.birth.day, "care_site_id": one.site,
            }
            for one in everybody
        ],
        "observation_period": [
            {"person_id": one.id, "observation_period_start_date": begin, "observation_period_end_date": end}
            for one in everybody
            for begin, end in one.periods
        ],
        "condition_occurrence": [
            {"person_id": one.id, "condition_start_date": day, "condition_concept_id": concept, "condition_source_value": "I63"}
            for one in everybody
            for day, concept in one.strokes
        ],
        "drug_exposure": [
            {"person_id": one.id, "drug_exposure_start_date": day, "drug_concept_id": DRUG, "drug_source_value": code}
            for one in everybody
            for day, code in one.drugs
        ],
        "measurement": [
            {
                "person_id": one.id, "measurement_date": day, "measurement_concept_id": GLUCOSE,
                "value_as_number": value, "unit_concept_id": 8840,
            }
            for one in everybody
            for day, value in one.glucose
        ],
        "concept_ancestor": [
            {"ancestor_concept_id": STROKE, "descendant_concept_id": concept} for concept in (STROKE, STROKE_KIND)
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        random.Random(seed).shuffle(rows)
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return folder
