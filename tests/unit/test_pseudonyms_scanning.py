"""Every pseudonym in a file is found, and nothing else. R-093: identifiable in its output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.notation import Domain, Writing
from nexus.pseudonyms.scanning import Findings, scan

PRJA, PRJB = Domain("PRJA", 1), Domain("PRJB", 7)


def some(domain, count):
    return [Writing(domain).write(os.urandom(20)) for _ in range(count)]


def test_they_are_found_between_anything_that_is_no_letter_or_digit():
    one, two = some(PRJA, 2)
    findings = Findings()
    findings.look_at(f'"{one}",{two};x\t{one}\n({two})é{one}'.encode())
    assert findings.pseudonyms == {PRJA: 5}
    assert len(findings.distinct[PRJA]) == 2


def test_what_is_part_of_a_longer_word_or_mistyped_is_none():
    one = some(PRJA, 1)[0]
    wrong = one[:-1] + ("0" if one[-1] != "0" else "1")
    findings = Findings()
    findings.look_at(f"x{one} {one}9 {one.lower()} {wrong}".encode())
    assert findings.total == 0
    assert findings.mistyped == 1


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 300), min_size=1, max_size=20), glue=st.sampled_from([b"-", b" ", b"A", b"A-"]))
def test_none_is_lost_or_counted_twice_at_the_edge_of_a_chunk(tmp_path_factory, lengths, glue):
    path = tmp_path_factory.mktemp("scan") / "notes.txt"
    pseudonyms = some(PRJB, len(lengths))
    path.write_bytes(
        b"".join(glue * length + b"\n" + one.encode() + b"," for one, length in zip(pseudonyms, lengths, strict=True))
    )
    whole = scan(path)
    assert scan(path, chunk_bytes=97) == whole
    assert whole.pseudonyms == {PRJB: len(lengths)}


def test_parquet_columns_of_every_shape_are_searched(tmp_path):
    plain, listed, inside, coded, raw = some(PRJA, 5)
    table = pyarrow.table(
        {
            "person": [plain, None],
            "others": [[listed], []],
            "nested": [{"id": inside}, None],
            "coded": pyarrow.array([coded, coded]).dictionary_encode(),
            "raw": pyarrow.array([raw.encode(), None], pyarrow.binary()),
            "age": [41, 12],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "release.parquet", compression="zstd")
    assert scan(tmp_path / "release.parquet").pseudonyms == {PRJA: 6}


def test_a_broken_parquet_file_is_no_clean_file(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + os.urandom(100))
    with pytest.raises(Invalid):
        scan(tmp_path / "broken.parquet")


def test_what_a_parquet_file_holds_beside_its_rows_is_searched_too(tmp_path):
    """Metadata of the file and of fields, names of columns, statistics, values of a dictionary that no row uses: each once."""
    keyed, noted, named, unused, used = some(PRJA, 5)
    coded = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0, 0], pyarrow.int32()), pyarrow.array([used, unused]))
    schema = pyarrow.schema(
        [pyarrow.field("coded", coded.type, metadata={"example": noted}), pyarrow.field(named, pyarrow.int64())],
        metadata={"made from": keyed},
    )
    table = pyarrow.table([coded, pyarrow.array([1, 2])], schema=schema)
    for compression in ("zstd", "none"):
        pyarrow.parquet.write_table(table, tmp_path / "beside.parquet", compression=compression)
        found = scan(tmp_path / "beside.parquet")
        assert found.distinct[PRJA] == {one.encode() for one in (keyed, noted, named, unused, used)}
        assert found.pseudonyms == {PRJA: 6}


def test_bytes_of_one_length_and_values_of_extension_types_are_searched(tmp_path):
    one, two = some(PRJB, 2)
    fixed = pyarrow.array([one.encode()], pyarrow.binary(len(one)))
    json_type = pyarrow.json_(pyarrow.string())
    columns = {"fixed": fixed, "json": pyarrow.array([f'{{"who": "{two}"}}']).cast(json_type)}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "kinds.parquet", compression="zstd")
    assert scan(tmp_path / "kinds.parquet").pseudonyms == {PRJB: 2}


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.integers(-1, 4), max_size=40),
    packed=st.booleans(),
    dictionary=st.booleans(),
    group=st.integers(1, 9),
)
def test_in_parquet_each_one_is_counted_as_often_as_rows_say_it(tmp_path_factory, rows, packed, dictionary, group):
    path = tmp_path_factory.mktemp("scan") / "rows.parquet"
    known = some(PRJA, 5)
    texts = pyarrow.array([None if row < 0 else f"see {known[row]}, {known[0]}" for row in rows], pyarrow.string())
    how = {"compression": "zstd" if packed else "none", "use_dictionary": dictionary, "row_group_size": group}
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path, **how)
    found = scan(path)
    assert found.total == 2 * sum(row >= 0 for row in rows)
    held = {known[row].encode() for row in rows if row >= 0}
    assert found.distinct.get(PRJA, set()) == (held | {known[0].encode()} if held else set())


def test_a_parquet_file_under_a_key_of_its_own_is_no_clean_file(tmp_path):
    (tmp_path / "locked.parquet").write_bytes(b"PARE" + os.urandom(100) + b"PARE")
    with pytest.raises(Invalid, match="encrypted"):
        scan(tmp_path / "locked.parquet")


def test_the_command_guards_an_exit(tmp_path):
    """Exit code 1 and a count for each domain; 0 and a plain word where there is nothing."""
    (tmp_path / "clean.csv").write_text("a,b\n1,2\n")
    (tmp_path / "leak.csv").write_text("\n".join(some(PRJA, 3) + some(PRJB, 1)))

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "nexus", "pseudonyms", "scan", *arguments, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )

    found = command(str(tmp_path))
    assert found.returncode == 1, found.stderr
    documents = {Path(one["file"]).name: one for one in json.loads(found.stdout)["files"]}
    assert [(one["domain"], one["found"]) for one in documents["leak.csv"]["domains"]] == [("PRJA", 3), ("PRJB", 1)]
    assert command(str(tmp_path / "clean.csv")).returncode == 0
    assert command(str(tmp_path / "missing.csv")).returncode == 2
