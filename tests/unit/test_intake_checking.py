"""What is wrong with a delivered file is said with file, line and column; what is right passes. EMC-07.

Each line of the issue's "bad input" that a file can show on its own has its test here.
"""

import gzip

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from nexus.warehouse.intake import unpacking
from nexus.warehouse.intake.agreement import Column, ColumnType, Encoding, FileKind, IdentifierKind, Table
from nexus.warehouse.intake.report import Fault, FlagReason
from simulators.extracts import ROW, STAYS, TODAY, Held, checked, many, rows_as_csv, said_of

COLUMNS = tuple(ROW)


def faults(result):
    return [(problem.fault, problem.line, problem.column) for problem in result.problems]


def flags(result):
    return {(flag.reason, flag.column): (flag.count, flag.lines) for flag in result.flags}


def test_a_file_as_agreed_passes_whatever_the_pieces_that_it_arrives_in():
    content = rows_as_csv(*many(300), {"note": 'il dit "aïe"; puis\nrien'}, *many(20))
    for piece in (1, 7, 1_000, 1 << 20):
        result = checked(content, 321, piece=piece)
        assert (result.problems, result.findings, result.flags) == ((), (), ())
        assert (result.file.rows, result.file.bytes) == (321, len(content))


def test_columns_may_come_in_any_order():
    assert checked(rows_as_csv({}, columns=COLUMNS[::-1]), 1).problems == ()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (COLUMNS[1:], [(Fault.COLUMN_MISSING, 1, "ipp")]),
        ((*COLUMNS, "ipp"), [(Fault.COLUMN_TWICE, 1, "ipp")]),
    ],
)
def test_a_missing_column_and_one_that_is_there_twice_are_named(columns, expected):
    assert faults(checked(rows_as_csv({}, columns=columns), 1)) == expected


def test_a_renamed_column_is_said_to_be_one_and_its_new_name_is_not_quoted():
    content = rows_as_csv({}).replace(b"diagnostic;", b"diagnostics;", 1)
    result = checked(content, 1)
    assert faults(result) == [(Fault.COLUMN_MISSING, 1, "diagnostic"), (Fault.COLUMN_UNKNOWN, 1, "#7")]
    assert "renamed" in result.problems[0].hint
    assert "diagnostics" not in str(result)


def test_another_separator_is_named():
    for separator, shown in ((",", "`,`"), ("\t", "a tab"), ("|", "`|`")):
        result = checked(rows_as_csv({}, separator=separator), 1)
        assert faults(result) == [(Fault.SEPARATOR, 1, "")]
        assert shown in result.problems[0].hint


def test_an_ambiguous_separator_is_found_on_the_line_where_it_stands():
    content = rows_as_csv(*many(5)).replace(b"douleur thoracique", b"douleur; thoracique", 3)
    broken = content.replace(b"douleur; thoracique", b"douleur thoracique", 2)
    result = checked(broken, 5)
    assert faults(result) == [(Fault.ROW_FORM, 4, "")]


def test_a_header_without_rows_is_a_table_without_rows_and_a_file_without_header_is_empty():
    assert checked(rows_as_csv(), 0).problems == ()
    assert faults(checked(b"", 0)) == [(Fault.EMPTY, 0, "")]
    assert faults(checked(b"\n", 0)) == [(Fault.EMPTY, 1, "")]


def test_data_where_the_header_should_be_is_not_quoted():
    content = rows_as_csv({"nom": "SECRETNAME"}).split(b"\n", 1)[1]
    result = checked(content, 0)
    assert Fault.COLUMN_UNKNOWN in {fault for fault, _, _ in faults(result)}
    assert "SECRETNAME" not in str(result)


# Encodings


def in_encoding(encoding):
    return msgspec.structs.replace(STAYS, encoding=encoding)


