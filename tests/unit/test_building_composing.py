"""Which rows of a chain of deliveries stand, row by row and line by line, however files are read. EMC-07."""

from pathlib import Path

import pytest

from nexus.warehouse.building import reading
from nexus.warehouse.building.composing import compose, people
from nexus.warehouse.building.identities import Identities
from nexus.warehouse.omop.source import LINE
from simulators.deliveries import Folders, Patients, Register, extract

PATIENTS = "Id,BIRTHDATE,SSN,FIRST,LAST,MAIDEN,GENDER,BIRTHPLACE,BIRTH_RANK\n"
ENCOUNTERS = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,ENCOUNTERCLASS,CODE\n"
CONDITIONS = "START,STOP,PATIENT,ENCOUNTER,CODE\n"


def written(folder: Path, **tables: str) -> Path:
    folder.mkdir()
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def encounters(*names: str) -> str:
    return ENCOUNTERS + "".join(f"{name},2026-05-01,2026-05-01,p1,o1,d1,ambulatory,185\n" for name in names)


def conditions(*rows: str) -> str:
    return CONDITIONS + "".join(f"2026-05-01,,p1,{row}\n" for row in rows)


@pytest.fixture
def chain(tmp_path):
    base = written(
        tmp_path / "1",
        patients=PATIENTS + "p1,1960-01-01,,A,B,,F,,\np2,1970-01-01,,C,D,,M,,\n",
        encounters=encounters("e1", "e2", "e3", "e4"),
        conditions=conditions("e1,I10", "e2,I11", "e4,I12", ",I13", ",I14"),
    )
    second = written(
        tmp_path / "2",
        patients=PATIENTS + "p1,1961-01-01,,A,B,,F,,\n",
        encounters=encounters("e2", "e5"),
        conditions=conditions("e2,I21", ",I13"),
        removed="TABLE,KEY\npatients,p2\n",
    )
    third = written(
        tmp_path / "3",
        encounters=encounters("e5", "e1"),
        conditions=conditions("e5,I31"),
        removed="TABLE,KEY\nENCOUNTERS,e3\nencounters,e9\n",
    )
    return extract("hospital-1", base, 1, second, third)


def standing(chain, table: str) -> list[tuple[int, int, str]]:
    """(place in the chain, line, what the row is called) of all that stand."""
    contents, found = Folders(), list[tuple[int, int, str]]()
    stands, column = compose(contents, chain), {"encounters": "id", "conditions": "code"}[table]
    for file in (each for each in chain.files if each.agreed.name == table):
        line = 1
        for rows in stands.rows(contents, chain, file, {column}):
            names = rows.batch.column(column).to_pylist()
            given = LINE in rows.batch.schema.names
            lines = rows.batch.column(LINE).to_pylist() if given else range(line, line + len(names))
            found += [(file.link, at, name) for at, name in zip(lines, names, strict=True)]
            line += rows.read
    return found


@pytest.mark.parametrize("block", [reading.BLOCK_BYTES, 128])
def test_a_row_stands_until_a_later_delivery_touches_its_key_what_it_belongs_to_or_its_words(chain, monkeypatch, block):
    monkeypatch.setattr(reading, "BLOCK_BYTES", block)
    assert standing(chain, "encounters") == [(0, 4, "e4"), (1, 1, "e2"), (2, 1, "e5"), (2, 2, "e1")]
    assert standing(chain, "conditions") == [(0, 3, "I12"), (0, 5, "I14"), (1, 1, "I21"), (1, 2, "I13"), (2, 1, "I31")]


def test_who_is_corrected_is_one_person_and_who_is_removed_is_nobody_known(chain):
    contents = Folders()
    stands = compose(contents, chain)
    told = [
        row
        for file in chain.of_people()
        for batch in people(stands, contents, chain, file)
        for row in batch.to_pylist()
    ]
    assert [(row["id"], row["birthdate"]) for row in told] == [("p1", "1961-01-01")]
    found = Identities(contents, Register(), Patients(), lambda step, done, total: None).find(
        [chain], {"hospital-1": stands}
    )
    assert found.nobody == 0 and found.naming["hospital-1"].known == {"p1"}


def test_a_delivery_without_changes_is_read_as_it_is(chain):
    stands = compose(Folders(), chain)
    assert [stands.may_lose(chain, file) for file in chain.files if file.link == 2 and file.of] == [False, False]
    assert all(stands.may_lose(chain, file) for file in chain.files if file.link == 0)
