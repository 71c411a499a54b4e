"""Two hospitals and the claims base become one CDM: one person once, nobody by name, resumed, refreshed. EMC-06, EMC-07."""

import shutil
from collections import Counter, defaultdict

import pytest

from nexus.kernel.errors import Conflict, Invalid
from nexus.pseudonyms import notation
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.intake.agreement import Agreement, Column, Table
from simulators.deliveries import extract, rows, world
from simulators.warehouse_site import Site, require_none_of


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def village(tmp_path_factory):
    """A smaller world, for builds of which there are many."""
    return world(tmp_path_factory.mktemp("village"), people=50, seed=3)


@pytest.fixture(scope="module")
def site(folders, tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("warehouse"), [extract(*each) for each in sorted(folders.items())])
    made.built = made.build()
    return made


def test_one_person_of_three_providers_is_one_person_of_the_cdm(site, folders):
    truth = {
        (row["SOURCE"], row["LOCAL"]): row["PERSON"] for row in rows(folders["snds"].parents[1] / "truth/records.csv")
    }
    named = defaultdict(set)
    for (source, local), person in truth.items():
        if pseudonym := site.pseudonym(source, local):
            named[pseudonym].add(person)
    assert len(named) > 140
    assert all(len(people) == 1 for people in named.values()), "two people under one pseudonym"
    people = {person for some in named.values() for person in some}
    assert len(named) <= 1.1 * len(people), "people who are known under two pseudonyms are few"
    persons = site.ask("SELECT person_source_value, count(*) FROM person GROUP BY ALL")
    assert {value for value, _ in persons} == set(named) and all(count == 1 for _, count in persons)
    assert all(notation.read(value)[0].name == "WAREHOUSE" for value, _ in persons)
    assert site.built.persons == len(persons)


def test_what_happened_to_somebody_of_whom_two_sources_tell_happened_once(site):
    """Only she herself stands in quarantine as told twice, and her death."""
    found = site.ask(
        "SELECT DISTINCT target FROM"
        f" read_parquet('{site.layout.quarantine}/records/**/*.parquet', union_by_name = true) WHERE reason = 'duplicate'"
    )
    assert ("person",) in found and {target for (target,) in found} <= {"person", "death", "location"}


def test_what_each_provider_tells_of_a_person_hangs_on_her(site, folders):
    """Visits of hospitals and of the claims base; the day of birth is the hospital's, for the claims base knows none."""
    visits = Counter(
        site.pseudonym("hospital-1", row["PATIENT"]) for row in rows(folders["hospital-1"] / "encounters.csv")
    )
    found = dict(
        site.ask(
            "SELECT person_source_value, count(*) FROM person JOIN visit_occurrence USING (person_id) GROUP BY ALL"
        )
    )
    who = max((one for one in visits if one), key=lambda one: visits[one])
    assert found[who] >= 0.9 * visits[who]
    known = {site.pseudonym("hospital-1", row["Id"]) for row in rows(folders["hospital-1"] / "patients.csv")} - {None}
    days = dict(site.ask("SELECT person_source_value, day_of_birth FROM person"))
    assert all(days[one] for one in known)
    ((claims,),) = site.ask("SELECT count(*) FROM visit_occurrence WHERE visit_source_value = 'DCIR'")
    assert claims > 100


def test_no_name_no_number_and_no_local_number_is_anywhere_in_the_warehouse(village, tmp_path):
    """Also while it is made: the files are looked at again and again, each value unpacked, and at the end."""
    site = Site(tmp_path / "cdm", [extract(*each) for each in sorted(village.items())])
    secret = _secrets(village)
    seen: set[str] = set()

    def look(step: str, done: int, total: int) -> None:
        if step not in seen:
            seen.add(step)
            if len(seen) % 8 == 0:
                require_none_of(secret, tmp_path)

    site.build(progress=look)
    require_none_of(secret, tmp_path)
    assert len(seen) > 20


def _secrets(folders) -> set[str]:
    found: set[str] = set()
    for name in ("hospital-1", "hospital-2"):
        for row in rows(folders[name] / "patients.csv"):
            found |= {row[column] for column in ("Id", "SSN", "FIRST", "LAST", "MAIDEN", "ADDRESS")}
        found |= {row["Id"] for row in rows(folders[name] / "encounters.csv")}
    for row in rows(folders["snds"] / "ir_ben_r.csv"):
        found |= {row["BEN_NIR_ANO"], row["BEN_NIR_PSA"], row["BEN_IDT_ANO"]}
    return found - {""}


def test_the_same_deliveries_again_are_nothing_to_do_and_nothing_is_read(site):
    before = len(site.contents.read)
    again = site.build()
    assert again.began == "nothing" and len(site.contents.read) == before
    assert site.build(again=True).began == "refresh"