def test_a_broken_encoding_is_found_on_its_line_even_between_two_pieces():
    content = rows_as_csv(*many(50, note="très fatigué")).replace("très".encode(), b"tr\xe8s", 50)
    whole = rows_as_csv(*many(30, note="très fatigué"))
    for piece in (1, 64, 1 << 16):
        assert faults(checked(content, 50, piece=piece)) == [(Fault.ENCODING, 2, "")]
        late = whole + content.split(b"\n", 1)[1]
        assert faults(checked(late, 80, piece=piece))[0] == (Fault.ENCODING, 32, "")


@pytest.mark.parametrize("encoding", [Encoding.WINDOWS_1252, Encoding.ISO_8859_1, Encoding.ISO_8859_15])
def test_utf_8_where_an_older_encoding_was_agreed_is_found_although_any_byte_is_a_letter_there(encoding):
    table = in_encoding(encoding)
    text = rows_as_csv(*many(20, note="très fatigué")).decode()
    assert checked(text.encode(encoding.value), 20, table).problems == ()
    assert [fault for fault, _, _ in faults(checked(text.encode(), 20, table))] == [Fault.ENCODING]
    assert checked(rows_as_csv(*many(3)), 3, table).problems == (), "without accents they are the same"


def test_utf_16_and_other_bytes_0_are_no_text_and_a_mark_at_the_beginning_is_none():
    text = rows_as_csv({}).decode()
    assert faults(checked(text.encode("utf-16"), 1))[0][0] is Fault.ENCODING
    assert faults(checked(rows_as_csv({}, {"note": "a\0b"}), 2)) == [(Fault.ENCODING, 3, "")]
    assert checked(text.encode("utf-8-sig"), 1).problems == ()


# Quotes and lines


def test_a_quote_that_is_never_closed_is_found_where_it_opens_within_bounded_memory():
    content = rows_as_csv(*many(3)) + b'1;A;B;1950-01-01;2026-01-01;;X;1;2;"never closed\n' + rows_as_csv(*many(4_000))
    assert faults(checked(content, 4_004))[0] == (Fault.ROW_FORM, 5, "")


def test_a_line_without_end_is_refused():
    result = checked(rows_as_csv({}) + b"x" * 5_000_000, 1, piece=1 << 16)
    assert faults(result)[0][0] is Fault.ROW_FORM


def test_lines_count_where_values_hold_line_ends():
    content = rows_as_csv({"note": "un\ndeux\ntrois"}, {"entree": "hier"}, {"note": "a\nb"}, {"entree": "demain"})
    assert flags(checked(content, 4)) == {(FlagReason.NOT_A_DATE, "entree"): (2, (5, 8))}


# Values


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("entree", "2026-02-30", FlagReason.NOT_A_DATE),
        ("entree", "2026-2-3", FlagReason.NOT_A_DATE),
        ("entree", "01/02/2026", FlagReason.NOT_A_DATE),
        ("entree", "2027-06-01", FlagReason.IN_THE_FUTURE),
        ("entree", "1961-04-29", FlagReason.BEFORE_BIRTH),
        ("entree", "1802-01-01", FlagReason.LONG_AGO),
        ("entree", "", FlagReason.NOT_FILLED),
        ("sortie", "2026-10-04 29:30", FlagReason.NOT_A_DATE),
        ("sortie", "2027-10-04T09:30", FlagReason.IN_THE_FUTURE),
        ("ne_le", "1961-04-31", FlagReason.NOT_A_DATE),
        ("ne_le", "2030-01-01", FlagReason.IN_THE_FUTURE),
        ("diagnostic", "I21 0", FlagReason.NOT_A_CODE),
        ("poids", "71,5", FlagReason.NOT_A_NUMBER),
        ("poids", "lourd", FlagReason.NOT_A_NUMBER),
        ("dossier", "1.5", FlagReason.NOT_A_NUMBER),
        ("ipp", "", FlagReason.NOT_FILLED),
    ],
)
def test_a_row_that_cannot_be_used_is_flagged_counted_and_not_a_fault(column, value, reason):
    result = checked(rows_as_csv(*many(3), {column: value}, *many(3)), 7)
    assert (reason, column) in flags(result)
    assert flags(result)[reason, column] == (1, (5,))
    assert (result.file.unusable, result.problems) == (1, ())


