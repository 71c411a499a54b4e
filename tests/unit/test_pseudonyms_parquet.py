"""Parquet files lose what says who somebody is and get pseudonyms; nothing else of the old file comes along. EMC-07, R-093."""

import asyncio
import datetime as dt
import io
from decimal import Decimal

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel import apart
from nexus.kernel.errors import Conflict, Invalid
from nexus.pseudonyms import flat_tables
from nexus.pseudonyms.messages import NirGiven, TraitsGiven, read
from nexus.pseudonyms.parquet_rewriting import ParquetRewriting
from nexus.pseudonyms.requests import IdentityColumns
from simulators.encrypted_parquet import encrypted

NIR = "1841276451089"
NIRS = IdentityColumns(nir="nir")


class Stored:
    """An object of a store, in memory."""

    def __init__(self, content: bytes) -> None:
        self.content, self.size, self.parts = content, len(content), 0

    async def part(self, first: int, length: int) -> bytes:
        self.parts += 1
        return self.content[first : first + length]


async def pseudonymise(people):
    return [f"P:{read(one).canonical().decode()}" for one in people]


def rewritten(content, columns=NIRS, ask=pseudonymise, *, batch=3) -> bytes:
    async def run():
        made = ParquetRewriting(batch=batch).identities(Stored(content), columns, ask)
        return b"".join([piece async for piece in made])

    return asyncio.run(run())


def exchanged(content, columns, ask, *, batch=3) -> bytes:
    async def run():
        made = ParquetRewriting(batch=batch).pseudonyms(Stored(content), columns, ask)
        return b"".join([piece async for piece in made])

    return asyncio.run(run())


def parquet(columns, **how) -> bytes:
    sink = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), sink, **how)
    return sink.getvalue()


def table(content: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(content))


def types(content: bytes) -> dict[str, tuple[str, str]]:
    schema = pq.ParquetFile(io.BytesIO(content)).schema
    return {
        each.name: (each.physical_type, str(each.logical_type)) for each in map(schema.column, range(len(schema.names)))
    }


VALUES = {
    "text": (st.text(max_size=9), pa.string()),
    "coded": (st.sampled_from("abc"), pa.dictionary(pa.int32(), pa.string())),
    "large": (st.text(max_size=9), pa.large_string()),
    "raw": (st.binary(max_size=9), pa.binary()),
    "fixed": (st.binary(min_size=4, max_size=4), pa.binary(4)),
    "small": (st.integers(-128, 127), pa.int8()),
    "unsigned": (st.integers(0, 2**64 - 1), pa.uint64()),
    "real": (st.floats(allow_nan=False), pa.float64()),
    "exact": (st.decimals(-999, 999, places=2), pa.decimal128(9, 2)),
    "day": (st.dates(), pa.date32()),
    "moment": (st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)), pa.timestamp("us")),
    "zoned": (st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)), pa.timestamp("us", "UTC")),
    "hour": (st.times(), pa.time64("us")),
    "yes": (st.booleans(), pa.bool_()),
}


@settings(max_examples=8, deadline=None)
@given(data=st.data(), count=st.integers(0, 12), batch=st.integers(1, 5))
def test_every_value_stays_in_its_row_and_keeps_its_type(data, count, batch):
    many = {"min_size": count, "max_size": count}
    columns = {
        name: pa.array(data.draw(st.lists(st.none() | values, **many)), kind) for name, (values, kind) in VALUES.items()
    }
    numbers = data.draw(st.lists(st.integers(0, 99_999), **many))
    nirs = [f"18412764{number:05d}" for number in numbers]
    source = parquet(
        {"before": pa.array(numbers, pa.int32()), "nir": pa.array(nirs, pa.string()), **columns}, row_group_size=4
    )
    made = rewritten(source, batch=batch)
    assert table(made).column_names == ["pseudonym", "before", *columns]
    assert table(made)["pseudonym"].to_pylist() == [f"P:nir/1\0{nir}" for nir in nirs]
    was = table(source)
    for name in ("before", *columns):
        assert table(made)[name].to_pylist() == was[name].to_pylist(), name
        assert types(made)[name] == types(source)[name]


NAME = "DUPONT MARTINE"


def leaky(column: str) -> bytes:
    """An identity in metadata of the file and of a field, in statistics, and in a dictionary where no row uses it."""
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 0], pa.int32()), pa.array(["kept", NAME]))
    schema = pa.schema(
        [
            pa.field(column, pa.string(), metadata={"example": NIR}),
            pa.field("ward", coded.type, metadata={"of": NAME}),
        ],
        metadata={"extracted for": NAME, "table": NIR},
    )
    rows = pa.table([pa.array([NIR, NIR]), coded], schema=schema)
    return parquet(rows, compression="none", write_page_index=True)


