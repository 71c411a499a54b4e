"""Whom no identity stands for is kept as what one provider calls her: nobody merged, nobody lost, and whoever refuses is left out. EMC-07."""

from pathlib import Path

import pytest

from nexus.kernel.errors import Invalid
from nexus.pseudonyms import identity
from nexus.pseudonyms.messages import RecordGiven, read
from nexus.warehouse.building.composing import EVERYTHING
from nexus.warehouse.building.identities import Identities, People
from simulators.deliveries import Folders, Patients, Register, extract

HEADER = "Id,BIRTHDATE,SSN,FIRST,LAST,MAIDEN,GENDER,BIRTHPLACE,BIRTH_RANK"
NUMBER = "2881289015001"


def told(folder: Path, **providers: list[str]):
    """Extracts of hospitals: the rows of each one's table of patients."""
    found = []
    for name, lines in sorted(providers.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "patients.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        found.append(extract(name, folder / name))
    return found


def find(extracts, patients: Patients | None = None) -> tuple[People, Register]:
    register = Register()
    return Identities(Folders(), register, patients or Patients(), lambda step, done, total: None).find(
        extracts, {extract.provider: EVERYTHING for extract in extracts}
    ), register


def names(people: People, provider: str):
    return people.naming[provider].pseudonyms


def test_who_has_no_number_and_not_every_trait_is_kept_under_a_name_of_her_own(tmp_path):
    alone = ["1,1990-02-03,,ANNE,MARTIN,,F,,", "2,,,,,,M,,"]
    people, register = find(told(tmp_path, north=alone, south=alone))
    every = [*names(people, "north").values(), *names(people, "south").values()]
    assert len(set(every)) == len(every) == 4 and people.nobody == 0, (
        "the same numbers at two sites are two people each"
    )
    assert {(one.provider, one.number) for one in register.asked} == {(p, n) for p in ("north", "south") for n in "12"}
    again, _ = find(told(tmp_path / "later", north=[*alone, "3,,,,,,F,,"]))
    assert {n: names(again, "north")[n] for n in "12"} == dict(names(people, "north")), (
        "in the next build she has it again"
    )


def test_who_has_a_number_since_has_another_pseudonym(tmp_path):
    (before, _), (now, register) = (
        find(told(tmp_path / when, north=[f"1,1988-12-12,{number},,,,F,,"]))
        for when, number in (("a", ""), ("b", NUMBER))
    )
    assert names(before, "north")["1"] != names(now, "north")["1"]
    assert not any(isinstance(one, RecordGiven) for one in register.asked)


def two_of_one_number(tmp_path):
    """Two people under one NIR, and somebody else."""
    return told(
        tmp_path,
        north=[f"1,1988-12-12,{NUMBER},SOPHIE,MOULIN,,F,89015,1"],
        south=[f"7,1988-12-30,{NUMBER},ZOE,LEFEVRE,,F,75112,1", "8,1971-01-01,,,,,M,,"],
    )


def test_two_people_under_one_number_stay_two(tmp_path):
    people, _ = find(two_of_one_number(tmp_path))
    assert len(people.linked.reviews) == 1
    assert len({*names(people, "north").values(), *names(people, "south").values()}) == 3


def test_who_may_be_somebody_that_refuses_is_left_out_with_her_where_nothing_else_stands_for_her(tmp_path):
    """North and centre tell of one person, south of another, all under one NIR: whose it is nobody knows."""
    patients = Patients()
    patients.known, patients.refuses = {("north", "1"): "sub_a"}, {"sub_a"}
    extracts = told(
        tmp_path,
        north=[f"1,1988-12-12,{NUMBER},SOPHIE,MOULIN,,F,,"],
        centre=[f"3,1988-12-12,{NUMBER},SOPHIE,MOULIN,,F,,"],
        south=[f"7,1988-12-30,{NUMBER},ZOE,LEFEVRE,,F,,", "8,1971-01-01,,,,,M,,"],
    )
    people, _ = find(extracts, patients)
    assert sorted(map(len, people.linked.persons)) == [1, 1, 2]
    every = {*names(people, "north").values(), *names(people, "centre").values(), *names(people, "south").values()}
    assert len(every) == 4 and set(people.excluded) == every - {names(people, "south")["8"]}
    patients.known = {("south", "8"): "sub_a"}
    people, _ = find(extracts, patients)
    assert set(people.excluded) == {names(people, "south")["8"]}


def test_a_record_is_no_number_and_no_traits_and_says_nothing_when_it_is_printed():
    canonical = read(RecordGiven("north", "18-é")).canonical()
    assert canonical == b"record/1\0north\x0018-\xc3\xa9"
    assert "18" not in repr(identity.lone_record("north", "18")) and "18" not in repr(RecordGiven("north", "18"))
    for provider, number in (("", "1"), ("north", ""), ("a\0b", "1"), ("north", "1" * 1_001)):
        with pytest.raises(Invalid):
            identity.lone_record(provider, number)
