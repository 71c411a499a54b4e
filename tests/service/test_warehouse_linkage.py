"""Linkage on records whose truth is known, on a real DuckDB and splink. F-010, EMC-06, EMC-07."""

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.identity import plain_name
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.generator.names import FAMILY, GIVEN
from nexus.warehouse.linkage import linking, records
from nexus.warehouse.linkage.linking import Linked, link
from nexus.warehouse.linkage.measuring import measure
from nexus.warehouse.linkage.model import Doubt, Rule, Thresholds
from simulators import hospital_records

ASKED = Asked(people=560, seed=5, block=280, twins=0.25)
PATIENTS = "Id,BIRTHDATE,SSN,FIRST,LAST,MAIDEN,GENDER,BIRTHPLACE,BIRTH_RANK"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("linkage")
    return folder, hospital_records.deliver(folder, ASKED)


@pytest.fixture(scope="module")
def linked(made: tuple[Path, dict]) -> Linked:
    return link(made[0])


def deliver(folder: Path, **sources: list[str]) -> Path:
    """Small hospitals, a line of patients.csv each."""
    for source, lines in sources.items():
        path = folder / source / "delivery-1" / "patients.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join([PATIENTS, *lines]) + "\n", encoding="utf-8")
    return folder


def groups(found: Linked) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(person) for person in found.persons if len(person) > 1}


def test_hardly_anybody_is_merged_with_somebody_else_and_nearly_everybody_is_found(made, linked):
    """Twins are ten times as frequent as in life, and every error of the generator is in the records."""
    known = {local: record["PERSON"] for local, record in made[1].items()}
    measured = measure(linked.persons, known)
    assert measured.true_pairs > 1_500
    assert measured.precision >= 0.999
    assert measured.recall >= 0.97
    assert all(linked.report.by_rule[rule.value] > 10 for rule in Rule)


def test_no_two_people_with_numbers_of_their_own_are_merged(made, linked):
    records_of = made[1]
    for person in linked.persons:
        sure = {
            records_of[one]["PERSON"]
            for one in person
            if not {"number-missing", "number-of-a-parent", "number-key-wrong"}
            & set((records_of[one]["MISTAKES"] or "").split("+"))
        }
        assert len(sure) <= 1


def test_the_order_of_rows_changes_nothing(made, linked, tmp_path):
    """Deterministic: EMC-06."""
    hospital_records.shuffled(made[0], tmp_path / "other", seed=9)
    again = link(tmp_path / "other")
    assert again.persons == linked.persons
    assert again.reviews == linked.reviews
    assert again.report == linked.report


def test_names_have_the_canonical_form_of_pseudonyms(made, tmp_path):
    with records.opened(made[0], scratch=tmp_path) as engine:
        found = {row[0] for row in engine.execute("SELECT DISTINCT given FROM records").fetchall()}
        families = {row[0] for row in engine.execute("SELECT DISTINCT family FROM records").fetchall()}
    assert len(found & {plain_name(name) for name in GIVEN}) > 60
    assert len(families & {plain_name(name) for name in FAMILY}) > 150


def test_a_child_under_the_number_of_a_parent_is_not_merged_with_the_parent(tmp_path):
    deliver(
        tmp_path,
        a=["1,1980-05-02,1800575001001,Jean,Martin,,M,75001,1"],
        b=["1,2015-03-09,1800575001001,Lucas,Martin,,M,75001,1"],
    )
    found = link(tmp_path)
    assert groups(found) == set()
    assert found.report.numbers_doubtful == 1


def test_two_people_under_one_number_are_for_review(tmp_path):
    """Sex, year and month agree with the number in both; neither name nor day do."""
    deliver(
        tmp_path,
        a=["1,1980-05-02,1800575001001,Jean,Martin,,M,75001,1"],
        b=["1,1980-05-28,1800575001001,Ahmed,Benali,,M,75001,1"],
    )
    found = link(tmp_path)
    assert groups(found) == set()
    assert [review[2] for review in found.reviews] == [Doubt.NUMBER_DENIED]


