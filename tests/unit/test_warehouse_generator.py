"""The generator: what it makes is the same for a seed, plausible, and wrong only where the truth says so."""

import csv
import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from nexus.kernel.errors import Conflict, Invalid
from nexus.pseudonyms.identity import NirKey, nir, plain_name
from nexus.warehouse.generator import register
from nexus.warehouse.generator.answer import Counted, counted
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.lives import lives
from nexus.warehouse.generator.model import Asked, Badness, Mistake
from nexus.warehouse.generator.people import NEVER, people

ASKED = Asked(people=900, seed=11, years=2, block=300, twins=0.1, bad_rows=0.04, late=0.03, mistaken=0.15)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("generated") / "all"
    generate(ASKED, into)
    return into


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def truth(made: Path, name: str) -> list[dict[str, str]]:
    return rows(made / "truth" / f"{name}.csv")


def digests(summary) -> dict[str, str]:
    return {name: file.sha256 for name, file in summary.files.items()}


def test_a_seed_gives_the_same_bytes_whatever_the_number_of_workers(tmp_path):
    asked = Asked(people=120, seed=3, years=1, block=60)
    alone = digests(generate(asked, tmp_path / "alone"))
    together = digests(generate(asked, tmp_path / "together", workers=2))
    other = digests(generate(replace(asked, seed=4), tmp_path / "other"))
    assert alone == together
    assert alone["truth/people.csv"] != other["truth/people.csv"]


