"""Files lose what says who somebody is and get pseudonyms, row by row, however they are cut up. EMC-07, R-093."""

import asyncio
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.messages import NirGiven, TraitsGiven, read
from nexus.pseudonyms.requests import IdentityColumns
from nexus.pseudonyms.rewriting import Rewriting

NIRS = IdentityColumns(nir="nir")


async def stream(content: bytes, size: int = 7):
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def pseudonymise(people):
    """A stand-in for the first level: the same for the same identity."""
    return [f"P:{read(one).canonical().decode()}" for one in people]


def rewritten(content: bytes, columns=NIRS, ask=pseudonymise, *, separator=",", batch=3, size=7) -> bytes:
    async def run():
        made = Rewriting(separator, batch=batch).identities(stream(content, size), columns, ask)
        return b"".join([piece async for piece in made])

    return asyncio.run(run())


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode())))


def test_columns_of_identities_leave_and_a_pseudonym_stands_in_their_place():
    made = table(rewritten(b"nir,ward,note\n1841276451089,A,x\n2690549588157,B,y\n"))
    assert made[0] == ["pseudonym", "ward", "note"]
    assert [row[1:] for row in made[1:]] == [["A", "x"], ["B", "y"]]
    assert made[1][0] != made[2][0]


def test_without_a_nir_traits_count_and_the_name_for_consent_travels_with_them():
    seen = []

    async def ask(people):
        seen.extend(people)
        return ["P"] * len(people)

    columns = IdentityColumns(
        nir="nir", family_name="last", given_name="first", born="born", sex="sex", commune="place", subject="sub"
    )
    content = (
        b"nir,last,first,born,sex,place,sub,dose\n"
        b"1841276451089,,,,,,sub_1,3\n,Lef\xc3\xa8vre,Zo\xc3\xa9,1980-05-02,2,75112,,4\n"
    )
    made = rewritten(content, columns, ask)
    assert table(made) == [["pseudonym", "dose"], ["P", "3"], ["P", "4"]]
    assert isinstance(seen[0], NirGiven) and seen[0].subject == "sub_1"
    assert isinstance(seen[1], TraitsGiven) and seen[1].family_name == "Lefèvre"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"other\n1\n", "not there"),
        (b"nir,nir\n1,1\n", "twice"),
        (b"nir,a\n1841276451089,1\n1841276451089\n", "row 2 has not as many"),
        (b"nir,a\n,1\n", "row 1 says neither"),
        (b"nir,a\n\xff\xfe,1\n", "UTF-8"),
        (b'nir,a\n"1841276451089,' + b"x" * (1 << 20) + b"\n", "does not end"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_row_without_being_quoted(content, says):
    with pytest.raises(Invalid, match=says) as refused:
        rewritten(content, size=1 << 16)
    assert "1841276451089" not in refused.value.message + refused.value.hint


def test_a_number_that_is_no_nir_is_refused_by_its_place():
    async def refuse(people):
        return [read(one) and "P" for one in people]

    with pytest.raises(Invalid, match="after row 3"):
        rewritten(b"nir\n" + b"1841276451089\n" * 3 + b"12345\n", ask=refuse)


@given(
    st.lists(
        st.tuples(st.integers(0, 99_999), st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=9)),
        max_size=9,
    ),
    st.integers(1, 5),
    st.integers(1, 40),
    st.sampled_from(",;\t|"),
)
def test_whatever_the_fields_hold_and_however_the_file_is_cut_each_row_keeps_its_own(rows, batch, size, separator):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerows([["note", "nir", "n"], *([note, f"18412764{number:05d}", str(number)] for number, note in rows)])
    made = rewritten(text.getvalue().encode(), separator=separator, batch=batch, size=size)
    found = list(csv.reader(io.StringIO(made.decode(), newline=""), delimiter=separator))
    assert found[0] == ["pseudonym", "note", "n"]
    assert found[1:] == [["P:nir/1\0" + f"18412764{number:05d}", note, str(number)] for number, note in rows]


def test_pseudonyms_are_exchanged_in_every_column_that_was_named_and_nowhere_else():
    async def ask(old):
        return [f"{one}!" for one in old]

    async def run():
        content = b"who,mother,text\nA,B,A\nB,,B\n"
        made = Rewriting(",", batch=1).pseudonyms(stream(content), ["who", "mother"], ask)
        return b"".join([piece async for piece in made])

    assert table(asyncio.run(run())) == [["who", "mother", "text"], ["A!", "B!", "A"], ["B!", "", "B"]]
