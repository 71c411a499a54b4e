"""A hospital that delivers FHIR is built from like one that delivers tables: the same persons, nobody by name. EMC-06, EMC-07."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from nexus.kernel.errors import Damaged
from nexus.pseudonyms.messages import RecordGiven
from nexus.warehouse.building.fhir_form import OWN_NUMBER
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.intake.agreement import Agreement, FileKind, IdentifierKind, Table
from nexus.warehouse.intake.checking import check
from nexus.warehouse.intake.manifest import FileSaid
from simulators import fhir_hospital
from simulators.conversions import convert
from simulators.deliveries import UNTIL, extract, world
from simulators.warehouse_site import Site, require_none_of


@pytest.fixture(scope="module")
def village(tmp_path_factory):
    return world(tmp_path_factory.mktemp("village"), people=50, seed=3)


@pytest.fixture(scope="module")
def told(village):
    """What hospital-2 tells, as resources."""
    return fhir_hospital.resources(village["hospital-2"])


@pytest.fixture(scope="module")
def lines(told, tmp_path_factory) -> Path:
    return fhir_hospital.write(told, tmp_path_factory.mktemp("lines") / "in")


@pytest.fixture(scope="module")
def alone(lines, tmp_path_factory) -> Site:
    """A warehouse of the one hospital."""
    site = Site(tmp_path_factory.mktemp("alone"), [fhir_hospital.extract("hospital-2", lines)])
    site.built = site.build()
    return site


@pytest.fixture(scope="module")
def mixed(village, lines, tmp_path_factory) -> Site:
    """A hospital by tables, one by FHIR, the claims base."""
    tables = [extract(name, village[name]) for name in ("hospital-1", "snds")]
    site = Site(tmp_path_factory.mktemp("mixed"), [tables[0], fhir_hospital.extract("hospital-2", lines), tables[1]])
    site.built = site.build()
    return site


CONTENT = {
    "person": "person_source_value, gender_concept_id, year_of_birth, month_of_birth, day_of_birth, gender_source_value",
    "death": "person_source_value, death_date",
    "visit_occurrence": "person_source_value, visit_concept_id, visit_start_datetime, visit_end_datetime",
    "condition_occurrence": "person_source_value, condition_source_value, condition_start_date, visit_start_datetime",
    "drug_exposure": "person_source_value, drug_source_value, drug_exposure_start_datetime, visit_start_datetime",
    "procedure_occurrence": "person_source_value, procedure_source_value, procedure_date, visit_start_datetime",
    "measurement": "person_source_value, measurement_source_value, measurement_datetime, value_as_number, unit_source_value",
}


def content(ask, table: str) -> Counter:
    """What a table tells, without its keys."""
    joined = "" if table == "person" else "JOIN person USING (person_id)"
    visit = (
        "LEFT JOIN visit_occurrence USING (visit_occurrence_id)"
        if table.endswith("e") and table != "visit_occurrence"
        else ""
    )
    return Counter(ask(f"SELECT {CONTENT[table]} FROM {table} {joined} {visit}"))


@pytest.fixture(scope="module")
def direct(lines, tmp_path_factory):
    return convert("fhir", lines, tmp_path_factory.mktemp("direct"), as_of=UNTIL)


def test_a_build_tells_what_a_conversion_of_the_same_files_tells(alone, direct):
    """Of everybody, under her pseudonym."""
    names = alone.told[-1][1].naming["hospital-2"].pseudonyms
    for table in CONTENT:
        known = Counter()
        for (who, *row), count in content(direct.ask, table).items():
            if who in names:
                known[names[who], *row] += count
        assert content(alone.ask, table) == known, table
        assert known or table == "death", table


def test_a_bundle_gives_what_lines_give(told, alone, tmp_path):
    folder = fhir_hospital.write(told, tmp_path / "in", bundle=True)
    site = Site(tmp_path / "cdm", [fhir_hospital.extract("hospital-2", folder)])
    site.build()
    for table in (*CONTENT, "location", "provider", "care_site", "observation_period"):
        assert sorted(map(str, site.ask(f"FROM {table}"))) == sorted(map(str, alone.ask(f"FROM {table}"))), table


def test_a_record_leads_back_to_the_line_of_its_resource(told, alone):
    found = alone.ask(
        "SELECT line, condition_source_value FROM condition_occurrence JOIN"
        f" read_parquet('{alone.layout.provenance}/condition_occurrence/*.parquet') ON id = condition_occurrence_id"
    )
    assert len(found) > 20
    assert all(told["Condition"][line - 1]["code"]["coding"][0]["code"] == code for line, code in found)


def test_who_is_told_of_by_tables_and_by_fhir_is_one_person(mixed, village, tmp_path):
    """The very same people as if the hospital had delivered tables, with all their stays."""
    by_tables = Site(tmp_path, [extract(*each) for each in sorted(village.items())])
    by_tables.build()
    names = mixed.told[-1][1].naming
    assert names["hospital-2"].pseudonyms == by_tables.told[-1][1].naming["hospital-2"].pseudonyms
    everywhere = set(names["hospital-2"].pseudonyms.values()) & set(names["snds"].pseudonyms.values())
    assert len(everywhere) > 5
    asked = "SELECT person_source_value, day_of_birth, count(DISTINCT visit_occurrence_id) FROM person LEFT JOIN visit_occurrence USING (person_id) GROUP BY ALL"
    assert Counter(mixed.ask(asked)) == Counter(by_tables.ask(asked))
    days = {who: day for who, day, _ in mixed.ask(asked)}
    assert all(days[one] for one in everywhere), "of two records of a person, the one that knows the day is kept"


def test_nothing_that_says_who_somebody_is_is_anywhere_in_the_warehouse(told, village, lines, tmp_path):
    """Also while it is made, in the files that it is made of; and although nothing but a NIR was declared."""
    declared = {"Patient.identifier.value": IdentifierKind.NIR}
    found = [fhir_hospital.extract("hospital-2", lines, declared=declared)]
    site, seen = Site(tmp_path / "cdm", found), set()
    secrets = fhir_hospital.clear(told)
    assert len(secrets) > 100

    def look(step: str, done: int, total: int) -> None:
        if step not in seen:
            seen.add(step)
            if len(seen) % 8 == 0:
                require_none_of(secrets, tmp_path)

    site.build(progress=look)
    require_none_of(secrets, tmp_path)
    assert len(seen) > 20 and site.ask("SELECT count(DISTINCT city) FROM location") != [(0,)]


def test_an_element_that_is_declared_is_left_out_and_ids_still_lead_from_one_to_the_other(told, lines, tmp_path):
    declared = {
        "Patient.address": IdentifierKind.ADDRESS,
        "Patient.id": IdentifierKind.LOCAL,
        "Encounter.subject": IdentifierKind.LOCAL,
        "Observation.valueQuantity": IdentifierKind.PHONE,
    }
    site = Site(tmp_path, [fhir_hospital.extract("hospital-2", lines, declared=declared)])
    site.build()
    assert site.ask("SELECT count(*) FROM location") == [(0,)]
    assert site.ask("SELECT count(*) FROM visit_occurrence JOIN person USING (person_id)")[0][0] > 20
    assert site.ask("SELECT count(*), count(value_as_number) FROM measurement")[0][1] == 0


def test_whoever_objects_is_found_by_her_id_or_by_her_number_in_the_site(told, lines, tmp_path):
    site = Site(tmp_path, [fhir_hospital.extract("hospital-2", lines)])
    visits = Counter(each["subject"]["reference"].rpartition("/")[2] for each in told["Encounter"])
    named = [one for one, _ in visits.most_common() if one in _known(told)]
    first, second = named[:2]
    site.patients.known = {("hospital-2", first): "sub_first", ("hospital-2", f"IPP{second}"): "sub_second"}
    site.patients.refuses = {"sub_first", "sub_second"}
    assert site.build().excluded == 2
    for local in (first, second):
        who = site.pseudonym("hospital-2", local)
        assert who and not site.ask(f"FROM person WHERE person_source_value = '{who}'")
    assert (
        site.ask("SELECT count(*) FROM visit_occurrence")[0][0] <= sum(visits.values()) - visits[first] - visits[second]
    )
    site.patients.refuses = {"sub_second"}
    assert site.build().began == "refresh"
    assert site.ask(f"FROM person WHERE person_source_value = '{site.pseudonym('hospital-2', first)}'")


def _known(told) -> set[str]:
    return {one["id"] for one in told["Patient"] if len(one["identifier"]) == 2}


# what is odd, or meant to deceive

ADA, CLO = "288128901500107", "2920533004012"


def patient(number: str, name: str, *identifiers: tuple[str, str], **more) -> dict:
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": system, "value": value} for system, value in identifiers],
        "name": [{"family": f"Famille-{name}", "given": [f"Prénom-{name}"]}],
        "gender": "female",
        "birthDate": f"19{number[1:3]}-{number[3:5]}-12",
        **more,
    }


def condition(name: str, reference: str, **more) -> dict:
    return {
        "resourceType": "Condition",
        "id": name,
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": name}]},
        "subject": {"reference": reference},
        "onsetDateTime": "2020-03-04",
        **more,
    }


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Site:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "in").mkdir()
    other = "2780675112004"
    found = [
        patient(ADA, "ada", ("urn:local", "42"), (OWN_NUMBER, ADA)),
        patient(ADA, "ada", ("urn:local", "42"), (OWN_NUMBER, ADA)),
        {**patient(CLO, "", (OWN_NUMBER, CLO)), "fullUrl": "urn:uuid:c-l-o"},
        patient(other, "two", (OWN_NUMBER, other)),
        patient(ADA, "two", (OWN_NUMBER, "2881289015002")),
        patient(other, "both", (OWN_NUMBER, other), (OWN_NUMBER, "2780675112005")),
        patient(other, "test", ("urn:oid:1.2.250.1.213.1.4.10", "2780675112006")),
        patient(other, "shape", (OWN_NUMBER, "2780675112007"), gender={"x": ["Nom-Caché"]}, address=["Nom-Caché"]),
        condition("plain", "Patient/ada"),
        condition("absolute", "https://fhir.example/r4/Patient/ada/_history/7"),
        condition("bundled", "urn:uuid:c-l-o"),
        condition("contained", "#ada", contained=[patient(ADA, "ada", (OWN_NUMBER, ADA))]),
        condition("group", "Group/ada"),
        condition("by-number", "Patient?identifier=urn:local|ada"),
        condition("ghost", "Patient/ghost"),
        condition("of-two", "Patient/two"),
        condition("of-both", "Patient/both"),
        condition("of-test", "Patient/test"),
        {**condition("nobody", ""), "subject": {"display": "Nom-Caché"}},
        {**condition("text", "Patient/ada"), "code": {"text": {"div": "Nom-Caché"}}},
        {
            "resourceType": "Observation",
            "id": "parts",
            "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
            "subject": {"reference": "Patient/ada"},
            "effectiveDateTime": "2020-03-04",
            "component": [
                {"id": "1", "subject": {"reference": "Patient/ghost"}, "code": {"text": "8480-6"}, "valueInteger": 120},
                {"id": "1", "code": {"text": "8462-4"}, "valueInteger": 80},
            ],
        },
    ]
    for each in found:
        if each.get("id") == "":
            del each["id"]
    fhir_hospital.bundled(folder / "in" / "all.json", found)
    site = Site(folder / "cdm", [fhir_hospital.extract("odd", folder / "in")])
    site.built = site.build()
    site.found = found
    return site


def test_references_lead_to_the_patient_whom_they_name_and_to_nobody_else(odd):
    conditions = dict(
        odd.ask(
            "SELECT condition_source_value, person_source_value FROM condition_occurrence JOIN person USING (person_id)"
        )
    )
    ada, clo = odd.pseudonym("odd", "ada"), odd.pseudonym("odd", "c-l-o")
    assert ada and clo and ada != clo
    own = {f"of-{name}": odd.pseudonym("odd", name) for name in ("both", "test")}
    assert conditions == {"plain": ada, "absolute": ada, "bundled": clo, **own}


def test_a_number_of_two_people_is_nobody_and_who_has_two_nirs_is_her_site_s_patient_alone(odd):
    assert odd.pseudonym("odd", "two") is None and odd.built.nobody == 1
    assert {one.number for one in odd.register.asked if isinstance(one, RecordGiven)} == {"both", "test", "shape"}
    assert odd.built.persons == 5
    reasons = dict(odd.ask(f"SELECT line, reason FROM read_parquet('{odd.layout.quarantine}/records/**/*.parquet')"))
    lines = {each["id"]: line for line, each in enumerate(odd.found, 1) if each["resourceType"] == "Condition"}
    assert {
        name: reasons.get(line)
        for name, line in lines.items()
        if name not in ("plain", "absolute", "bundled", "of-both", "of-test")
    } == {
        "contained": "no-person",
        "group": "no-person",
        "nobody": "no-person",
        "of-two": "no-person",
        "by-number": "no-person",
        "ghost": "unknown-person",
        "text": "no-code",
    }


def test_parts_of_an_observation_are_about_whom_the_whole_is_about(odd):
    asked = "SELECT measurement_source_value, person_source_value, value_as_number FROM measurement JOIN person USING (person_id)"
    ada = odd.pseudonym("odd", "ada")
    assert set(odd.ask(asked)) == {("8480-6", ada, 120.0), ("8462-4", ada, 80.0)}


def test_what_has_another_shape_than_it_should_is_no_text(odd):
    require_none_of({"Nom-Caché", "ghost", "Famille-ada", "Prénom-ada", ADA, "c-l-o", "2780675112007"}, odd.layout.into)


def test_intake_accepts_what_is_built_from(lines):
    """With every element declared that says who somebody is, as is agreed here."""
    agreement = fhir_hospital.agreed(lines)
    for path in sorted(lines.iterdir()):
        table = agreement.table(path.stem.lower())
        whole = path.read_bytes()
        digest = hashlib.sha256(whole).hexdigest()
        said = FileSaid(name=path.name, table=table.name, sha256=digest, bytes=len(whole), rows=whole.count(b"\n"))
        found = check(InMemory(whole), said, table, UNTIL, lambda count: None)
        assert not found.problems and not found.findings, (path.name, found)


class InMemory:
    """The port `checking.Source`."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self):
        yield self.content

    def file(self):
        raise NotImplementedError


def test_a_file_that_is_not_what_was_accepted_ends_the_build(lines, tmp_path):
    site = Site(tmp_path, [fhir_hospital.extract("hospital-2", lines)])
    site.contents.stream = lambda extract, file: iter([b'{"resourceType": "Patient", "id": "\\ud800"}'])
    with pytest.raises(Damaged) as refused:
        site.build()
    assert refused.value.code == "building.file"


def test_resources_without_patients_are_in_no_form(tmp_path):
    table = Table(name="all", kind=FileKind.FHIR_BUNDLE, resources=("Observation",))
    with pytest.raises(Exception, match="in no form"):
        form_of("lab", Agreement(schema_version="1", tables=(table,)))