def test_nothing_is_mixed_with_what_is_there(tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        generate(ASKED, tmp_path)


@pytest.mark.parametrize("wrong", [{"people": 0}, {"hospitals": 10}, {"years": 0}, {"late": 0.9}, {"effect": 0.5}])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(Invalid):
        Asked(**{"people": 10, **wrong})


def test_every_number_of_the_register_is_one_persons(made):
    everybody = truth(made, "people")
    numbers = [person["NIR"] for person in everybody] + [p["WAITING_NIR"] for p in everybody if p["WAITING_NIR"]]
    assert len(set(numbers)) == len(numbers)
    for person in everybody:
        read = nir(person["NIR"])
        assert person["NIR"][0] == person["SEX"] and person["NIR"][1:5] == person["BORN"][2:4] + person["BORN"][5:7]
        assert person["NIR"][5:10] == person["BIRTHPLACE"] and read.key is NirKey.ABSENT


def test_corsica_the_countries_and_the_islands_are_born_in():
    born = numpy.concatenate([people(Asked(people=20_000), block).birthplace for block in range(2)])
    from nexus.warehouse.generator.places import CODES

    heads = Counter(code[:2] for code in CODES[born])
    assert {"2A", "2B", "20", "97", "99"} <= set(heads)
    assert 0.05 < heads["99"] / len(born) < 0.15


def test_the_keys_of_numbers_are_right_unless_the_truth_says_otherwise(made):
    mistakes = {(one["SOURCE"], one["LOCAL"]): one["MISTAKES"] for one in truth(made, "records")}
    seen = Counter[NirKey]()
    for hospital in range(1, 5):
        for patient in rows(made / f"hospital-{hospital}" / "delivery-1" / "patients.csv"):
            if patient["SSN"]:
                key = nir(patient["SSN"]).key
                wrong = Mistake.NUMBER_KEY_WRONG in mistakes[f"hospital-{hospital}", patient["Id"]].split("+")
                assert (key is NirKey.WRONG) == wrong
                seen[key] += 1
    assert seen[NirKey.RIGHT] > 200 and seen[NirKey.WRONG] > 0


def test_twins_are_born_together_and_the_claims_base_tells_those_of_one_sex_by_their_rank(made):
    everybody = {person["PERSON"]: person for person in truth(made, "people")}
    second = [person for person in everybody.values() if person["BIRTH_RANK"] == "2"]
    assert len(second) >= 10
    records = defaultdict(list)
    for record in truth(made, "records"):
        records[record["PERSON"]].append(record)
    alike = 0
    for twin in second:
        first = everybody[twin["TWIN_OF"]]
        assert (first["BORN"], first["BIRTHPLACE"], first["FAMILY"]) == (
            twin["BORN"],
            twin["BIRTHPLACE"],
            twin["FAMILY"],
        )
        if first["SEX"] == twin["SEX"]:
            alike += 1
            insured = [{r["LOCAL"] for r in records[who["PERSON"]] if r["SOURCE"] == "snds"} for who in (first, twin)]
            assert {one.rsplit("/", 1)[0] for one in insured[0]} == {one.rsplit("/", 1)[0] for one in insured[1]}
            assert not insured[0] & insured[1]
    assert alike > 0


def test_identities_differ_from_the_truth_only_where_the_truth_says_so(made):
    everybody = {person["PERSON"]: person for person in truth(made, "people")}
    known = {(one["SOURCE"], one["LOCAL"]): one for one in truth(made, "records")}
    wrong = Counter[str]()
    for hospital in range(1, 5):
        for delivery in (1, 2):
            for patient in rows(made / f"hospital-{hospital}" / f"delivery-{delivery}" / "patients.csv"):
                record = known.pop((f"hospital-{hospital}", patient["Id"]))
                person = everybody[record["PERSON"]]
                named = set(filter(None, record["MISTAKES"].split("+")))
                wrong.update(named)
                assert _mistakes(person, patient) <= named
    assert {source for source, _ in known} == {"snds"}, "every record that the truth knows was delivered, once"
    assert wrong[Mistake.NUMBER_MISSING] > wrong[Mistake.NAME_TYPED_WRONG] > 0 and wrong[Mistake.BIRTH_DATE_WRONG] > 0


def _mistakes(person: dict[str, str], patient: dict[str, str]) -> set[str]:
    found = set()
    if not patient["SSN"]:
        found.add(Mistake.NUMBER_MISSING)
    elif patient["SSN"][:13] == person["WAITING_NIR"]:
        found.add(Mistake.SECOND_NUMBER)
    elif patient["SSN"][:13] != person["NIR"]:
        found.add(Mistake.NUMBER_OF_A_PARENT)
    if patient["BIRTHDATE"] != person["BORN"]:
        found.add(Mistake.BIRTH_DATE_WRONG)
    if not patient["BIRTHPLACE"]:
        found.add(Mistake.PLACE_MISSING)
    names = {plain_name(person["FAMILY_NAME"]), plain_name(person["USED_NAME"])}
    if plain_name(patient["FIRST"]) != plain_name(person["GIVEN"]) or plain_name(patient["LAST"]) not in names:
        exchanged = plain_name(patient["LAST"]) == plain_name(person["GIVEN"])
        found.add(Mistake.NAMES_EXCHANGED if exchanged else Mistake.NAME_TYPED_WRONG)
    return found


def test_every_row_that_cannot_be_used_is_listed_with_its_line_and_no_other_is_bad(made):
    listed = defaultdict(dict)
    for bad in truth(made, "bad-rows"):
        listed[bad["SOURCE"], bad["DELIVERY"], bad["FILE"]][int(bad["LINE"])] = (bad["COLUMN"], bad["REASON"])
    end = f"{ASKED.first_year + ASKED.years}-02-15"
    seen = Counter[str]()
    for hospital in range(1, 5):
        source = f"hospital-{hospital}"
        born = {}
        for delivery in ("1", "2"):
            folder = made / source / f"delivery-{delivery}"
            born |= {patient["Id"]: patient["BIRTHDATE"] for patient in rows(folder / "patients.csv")}
            for name, column in (("conditions", "START"), ("medications", "START"), ("observations", "DATE")):
                for line, row in enumerate(rows(folder / f"{name}.csv"), start=2):
                    expected = listed[source, delivery, name].get(line)
                    reason = _badness(row, column, born, end)
                    assert reason == (expected and expected[1]), (source, delivery, name, line)
                    seen.update([reason] if reason else [])
    assert set(seen) == {reason.value for reason in Badness}


def _badness(row: dict[str, str], column: str, born: dict[str, str], end: str) -> str | None:
    day = row[column][:10]
    if row["PATIENT"] not in born:
        return Badness.UNKNOWN_PATIENT
    if re.fullmatch(r"\d{4}-\d\d-\d\d", day) is None or day.startswith("0000") or day == "2021-02-30":
        return Badness.BROKEN_DATE
    if day > end:
        return Badness.FUTURE
    if day[:4] < str(ASKED.first_year) or day < str(int(born[row["PATIENT"]][:4]) - 2):
        return Badness.BEFORE_BIRTH
    if row["CODE"] in {"410.9", "3990707"}:
        return Badness.RETIRED_CODE
    if "O" in row.get("VALUE", ""):
        return Badness.NO_NUMBER
    return None


def test_the_second_delivery_adds_changes_and_removes_what_the_truth_says(made):
    changes = defaultdict(dict)
    for change in truth(made, "changes"):
        changes[change["SOURCE"]][change["KEY"]] = change["CHANGE"]
    kinds = Counter[str]()
    for hospital in range(1, 5):
        source = f"hospital-{hospital}"
        first, second = (
            {row["Id"]: row for row in rows(made / source / f"delivery-{delivery}" / "encounters.csv")}
            for delivery in (1, 2)
        )
        removed = {row["KEY"] for row in rows(made / source / "delivery-2" / "removed.csv")}
        told = dict.fromkeys(removed, "removed")
        told |= {key: "changed" if key in first else "added" for key in second}
        assert told == changes[source]
        assert removed <= set(first) and not removed & set(second)
        assert all(first[key] != row for key, row in second.items() if key in first)
        kinds.update(told.values())
    assert set(kinds) == {"added", "changed", "removed"}


def test_a_whole_second_delivery_is_the_first_with_its_changes_applied(tmp_path):
    asked = Asked(people=300, hospitals=1, seed=5, years=2, block=150, late=0.5, bad_rows=0)
    generate(asked, tmp_path / "changes")
    generate(replace(asked, whole=True), tmp_path / "whole")
    for source, table, key in (
        ("hospital-1", "encounters", ("Id",)),
        ("snds", "ER_PRS_F", ("DCT_ORD_NUM", "FLX_EMT_NUM", "FLX_EMT_ORD")),
        ("snds", "T_MCOaaB", ("ETA_NUM", "RSA_NUM")),
    ):
        first, second, whole = (
            {"/".join(row[column] for column in key): None for row in rows(tmp_path / place / f"{table}.csv")}
            for place in (f"changes/{source}/delivery-1", f"changes/{source}/delivery-2", f"whole/{source}/delivery-2")
        )
        removed = {row["KEY"] for row in rows(tmp_path / "changes" / source / "delivery-2" / "removed.csv")}
        assert set(whole) == (set(first) - removed) | set(second) and second, table
    before, after = (tmp_path / "whole" / "snds" / f"delivery-{number}" for number in (1, 2))
    assert {path.name for path in before.iterdir()} == {path.name for path in after.iterdir()}
    assert (before / "IR_BEN_R.csv").read_bytes() == (after / "IR_BEN_R.csv").read_bytes()


def test_tables_of_the_claims_base_have_the_columns_and_keys_of_the_snds(made):
    folder = made / "snds" / "delivery-1"
    insured = {(row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]) for row in rows(folder / "IR_BEN_R.csv")}
    bad = {int(row["LINE"]) for row in truth(made, "bad-rows") if (row["FILE"], row["DELIVERY"]) == ("ER_PRS_F", "1")}
    join = ("DCT_ORD_NUM", "FLX_EMT_NUM", "FLX_EMT_ORD", "PRS_ORD_NUM")
    paid = Counter()
    for line, row in enumerate(rows(folder / "ER_PRS_F.csv"), start=2):
        assert line in bad or (row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]) in insured
        paid[tuple(row[column] for column in join)] += 1
    assert set(paid.values()) == {1}
    for name in ("ER_PHA_F", "ER_BIO_F"):
        assert all(tuple(row[column] for column in join) in paid for row in rows(folder / f"{name}.csv"))
    stays = {(row["ETA_NUM"], row["RSA_NUM"]) for row in rows(folder / "T_MCOaaB.csv")}
    assert stays == {(row["ETA_NUM"], row["RSA_NUM"]) for row in rows(folder / "T_MCOaaC.csv")}
    assert all((row["ETA_NUM"], row["RSA_NUM"]) in stays for row in rows(folder / "T_MCOaaD.csv"))