def test_whoever_objects_is_in_no_table_and_a_later_objection_is_heard(village, tmp_path):
    site = Site(tmp_path, [extract(*each) for each in sorted(village.items())])
    visits = Counter(row["PATIENT"] for row in rows(village["hospital-1"] / "encounters.csv"))
    (first, _), (second, _) = visits.most_common(2)
    site.patients.known = {("hospital-1", first): "sub_first", ("hospital-1", second): "sub_second"}
    site.patients.refuses = {"sub_first"}
    assert site.build().excluded == 1
    assert (site.pseudonym("hospital-1", first), "sub_first") in site.told[-1][1].subjects
    assert not _rows_of(site, first) and _rows_of(site, second)
    site.patients.refuses = {"sub_first", "sub_second"}
    built = site.build()
    assert (built.began, built.excluded) == ("refresh", 2)
    assert not _rows_of(site, first) and not _rows_of(site, second)
    site.patients.refuses = set()
    site.build()
    assert _rows_of(site, first) and _rows_of(site, second)


def _rows_of(site: Site, local: str) -> int:
    pseudonym = site.pseudonym("hospital-1", local)
    return len(site.ask(f"FROM person WHERE person_source_value = '{pseudonym}'"))


def test_a_newer_delivery_is_a_refresh_with_the_result_of_a_build_from_nothing(village, tmp_path):
    site = Site(tmp_path / "one", [extract(*each) for each in sorted(village.items())])
    site.build()
    newer = tmp_path / "newer"
    shutil.copytree(village["hospital-2"], newer)
    lines = (newer / "encounters.csv").read_text().splitlines(keepends=True)
    (newer / "encounters.csv").write_text("".join(lines[:-4]))
    site.extracts = [
        *[each for each in site.extracts if each.provider != "hospital-2"],
        extract("hospital-2", newer, 2),
    ]
    site.extracts.sort(key=lambda each: each.provider)
    assert site.build().began == "refresh"
    fresh = Site(tmp_path / "two", site.extracts)
    fresh.build()
    for table in ("person", "visit_occurrence", "condition_occurrence", "drug_exposure", "observation_period", "death"):
        assert sorted(map(str, site.ask(f"FROM {table}"))) == sorted(map(str, fresh.ask(f"FROM {table}"))), table


@pytest.mark.slow
def test_a_provider_who_delivers_a_part_takes_nobody_away(village, tmp_path):
    """A delivery is a whole extract: one of a month, accepted as such, would empty the warehouse of everybody else."""
    site = Site(tmp_path / "cdm", [extract(*each) for each in sorted(village.items())])
    site.build()
    before = site.ask("SELECT person_id FROM person ORDER BY ALL")
    part = tmp_path / "part"
    shutil.copytree(village["hospital-1"], part)
    lines = (part / "patients.csv").read_text().splitlines(keepends=True)
    (part / "patients.csv").write_text("".join(lines[: len(lines) // 3]))
    site.extracts = [
        extract(name, part if name == "hospital-1" else folder, number=2) for name, folder in sorted(village.items())
    ]
    with pytest.raises(Conflict, match=r"hospital-1 delivered \d+ persons, after \d+ before") as refused:
        site.build()
    assert refused.value.code == "building.smaller"
    assert site.ask("SELECT person_id FROM person ORDER BY ALL") == before
    assert site.build(smaller=True).began == "refresh"


def test_killed_at_any_step_the_next_run_goes_on_to_the_same_result(village, tmp_path):
    steps: list[str] = []
    extracts = [extract(*each) for each in sorted(village.items())]
    reference = Site(tmp_path / "reference", extracts)
    reference.build(progress=lambda step, done, total: steps.append(step))
    wanted = sorted(map(str, reference.ask("FROM visit_occurrence")))
    marks = [at for at, step in enumerate(steps) if at == 0 or steps[at - 1] != step]
    for at in marks[:: max(1, len(marks) // 6)]:
        broken = Site(tmp_path / f"killed-{at}", extracts)
        broken.killed(at)
        broken.build()
        assert sorted(map(str, broken.ask("FROM visit_occurrence"))) == wanted, steps[at]
        assert not (broken.layout.into / "deliveries").exists() and not broken.layout.work.exists()


def test_what_tells_changes_alone_is_never_built_from_as_a_whole(village, tmp_path):
    changes = shutil.copytree(village["hospital-1"], tmp_path / "changes")
    (changes / "removed.csv").write_text("TABLE,KEY\nencounters,1\n")
    with pytest.raises(Conflict, match="hospital-1 delivered what changed") as refused:
        Site(tmp_path / "cdm", [extract("hospital-1", changes)]).build()
    assert refused.value.code == "building.changes"


def test_nothing_accepted_and_forms_that_nobody_knows_are_refused(tmp_path):
    with pytest.raises(Conflict) as refused:
        Site(tmp_path, []).build()
    assert refused.value.code == "building.no-delivery"
    stays = Agreement(schema_version="1", tables=(Table(name="stays", columns=(Column(name="ipp"),)),))
    with pytest.raises(Invalid) as unknown:
        form_of("lille", stays)
    assert unknown.value.code == "building.form"