def test_a_name_at_birth_finds_who_married_and_a_wrong_key_counts_as_no_number(tmp_path):
    deliver(
        tmp_path,
        a=["1,1980-05-02,,Zoé,Lefèvre,,F,75001,1"],
        b=["7,1980-05-02,280057500100199,ZOE,DURAND,LEFEVRE,F,75001,1"],
    )
    found = link(tmp_path)
    assert groups(found) == {frozenset({("a", "1"), ("b", "7")})}
    assert found.report.by_rule[Rule.TRAITS.value] == 1
    assert found.report.numbers_doubtful == 1


def test_twins_of_one_name_are_told_apart_by_their_rank_and_left_alone_without_it(tmp_path):
    deliver(
        tmp_path,
        a=["1,2001-05-02,,Léa,Martin,,F,75001,1", "2,2001-05-02,,Léa,Martin,,F,75001,2"],
        b=["1,2001-05-02,,Léa,Martin,,F,75001,2", "2,2001-05-02,,Léa,Martin,,F,75001,"],
    )
    assert groups(link(tmp_path)) == {frozenset({("a", "2"), ("b", "1")})}


def test_unlike_given_names_are_never_merged_by_probability(made, linked):
    """All else agrees for twins too: what is probable enough is for somebody to judge."""
    twins = [review for review in linked.reviews if review[2] is Doubt.PERHAPS_TWINS]
    assert twins, "twins whose ranks are missing are in these records"
    assert any(review[3] > Thresholds().merge for review in twins)


def test_one_person_of_two_numbers_is_found_by_her_traits_and_two_numbers_of_waiting_are_not(tmp_path):
    deliver(
        tmp_path,
        a=["1,1980-05-02,7800599352001,Ali,Haddad,,M,99352,1"],
        b=["1,1980-05-02,,Ali,Haddad,,M,99352,1"],
        c=["1,1980-05-02,1800599352042,Ali,Haddad,,M,99352,1"],
    )
    found = link(tmp_path)
    assert len(found.persons) == 1
    (tmp_path / "c" / "delivery-1" / "patients.csv").write_text(
        f"{PATIENTS}\n1,1980-05-02,7800599352042,Ali,Haddad,,M,99352,1\n"
    )
    refused = link(tmp_path)
    assert len(refused.persons) == 2
    assert refused.report.for_review[Doubt.CONTRADICTION.value] == 1


def test_with_little_to_learn_from_nothing_is_merged_by_probability(tmp_path):
    deliver(tmp_path, a=["1,1980-05-02,,Jean,Martin,,M,75001,1"], b=["1,1980-05-02,,Jean,Martin,,M,,1"])
    found = link(tmp_path)
    assert found.report.learned_from == 0 and groups(found) == set()


@pytest.mark.parametrize("wrong", [{"merge": 0.6, "review": 0.9}, {"review": 0.1}, {"merge": 1.5}])
def test_thresholds_that_make_no_sense_are_refused(wrong):
    with pytest.raises(Invalid):
        Thresholds(**wrong)


def test_a_folder_without_a_source_and_a_table_without_its_columns_are_refused(tmp_path):
    with pytest.raises(Invalid, match="neither"):
        link(tmp_path)
    path = tmp_path / "a" / "patients.csv"
    path.parent.mkdir()
    path.write_text("Id,NAME\n1,Martin\n")
    with pytest.raises(Invalid, match="a column is missing") as refused:
        link(tmp_path)
    assert "Martin" not in str(refused.value)


def test_measuring_counts_pairs():
    truth = {("a", "1"): "P", ("a", "2"): "P", ("b", "1"): "P", ("b", "2"): "Q"}
    measured = measure([[("a", "1"), ("a", "2"), ("b", "2")], [("b", "1")]], truth)
    assert (measured.true_pairs, measured.linked_pairs, measured.right_pairs) == (3, 3, 1)
    assert measured.precision == pytest.approx(1 / 3) and measured.recall == pytest.approx(1 / 3)


def test_the_command_writes_who_is_who_without_a_name_for_its_owner_alone(tmp_path):
    folder = tmp_path / "made"
    hospital_records.deliver(folder, replace(ASKED, people=60, block=60))
    done = subprocess.run(
        [sys.executable, "-m", "nexus", "warehouse", "link", str(folder), "--into", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["persons"] > 50
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [linking.REPORT, linking.PERSONS, linking.REVIEW]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    text = "".join(file.read_text() for file in files).upper()
    assert not any(f",{name}," in text or f",{name}\n" in text for name in ("MARTIN", "DUPONT", "JEAN", "MARIE"))