def test_a_childs_two_beneficiaries_share_the_number_of_the_child(made):
    by_person = defaultdict(list)
    for record in truth(made, "records"):
        if record["SOURCE"] == "snds":
            by_person[record["PERSON"]].append(record["LOCAL"])
    insured = {f"{r['BEN_NIR_PSA']}/{r['BEN_RNG_GEM']}": r for r in rows(made / "snds" / "delivery-1" / "IR_BEN_R.csv")}
    both = [locals_ for locals_ in by_person.values() if len(locals_) == 2]
    assert len(both) > 20
    for first, second in both:
        assert first != second and insured[first]["BEN_NIR_ANO"] == insured[second]["BEN_NIR_ANO"]


def test_diclofenac_raises_the_rate_of_bleeds_by_what_was_chosen():
    """The known answer: chance leaves the ratio near 12, and near 1 where nothing was chosen."""

    def ratio(effect: float) -> float:
        asked = Asked(people=20_000, seed=2, effect=effect)
        total = Counted()
        for block in range(asked.blocks):
            living = people(asked, block)
            total += counted(asked, living, lives(asked, block, living))
        assert total.rate_ratio is not None
        return total.rate_ratio

    assert 8 < ratio(12.0) < 18
    assert ratio(1.0) < 3


def test_the_old_die_the_flu_comes_in_winter_and_women_give_birth():
    asked = Asked(people=10_000, seed=8)
    living = people(asked, 0)
    seen = lives(asked, 0, living).encounters
    age_at_death = (living.died - living.born)[living.died < NEVER] / 365.25
    assert numpy.median(age_at_death) > 70
    flu = (seen.day[seen.condition == 9].astype("datetime64[D]").astype("datetime64[M]").astype(int)) % 12 + 1
    assert numpy.isin(flu, (12, 1, 2, 3)).mean() > 0.5
    births = seen.person[seen.condition == 14]
    assert len(births) > 100 and living.female[births].all()


def test_the_register_refuses_to_give_a_number_twice():
    given = register.orders(numpy.array([7, 9, 7, 7]))
    assert given.tolist() == [1, 1, 2, 3]
    with pytest.raises(Invalid, match="no numbers left"):
        register.orders(numpy.zeros(1_000, dtype=numpy.int64))