def test_nothing_of_the_old_file_comes_along_but_its_rows():
    assert NIR.encode() in leaky("nir") and NAME.encode() in leaky("nir")
    made = {
        "pseudonym": rewritten(leaky("nir"), ask=nameless),
        "who": exchanged(leaky("who"), ["who"], nameless),
    }
    for first, content in made.items():
        assert table(content).to_pydict() == {first: ["P", "P"], "ward": ["kept", "kept"]}
        unpacked = parquet(table(content), compression="none", store_schema=False)
        for text in (NIR, NAME):
            assert text.encode() not in content and text.encode() not in unpacked
        assert set(pq.ParquetFile(io.BytesIO(content)).metadata.metadata or {}) <= {b"ARROW:schema"}
        read_back = pq.read_schema(io.BytesIO(content))
        assert not read_back.metadata and not any(field.metadata for field in read_back)


async def nameless(people):
    return ["P"] * len(people)


def test_numbers_and_days_say_who_somebody_is_as_texts_do():
    seen = []

    async def ask(people):
        seen.extend(people)
        return ["P"] * len(people)

    columns = IdentityColumns(
        nir="nir", family_name="last", given_name="first", born="born", sex="sex", commune="place", subject="sub"
    )
    rows = {
        "nir": pa.array([int(NIR), None]),
        "last": ["", "Lefèvre"],
        "first": [None, "Zoé"],
        "born": pa.array([None, dt.date(1980, 5, 2)]),
        "sex": pa.array([1, 2], pa.int8()),
        "place": ["", "75112"],
        "sub": ["sub_1", None],
        "dose": [Decimal("1.5"), None],
    }
    made = table(rewritten(parquet(rows), columns, ask)).to_pydict()
    assert made == {"pseudonym": ["P", "P"], "dose": [Decimal("1.5"), None]}
    assert seen == [
        NirGiven(NIR, "sub_1"),
        TraitsGiven("Lefèvre", "Zoé", dt.date(1980, 5, 2), seen[1].sex, "75112"),
    ]


def test_pseudonyms_are_exchanged_in_every_column_that_was_named_and_nowhere_else():
    async def ask(old):
        return [f"{one}!" for one in old]

    source = parquet({"who": ["A", "B", ""], "mother": ["B", None, "B"], "text": ["A", "B", "A"]})
    assert table(exchanged(source, ["who", "mother"], ask, batch=2)).to_pydict() == {
        "who": ["A!", "B!", ""],
        "mother": ["B!", None, "B!"],
        "text": ["A", "B", "A"],
    }


def test_a_file_is_read_in_pieces_and_written_in_bounded_row_groups(monkeypatch):
    monkeypatch.setattr(flat_tables, "GROUP_ROWS", 1_000)
    source = Stored(parquet({"nir": [NIR] * 5_000, "n": list(range(5_000))}))
    pieces = []

    async def run():
        async for piece in ParquetRewriting(batch=500).identities(source, NIRS, nameless):
            pieces.append(piece)

    asyncio.run(run())
    made = pq.ParquetFile(io.BytesIO(b"".join(pieces))).metadata
    assert [made.row_group(n).num_rows for n in range(made.num_row_groups)] == [1_000] * 5
    assert len(pieces) >= 5 and source.parts == 1


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if any("parquet_child" in word for word in each.cmdline())]


def bomb() -> bytes:
    """Some thirty kilobytes that say one long text a million times."""
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int32()), pa.array(["x" * (1 << 19)]))
    return parquet({"nir": pa.array([NIR] * 1_000_000), "note": long}, compression="zstd")


def locked(plain_footer: bool) -> bytes:
    return encrypted(pa.table({"nir": [NIR], "n": [1]}), "nir", plain_footer=plain_footer)


