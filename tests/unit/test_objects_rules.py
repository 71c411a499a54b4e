"""Names, tags, conditions and ranges of objects: pure decisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.errors import Invalid, NotFound
from nexus.objects import rules
from nexus.objects.errors import NotModified, PreconditionFailed, RangeNotSatisfiable
from nexus.objects.model import (
    MAX_KEY_BYTES,
    MAX_METADATA_BYTES,
    ByteRange,
    Metadata,
    ObjectVersion,
    ReadConditions,
    WriteConditions,
)

THEN = Instant(1_700_000_000 * SECOND + 250_000)
CURRENT = ObjectVersion(
    key="k", version_id="null", is_latest=True, is_delete_marker=False, size=3, etag="abc", last_modified=THEN
)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@pytest.mark.parametrize("name", ["abc", "a.b-c", "9lives", "a" * 63, "chu.ingress-1"])
def test_bucket_names_are_what_dns_labels_are(name):
    rules.check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 64,
        "Abc",
        "a_b",
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "a..b",
        "a.-b",
        "a-.b",
        "192.168.5.4",
        "xn--abc",
        "é-abc",
    ],
)
def test_other_bucket_names_are_refused(name):
    with pytest.raises(Invalid) as caught:
        rules.check_bucket_name(name)
    assert caught.value.code == "objects.invalid-bucket-name"


def test_keys_are_measured_in_bytes_of_utf_8():
    rules.check_key("é" * (MAX_KEY_BYTES // 2))
    for key, code in (
        ("é" * (MAX_KEY_BYTES // 2) + "x", "objects.key-too-long"),
        ("", "objects.invalid-key"),
        ("\ud800", "objects.invalid-key"),
    ):
        with pytest.raises(Invalid) as caught:
            rules.check_key(key)
        assert caught.value.code == code


def test_metadata_and_tags_have_limits():
    rules.check_metadata(Metadata(user={"n": "v" * (MAX_METADATA_BYTES - 1)}, tags={str(n): "" for n in range(10)}))
    for metadata in (
        Metadata(user={"n": "v" * MAX_METADATA_BYTES}),
        Metadata(tags={str(n): "" for n in range(11)}),
        Metadata(tags={"": "v"}),
        Metadata(tags={"n" * 129: "v"}),
        Metadata(tags={"n": "v" * 257}),
    ):
        with pytest.raises(Invalid):
            rules.check_metadata(metadata)


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [
        ({}, None),
        ({"if_match": ("abc",)}, None),
        ({"if_match": ("*",)}, None),
        ({"if_match": ("x", "abc")}, None),
        ({"if_match": ("x",)}, PreconditionFailed),
        ({"if_none_match": ("x",)}, None),
        ({"if_none_match": ("abc",)}, NotModified),
        ({"if_none_match": ("*",)}, NotModified),
        ({"if_modified_since": THEN - SECOND}, None),
        ({"if_modified_since": THEN - 250_000}, NotModified),
        ({"if_modified_since": THEN + SECOND}, NotModified),
        ({"if_unmodified_since": THEN}, None),
        ({"if_unmodified_since": THEN - 250_000}, None),
        ({"if_unmodified_since": THEN - SECOND}, PreconditionFailed),
        ({"if_match": ("abc",), "if_unmodified_since": THEN - SECOND}, None),
        ({"if_none_match": ("x",), "if_modified_since": THEN}, None),
        ({"if_match": ("x",), "if_none_match": ("abc",)}, PreconditionFailed),
    ],
)
def test_reads_follow_rfc_9110(conditions, outcome):
    check = lambda: rules.check_read(ReadConditions(**conditions), "abc", THEN)  # noqa: E731
    if outcome is None:
        check()
    else:
        with pytest.raises(outcome):
            check()


@pytest.mark.parametrize(
    ("conditions", "there", "missing"),
    [
        ({"if_match": ("abc",)}, None, NotFound),
        ({"if_match": ("*",)}, None, NotFound),
        ({"if_match": ("x",)}, PreconditionFailed, NotFound),
        ({"if_none_match": ("*",)}, PreconditionFailed, None),
        ({"if_none_match": ("abc",)}, PreconditionFailed, None),
        ({"if_none_match": ("x",)}, None, None),
        ({"if_size": 3}, None, None),
        ({"if_size": 4}, PreconditionFailed, None),
        ({"if_last_modified": Instant(THEN // SECOND * SECOND)}, None, None),
        ({"if_last_modified": Instant(THEN + SECOND)}, PreconditionFailed, None),
    ],
)
def test_writes_depend_on_what_is_there(conditions, there, missing):
    for current, outcome in ((CURRENT, there), (None, missing)):
        if outcome is None:
            rules.check_write(WriteConditions(**conditions), current)
        else:
            with pytest.raises(outcome):
                rules.check_write(WriteConditions(**conditions), current)


@given(st.integers(0, 20), st.none() | st.integers(0, 25), st.none() | st.integers(0, 25))
def test_a_range_is_a_slice(size, first, last):
    if first is None and last is None:
        return
    body = bytes(range(size))
    start, stop = (max(0, size - last), size) if first is None else (first, size if last is None else last + 1)
    expected = body[start:stop]
    try:
        start, length = rules.resolve(ByteRange(first, last), size)
    except RangeNotSatisfiable as error:
        assert (expected, error.size) == (b"", size)
    else:
        assert length > 0
        assert body[start : start + length] == expected


@given(TEXT, TEXT)
def test_keys_sort_as_their_utf_8_does(one, other):
    assert (one < other) == (one.encode() < other.encode())


@given(TEXT, TEXT)
def test_nothing_fits_between_a_key_and_what_comes_after_it(key, other):
    assert (other > key) == (other >= rules.after_key(key))


@given(TEXT, TEXT)
def test_what_begins_with_a_prefix_lies_before_what_comes_after_it(prefix, tail):
    behind = rules.after_prefix(prefix)
    if behind == rules.END:
        assert set(prefix) <= {"\U0010ffff"}
    else:
        assert prefix + tail < behind
        assert not behind.startswith(prefix) or not prefix


def test_the_prefix_before_the_surrogates_ends_behind_them():
    assert rules.after_prefix("a\ud7ff") == "a\ue000"
    assert rules.after_prefix("a\U0010ffff") == "b"
    assert rules.after_prefix("") == rules.END
