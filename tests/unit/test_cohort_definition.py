"""Definitions of cohorts: what is read, and what is refused with its place."""

from datetime import date

import pytest

from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts.definition import MAX_BYTES, Kind, Occurrence, Trait, read

HEAD = 'version = 1\nname = "stroke"\ntitle = "First stroke"\n'
INDEX = '[index]\nevent = { kind = "condition", concepts = [372924] }\n'
WHOLE = (
    HEAD
    + """
[index]
event = { kind = "condition", concepts = [372924], codes = ["I63", "I64*"], descendants = false }
occurrence = "any"
at_least = 2
washout_days = 365
from = 2018-01-01
until = 2023-12-31

[[include]]
name = "adults"
age = { min = 18, max = 90 }

[[exclude]]
name = "high glucose"
event = { kind = "measurement", concepts = [3004501], value = { min = 126.5 }, units = [8840] }
window = { from = -365, to = -1 }
at_least = 2

[controls]
ratio = 3
seed = 7
exact = ["sex", "site"]
age_years = 2
follow_up_days = 90
"""
)


def test_every_part_is_read():
    found = read(WHOLE.encode())
    assert found.index.occurrence is Occurrence.ANY and found.index.first_day == date(2018, 1, 1)
    assert found.exclude[0].event is not None and found.exclude[0].event.kind is Kind.MEASUREMENT
    assert found.exclude[0].window is not None and found.exclude[0].window.start == -365
    assert found.controls is not None and found.controls.exact == (Trait.SEX, Trait.SITE)


WRONG = {
    "no TOML: ": "version = ",
    "line 2": "version = 1\nname = stroke",
    "missing required field `index`": HEAD,
    "version 2 is not known": (HEAD + INDEX).replace("version = 1", "version = 2"),
    "unknown field `washout`": HEAD + INDEX + "washout = 3",
    "include[0].window": HEAD + INDEX + '[[include]]\nname = "x y"\nevent = {kind="drug", concepts=[1]}\nwindow = {from=1, to=0}',
    "include[0]: say exactly one": HEAD + INDEX + '[[include]]\nname = "x y"\nage = {min=1}\nsex = [8507]',
    "exclude[1]: say exactly one": HEAD + INDEX + '[[exclude]]\nname = "one"\nsex=[8507]\n[[exclude]]\nname = "two"',
    "include: two criteria have the same name": HEAD + INDEX + '[[include]]\nname = "ab"\nsex=[8507]\n' * 2,
    "include[0].age: min is greater": HEAD + INDEX + '[[include]]\nname = "ab"\nage = {min=9, max=3}',
    "include[0].age: say min": HEAD + INDEX + '[[include]]\nname = "ab"\nage = {}',
    "include[0].age: min and max are numbers": HEAD + INDEX + '[[include]]\nname = "ab"\nage = {min=nan}',
    "include[0]: window and at_least": HEAD + INDEX + '[[include]]\nname = "ab"\nage = {min=3}\nat_least = 2',
    "index.event: say which": HEAD + '[index]\nevent = { kind = "condition" }',
    "index.event.codes[0]": HEAD + "[index]\nevent = { kind = \"condition\", codes = [\"I2' OR 1=1 --\"] }",
    "index.event: only measurements": HEAD + '[index]\nevent = { kind = "drug", concepts = [1], value = { min = 1 } }',
    "index: `from` is later": HEAD + INDEX + "from = 2020-01-02\nuntil = 2020-01-01",
    "index.event.kind": HEAD + '[index]\nevent = { kind = "gene", concepts = [1] }',
    "controls.ratio": HEAD + INDEX + "[controls]\nratio = 0\nseed = 1",
    "missing required field `seed`": HEAD + INDEX + "[controls]\nratio = 1",
    "controls.index_days": HEAD + INDEX + "[controls]\nratio = 1\nseed = 1\nindex_days = 3",
    "controls.exact: a trait": HEAD + INDEX + '[controls]\nratio = 1\nseed = 1\nexact = ["sex", "sex"]',
    "controls.age_years": HEAD + INDEX + "[controls]\nratio = 1\nseed = 1\nage_years = nan",
    "balance[0]: only an event": HEAD + INDEX + '[[balance]]\nname = "ab"\nsex = [8507]',
    "at most 256 KiB": "#" * (MAX_BYTES + 1),
}  # fmt: skip


@pytest.mark.parametrize("place", WRONG)
def test_what_is_wrong_is_said_with_its_place(place):
    with pytest.raises(Invalid) as caught:
        read(WRONG[place].encode())
    assert place in caught.value.message
    assert caught.value.code == "warehouse.cohort-definition"


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(Invalid, match="no TOML"):
        read(b"\xff\xfe")