def test_values_that_are_right_in_a_rarer_form_are_not_flagged():
    rare = ({"sortie": "2026-10-04T24:00:00.123+02:00"}, {"sortie": ""}, {"poids": "-1.5e-3"}, {"dossier": "+12"})
    assert checked(rows_as_csv(*rare), 4).flags == ()


def test_days_and_decimals_are_read_as_agreed():
    table = msgspec.structs.replace(STAYS, date_format="%d/%m/%Y", decimal_comma=True)
    french = {"ne_le": "30/04/1961", "entree": "01/10/2026", "sortie": "04/10/2026 11:30", "poids": "71,5"}
    assert checked(rows_as_csv(french), 1, table).flags == ()
    assert {flag.reason for flag in checked(rows_as_csv({}), 1, table).flags} == {
        FlagReason.NOT_A_DATE,
        FlagReason.NOT_A_NUMBER,
    }


def test_a_row_with_two_flags_is_one_row():
    assert checked(rows_as_csv({"entree": "hier", "poids": "lourd"}), 1).file.unusable == 1


# What the manifest says


def test_counts_sizes_and_checksums_are_those_of_the_manifest():
    content = rows_as_csv(*many(10))
    assert faults(checked(content, 11)) == [(Fault.ROW_COUNT, 0, "")]
    said = said_of(content, 10)
    from nexus.warehouse.intake.checking import check

    def against(held, said):
        return [problem.fault for problem in check(Held(held), said, STAYS, TODAY, lambda _: None).problems]

    assert against(content, said) == []
    assert against(content[:-200], said)[:2] == [Fault.CHECKSUM, Fault.TRUNCATED], "a transfer that stopped mid-way"
    assert against(content + b"x", said)[:2] == [Fault.CHECKSUM, Fault.SIZE]
    assert against(content.replace(b"I21.0", b"I21.1"), said) == [Fault.CHECKSUM]


# Compression