GOOD = parquet({"nir": [NIR] * 100, "n": list(range(100))})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "broken", id="nothing"),
        pytest.param(b"PAR1", "broken", id="a magic number alone"),
        pytest.param(GOOD[:-4] + b"PAR2", "broken", id="another magic number at its end"),
        pytest.param(GOOD[:-1000] + bytes(992) + GOOD[-8:], "broken", id="a footer of zeros"),
        pytest.param(GOOD[:-8] + b"\xff\xff\xff\x7fPAR1", "broken", id="a footer longer than the file"),
        pytest.param(GOOD[:4] + bytes(200) + GOOD[204:], "broken", id="pages that are none"),
        pytest.param(locked(plain_footer=False), "encrypted", id="an encrypted footer"),
        pytest.param(locked(plain_footer=True), "encrypted", id="encrypted columns"),
        pytest.param(parquet({"nir": [NIR], "codes": [["a"]]}), "column 2 is nested", id="a list"),
        pytest.param(parquet({"nir": [NIR], "x": [{"a": 1}]}), "column 2 is nested", id="a structure"),
        pytest.param(
            parquet({"nir": [NIR], "x": pa.array([1], pa.duration("s"))}), "type", id="a type that is not kept"
        ),
        pytest.param(parquet({"other": [NIR]}), "not there", id="no such column"),
        pytest.param(parquet(pa.table([[NIR], [NIR]], ["nir", "nir"])), "one name", id="a name twice"),
        pytest.param(parquet({"nir": [NIR], "pseudonym": ["x"]}), "there already", id="the name of what comes"),
        pytest.param(parquet({"nir": [1.5]}), "another type", id="a fraction as a NIR"),
        pytest.param(parquet({"nir": [NIR, None]}), "row 2 says neither", id="nobody"),
        pytest.param(parquet({"nir": ["x" * 600]}), "more than 512", id="a long text as a NIR"),
        pytest.param(bomb(), "MiB", id="a value repeated a million times"),
        pytest.param(parquet({"nir": [NIR], "x": ["y" * (2 << 20)]}), "MiB", id="a value of two MiB"),
    ],
)
def test_what_is_not_read_here_is_refused_without_being_quoted(content, says):
    with pytest.raises(Invalid, match=says) as refused:
        rewritten(content, batch=10_000)
    assert NIR not in refused.value.message + refused.value.hint


@settings(max_examples=10, deadline=None)
@given(at=st.integers(4, len(GOOD) - 1), mask=st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_read_never_a_crash(at, mask):
    damaged = bytearray(GOOD)
    damaged[at] ^= mask
    try:
        rewritten(bytes(damaged), ask=nameless)
    except Invalid as refused:
        assert NIR not in refused.message


@pytest.mark.parametrize(("limit", "value"), [("MAX_CHUNK_BYTES", 100), ("MAX_ROWS", 99), ("MAX_COLUMNS", 1)])
def test_what_a_footer_announces_is_bounded_before_anything_is_unpacked(limit, value, monkeypatch):
    monkeypatch.setattr(flat_tables, limit, value)
    with pytest.raises(Invalid, match="too large"):
        flat_tables.FlatTable(io.BytesIO(GOOD))


def test_the_process_that_reads_has_bounds_and_nothing_of_the_platforms_settings(monkeypatch):
    """It waits for a block: that is when it is looked at."""
    monkeypatch.setenv("NEXUS_SECRET", "of the platform")
    seen = {}

    class Watched(Stored):
        async def part(self, first, length):
            if not seen:
                (child,) = children()
                seen.update(
                    {name: child.rlimit(getattr(psutil, f"RLIMIT_{name}")) for name in ("DATA", "CORE", "FSIZE")}
                )
                seen["environment"] = set(child.environ())
            return await super().part(first, length)

    async def run():
        return [piece async for piece in ParquetRewriting().identities(Watched(GOOD), NIRS, nameless)]

    asyncio.run(run())
    assert "NEXUS_SECRET" not in seen.pop("environment")
    bytes_ = apart.MEMORY_BYTES
    assert seen == {"DATA": (bytes_, bytes_), "CORE": (0, 0), "FSIZE": (0, 0)}
    assert not children(), "it ended with the file"


def test_an_error_of_the_store_stays_that_error():
    """A content that came in its place meanwhile is no broken file."""

    class Replaced(Stored):
        async def part(self, first, length):
            raise Conflict("another content", code="objects.precondition-failed")

    async def run():
        return [piece async for piece in ParquetRewriting().identities(Replaced(GOOD), NIRS, nameless)]

    with pytest.raises(Conflict, match="another content"):
        asyncio.run(run())


def test_a_number_that_is_no_nir_is_refused_by_its_place():
    async def refuse(people):
        return [read(one) and "P" for one in people]

    with pytest.raises(Invalid, match="after row 3"):
        rewritten(parquet({"nir": [NIR] * 3 + ["12345"]}), ask=refuse)
    assert pc.all(pc.equal(table(rewritten(GOOD))["n"], pa.array(range(100)))).as_py()
