"""Intensive care of MIMIC-III beside hospitals: each patient is one person of her provider's own, and nobody by number. EMC-06, EMC-07."""

from collections import Counter
from pathlib import Path

import pytest

from nexus.pseudonyms.messages import RecordGiven
from nexus.warehouse.building.forms import HOSPITAL, INTENSIVE_CARE
from nexus.warehouse.omop.together import together
from simulators.conversions import convert
from simulators.deliveries import UNTIL, extract, world
from simulators.mimic_extract import NUMBERS, PATIENTS, write_mimic
from simulators.warehouse_site import Site, require_none_of

CONTENT = {
    "person": "gender_concept_id, year_of_birth, race_concept_id",
    "death": "death_date",
    "visit_occurrence": "visit_concept_id, visit_start_datetime, visit_end_datetime",
    "visit_detail": "visit_detail_start_datetime, visit_start_datetime",
    "condition_occurrence": "condition_source_value, condition_start_date, visit_start_datetime",
    "drug_exposure": "drug_source_value, drug_exposure_start_date, visit_start_datetime",
    "measurement": "measurement_source_value, measurement_datetime, value_as_number, measurement.provider_id IS NOT NULL",
}


def content(ask, table: str, where: str = "true") -> Counter:
    """What a table tells and whom of, without its keys."""
    person = "" if table == "person" else "JOIN person USING (person_id)"
    visit = "LEFT JOIN visit_occurrence USING (visit_occurrence_id)" if "visit_start" in CONTENT[table] else ""
    visit = "" if table == "visit_occurrence" else visit
    return Counter(ask(f"SELECT person_source_value, {CONTENT[table]} FROM {table} {person} {visit} WHERE {where}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_mimic(tmp_path_factory.mktemp("mimic") / "in")


@pytest.fixture(scope="module")
def site(folder, tmp_path_factory) -> Site:
    """Two units that deliver the same numbers, one with a patient who objects, and a hospital that has a table `patients` too."""
    root = tmp_path_factory.mktemp("site")
    hospital = world(root / "world", people=50, seed=3)["hospital-1"]
    made = Site(root / "cdm", [extract("boston", folder), extract("concord", folder), extract("hospital-1", hospital)])
    made.patients.known, made.patients.refuses = {("concord", PATIENTS[1]): "sub_a"}, {"sub_a"}
    made.built = made.build()
    return made


@pytest.fixture(scope="module")
def direct(folder, tmp_path_factory):
    return convert("mimic", folder, tmp_path_factory.mktemp("direct"), as_of=UNTIL)


def test_a_build_tells_what_a_conversion_of_the_same_tables_tells(site, direct):
    """Of every patient of a unit, under the pseudonym of her own, in years that have not come yet."""
    names = site.told[-1][1].naming["boston"].pseudonyms
    assert set(names) == set(PATIENTS)
    ours = "person_source_value IN (" + ", ".join(f"'{one}'" for one in names.values()) + ")"
    for table in CONTENT:
        known = Counter({(names[who], *row): count for (who, *row), count in content(direct.ask, table).items()})
        assert known and content(site.ask, table, ours) == known, table


def test_the_same_number_at_two_providers_is_two_persons_and_hers_who_objects_is_in_no_table(site):
    people = site.told[-1][1]
    boston, concord = (people.naming[provider].pseudonyms for provider in ("boston", "concord"))
    assert not set(boston.values()) & set(concord.values())
    assert {
        one.number for one in site.register.asked if isinstance(one, RecordGiven) and one.provider == "boston"
    } == set(PATIENTS)
    persons = [who for (who,) in site.ask("SELECT person_source_value FROM person")]
    assert len(persons) == len(set(persons)) == site.built.persons
    assert set(boston.values()) <= set(persons)
    assert set(concord.values()) - set(persons) == {concord[PATIENTS[1]]} and site.built.excluded == 1
    assert len(set(people.naming["hospital-1"].pseudonyms.values()) & set(persons)) > 15


def test_no_number_of_a_unit_is_anywhere_and_a_patient_whom_no_table_has_is_in_quarantine(site):
    require_none_of({*PATIENTS, *NUMBERS, "10099999"}, site.layout.into)
    found = site.ask(
        f"SELECT count(*) FROM read_parquet('{site.layout.quarantine}/records/**/*.parquet') WHERE reason = 'unknown-person'"
    )
    assert found[0][0] >= 2


def test_dates_of_others_are_still_held_to_the_day_of_the_delivery():
    both = together([HOSPITAL.source, INTENSIVE_CARE.source])
    assert both.shifted and all(name.startswith("mimic_") for name in both.shifted)
    assert both.shifted == {mapping.driver for mapping in both.mappings if mapping.driver in both.shifted}