@pytest.mark.parametrize(("name", "pack"), [("stays.csv.gz", gzip.compress), ("stays.csv.zst", None)])
def test_compressed_files_are_read_as_the_others_also_in_several_members(name, pack):
    pack = pack or (lambda content: pyarrow.compress(content, codec="zstd", asbytes=True))
    content = rows_as_csv(*many(400))
    half = content.index(b"\n", len(content) // 2) + 1
    for packed in (pack(content), pack(content[:half]) + pack(content[half:])):
        result = checked(packed, 400, name=name)
        assert (result.problems, result.file.rows) == ((), 400)


@pytest.mark.parametrize("name", ["stays.csv.gz", "stays.csv.zst"])
def test_what_is_broken_or_stops_in_the_middle_is_told_apart(name):
    content = rows_as_csv(*many(4_000, note="x"))
    pack = gzip.compress if name.endswith("gz") else (lambda c: pyarrow.compress(c, codec="zstd", asbytes=True))
    packed = pack(content)
    assert [f for f, _, _ in faults(checked(packed[: len(packed) // 2], 4_000, name=name))] == [Fault.TRUNCATED]
    assert [f for f, _, _ in faults(checked(content, 4_000, name=name))] == [Fault.COMPRESSION]
    assert [f for f, _, _ in faults(checked(b"", 0, name=name))] == [Fault.EMPTY]


@pytest.mark.parametrize("name", ["stays.csv.gz", "stays.csv.zst"])
def test_a_bomb_is_refused_before_it_is_unpacked(name):
    row = b"80012345;A;B;1950-01-01;2026-01-01;;X;1;2;%s\n" % (b"-" * 100_000)
    header = rows_as_csv()
    pack = gzip.compress if name.endswith("gz") else (lambda c: pyarrow.compress(c, codec="zstd", asbytes=True))
    bomb = pack(header + row * (2 * unpacking.FREE_BYTES // len(row)))
    assert len(bomb) < unpacking.FREE_BYTES // unpacking.MAX_RATIO
    result = checked(bomb, 1, name=name, piece=1 << 16)
    assert faults(result)[-1][0] is Fault.TOO_LARGE
    assert result.file.rows * len(row) <= unpacking.FREE_BYTES


# FHIR

PATIENT = (
    b'{"resourceType": "Patient", "id": "p1", "name": [{"family": "LEGALL", "given": ["Ysaline"]}],'
    b' "birthDate": "1961-04-30", "gender": "female"}'
)
OBSERVATION = b'{"resourceType": "Observation", "id": "o1", "note": [{"text": "%s"}], "valueQuantity": {"value": 3}}'
IDENTIFYING = (
    Column(name="Patient.name.family", identifier=IdentifierKind.FAMILY_NAME),
    Column(name="Patient.name.given", identifier=IdentifierKind.GIVEN_NAME),
    Column(name="Patient.birthDate", type=ColumnType.DATE, identifier=IdentifierKind.BIRTH_DATE),
)


def fhir(kind):
    return Table(name="fhir", kind=kind, resources=("Patient", "Observation"), columns=IDENTIFYING)


def bundled(*resources):
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(
        b'{"fullUrl":"urn:x","resource":%s}' % each for each in resources
    ) + b"]}"  # fmt: skip


@pytest.mark.parametrize("piece", [1, 13, 4_096])
def test_fhir_resources_are_read_one_by_one_from_lines_and_from_a_bundle(piece):
    tricky = OBSERVATION % b'braces } ] in \\"text\\" [ { and a backslash \\\\'
    resources = [PATIENT, OBSERVATION % b"rien", tricky, OBSERVATION % b"ecrire a y.legall@example.fr"]
    for kind, content in (
        (FileKind.FHIR_NDJSON, b"\n".join(resources)),
        (FileKind.FHIR_BUNDLE, bundled(*resources)),
    ):
        result = checked(content, 4, fhir(kind), name="fhir.json", piece=piece)
        assert (result.problems, result.file.rows) == ((), 4)
        assert [(each.kind.value, each.column, each.lines) for each in result.findings] == [
            ("email", "Observation.note.text", (4,))
        ]


def test_a_bundle_that_stops_or_is_none_is_refused():
    whole = bundled(PATIENT, OBSERVATION % b"rien")
    table = fhir(FileKind.FHIR_BUNDLE)
    for cut in range(1, len(whole) - 1, 7):
        assert checked(whole[:cut], 2, table, name="fhir.json").problems != ()
    for other in (b"[]", whole + whole, b"[" + whole + b"]"):
        assert [f for f, _, _ in faults(checked(other, 2, table, name="fhir.json"))] == [Fault.FHIR]
    assert faults(checked(bundled(b'{"resourceType": "Practitioner"}'), 1, table, name="fhir.json")) == [
        (Fault.FHIR, 1, "resourceType")
    ]


def test_a_name_outside_of_its_declared_element_is_found():
    outside = PATIENT.replace(b'"gender"', b'"text": {"div": "Mme LEGALL Ysaline"}, "gender"')
    result = checked(outside, 1, fhir(FileKind.FHIR_NDJSON), name="fhir.ndjson")
    assert {(each.kind.value, each.column) for each in result.findings} == {("name", "Patient.text.div")}


def test_json_that_lies_too_deep_is_refused():
    deep = b'{"resourceType": "Patient", "extension": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    assert faults(checked(deep, 1, fhir(FileKind.FHIR_NDJSON), name="fhir.ndjson"))[0][0] is Fault.FHIR
    half = b'{"resourceType": "Patient", "id": "\\ud800"}'
    assert faults(checked(half, 1, fhir(FileKind.FHIR_NDJSON), name="fhir.ndjson"))[0][0] is Fault.FHIR
