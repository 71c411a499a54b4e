"""Identities in one canonical form. R-093: one identity, one pseudonym, whoever wrote it down."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.identity import (
    BirthTraits,
    NirKey,
    Sex,
    agrees,
    birth_traits,
    nir,
    nir_key,
    plain_name,
)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("184127645108946", NirKey.RIGHT),
        ("1 84 12 76 451 089 46", NirKey.RIGHT),
        ("1841276451089", NirKey.ABSENT),
        ("184127645108947", NirKey.WRONG),
        ("2 55 08 2A 168 001 89", NirKey.WRONG),
    ],
)
def test_a_nir_is_its_thirteen_characters_whatever_its_key(text, key):
    found = nir(text)
    assert found.key is key
    assert len(found.characters) == 13


def test_the_key_counts_corsica_as_nineteen_and_eighteen():
    """INSEE: 2A counts as 19, 2B as 18; the keys were computed by hand from 97 - n mod 97."""
    assert nir_key("255082A168001") == f"{97 - 2550819168001 % 97:02d}"
    assert nir_key("255082B168001") == f"{97 - 2550818168001 % 97:02d}"
    assert nir("255082a168001" + nir_key("255082A168001")).key is NirKey.RIGHT


@pytest.mark.parametrize(
    "text",
    ["", "18412764510", "384127645108946x", "984127645108946", "184137645108946", "184002C451089", "１841276451089"],
)
def test_what_is_no_nir_is_refused_and_not_quoted(text):
    with pytest.raises(Invalid) as refused:
        nir(text)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("month", ["20", "42", "50", "99"])
def test_months_that_the_register_writes_for_unknown_ones_are_taken(month):
    assert nir(f"284{month}99100123").characters[3:5] == month


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Lefèvre-Dürand", "LEFEVREDURAND"),
        ("  d'Étienne ", "DETIENNE"),
        ("Œuvrard", "OEUVRARD"),
        ("GROẞ", "GROSS"),
        ("Groß", "GROSS"),
        ("Łukasz", "LUKASZ"),
        ("Le Floc\N{RIGHT SINGLE QUOTATION MARK}h", "LEFLOCH"),
        ("e\N{COMBINING ACUTE ACCENT}ve", "EVE"),
    ],
)
def test_names_are_compared_by_their_letters(written, plain):
    assert plain_name(written) == plain


@pytest.mark.parametrize("written", ["", "  ", "---", "李", "x" * 101])
def test_a_name_that_stands_for_nobody_is_refused(written):
    with pytest.raises(Invalid):
        plain_name(written)


def test_twins_of_one_sex_differ_by_their_rank():
    first, second = (
        birth_traits("Martin", "Zoé", date(2001, 2, 3), Sex.FEMALE, "75056", twin_rank=rank) for rank in (1, 2)
    )
    assert first.canonical() != second.canonical()


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_no_shift_of_letters_between_names_makes_one_person_of_two(one, two, three):
    """Fields are delimited: AB + C is not A + BC."""

    def made(family: str, given_name: str) -> BirthTraits | None:
        try:
            return birth_traits(family, given_name, date(1990, 1, 1), Sex.MALE, "2A004")
        except Invalid:
            return None

    left, right = made(one + two, three), made(one, two + three)
    if left and right and (left.family_name, left.given_name) != (right.family_name, right.given_name):
        assert left.canonical() != right.canonical()


def test_a_nir_and_traits_can_be_compared_for_contradiction():
    traits = birth_traits("Martin", "Paul", date(1984, 12, 24), Sex.MALE, "76451")
    assert agrees(nir("1841276451089"), traits)
    assert agrees(nir("1842076451089"), traits), "an unknown month contradicts nobody"
    assert not agrees(nir("2841276451089"), traits)
    assert not agrees(nir("1851276451089"), traits)
    assert not agrees(nir("1841176451089"), traits)


def test_identities_refuse_to_be_printed():
    assert "184127" not in f"{nir('1841276451089')!r}"
    assert "MARTIN" not in repr(birth_traits("Martin", "Paul", date(1984, 12, 24), Sex.MALE, "76451"))
