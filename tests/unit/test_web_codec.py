"""Requests and results travel as JSON without loss, and nothing that does not fit gets in."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.app.operations import OPERATIONS
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Outcome
from nexus.kernel.secret import Secret
from nexus.web import codec
from nexus.web.binding import MAX_JSON_DEPTH, request_of, too_deep
from nexus.web.examples import example_of
from simulators.notebook import CreateNote, Credential, Note, Notes

INSTANTS = st.integers(min_value=0, max_value=4_000_000_000_000_000)


class Inner(msgspec.Struct, frozen=True):
    at: Instant


class Deep(msgspec.Struct, frozen=True, kw_only=True):
    at: Instant
    maybe: Instant | None = None
    many: tuple[Instant, ...] = ()
    named: dict[str, Instant] = {}
    inner: list[Inner] = []
    number: int = 0


@given(at=INSTANTS, maybe=st.none() | INSTANTS, many=st.lists(INSTANTS, max_size=3), number=st.integers(0, 9))
@settings(max_examples=50)
def test_every_time_travels_as_text_and_comes_back_the_same(at, maybe, many, number):
    value = Deep(at=at, maybe=maybe, many=tuple(many), named={"a": at}, inner=[Inner(at)], number=number)
    data = codec.encode(value, Deep)
    assert codec.decode(data, Deep) == value
    document = msgspec.json.decode(data)
    assert document["inner"][0]["at"].endswith("Z") and document["named"]["a"].endswith("Z")
    assert document["number"] == number


def test_equal_requests_give_equal_bytes_whatever_the_order_of_their_fields():
    one = codec.decode(b'{"text": "a", "pinned": true}', CreateNote)
    two = codec.decode(b'{ "pinned":true,"text":"a" }', CreateNote)
    assert codec.encode(one, CreateNote) == codec.encode(two, CreateNote)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "text"),
        (b'{"text": 1}', "$.text"),
        (b'{"text": "a", "more": 1}', "more"),
        (b'{"text": "a", "until": 5}', "$.until"),
        (b'{"text": "a", "until": "tomorrow"}', "$.until"),
        (b'{"text": "a", "until": "2026-01-01T00:00:00"}', "$.until"),
        (b'{"text": "a", "until": "99999-01-01T00:00:00Z"}', "$.until"),
        (b'{"text": "a", "until": "0001-01-01T00:00:00+23:59"}', "$.until"),
        (b'{"text": "a", "until": "9999-12-31T23:59:59-23:59"}', "$.until"),
        (b'{"text": "a", "colour": "green"}', "$.colour"),
        (b'{"text": "a", "tags": ["x", 2]}', "$.tags[1]"),
        (b"[]", "object"),
        (b"nonsense", "JSON"),
        (b'{"text": "\xff"}', "JSON"),
        (b"", "JSON"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_with_the_place(body, place):
    with pytest.raises(Invalid) as refused:
        codec.decode(body, CreateNote)
    assert place in refused.value.message


def test_a_secret_is_read_from_text_and_never_echoed_by_an_error():
    assert codec.decode(b'{"token": "s3cret"}', Credential).token == Secret(b"s3cret")
    with pytest.raises(Invalid) as refused:
        codec.decode(b'{"token": ["s3cret"]}', Credential)
    assert "s3cret" not in refused.value.message


def test_a_secret_leaves_only_where_that_is_said():
    value = Credential(token=Secret(b"s3cret"))
    assert codec.encode(value, Credential, reveal=True) == b'{"token":"s3cret"}'
    with pytest.raises(TypeError):
        codec.encode(value, Credential)


def test_dataclasses_are_read_and_written_like_structs():
    @dataclass(frozen=True)
    class Plain:
        at: Instant

    assert codec.encode(Plain(Instant(0)), Plain) == b'{"at":"1970-01-01T00:00:00.000000Z"}'
    assert codec.decode(b'{"at":"1970-01-01T01:00:00+01:00"}', Plain) == Plain(Instant(0))


def test_a_time_that_could_be_confused_with_a_number_is_refused_when_the_type_is_first_used():
    class Ambiguous(msgspec.Struct):
        at: Instant | str | None

    with pytest.raises(TypeError, match="union"):
        codec.encode(Ambiguous(at="x"), Ambiguous)


def test_an_empty_list_of_records_stays_an_empty_list():
    assert codec.encode(Notes(notes=()), Notes) == b'{"notes":[]}'
    note = Note(id="a", text="b", until=Instant(1))
    assert codec.decode(codec.encode(Notes(notes=(note,)), Notes), Notes).notes == (note,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_sent_is_a_request_or_invalid_and_a_request_survives_the_round_trip(data):
    spec = data.draw(st.sampled_from(OPERATIONS))
    document = dict(example_of(spec.request))
    for name in data.draw(st.sets(st.sampled_from(sorted(codec.fields_of(spec.request)) or ["x"]), max_size=3)):
        document[name] = data.draw(JSON | st.just("2026-11-23T04:18:01.5-12:00") | st.just("1970-01-01T00:00:00+00:01"))
    try:
        request = codec.from_builtins(document, spec.request, strict=data.draw(st.booleans()))
    except Invalid:
        return
    again = codec.encode(request, spec.request, reveal=True)
    assert codec.decode(again, spec.request) == request


@given(body=st.binary(max_size=200) | st.text(alphabet='[]{}",:\\a1', max_size=200).map(str.encode))
@settings(max_examples=150)
def test_any_bytes_as_a_body_are_a_document_or_invalid(body):
    spec = next(spec for spec in OPERATIONS if spec.name == "kms.key.create")
    with pytest.raises(Invalid):
        request_of(spec, {}, (), body)


@given(depth=st.integers(0, 60), text=st.text(alphabet='[]{}\\"a', max_size=40))
@settings(max_examples=60)
def test_depth_counts_brackets_but_not_those_in_text(depth, text):
    body = msgspec.json.encode([text])
    assert too_deep(b"[" * depth + body + b"]" * depth) == (depth + 1 > MAX_JSON_DEPTH)


def test_a_value_in_the_wrong_field_is_not_repeated():
    class Choice(msgspec.Struct):
        outcome: Outcome

    with pytest.raises(Invalid) as raised:
        codec.decode(b'{"outcome": "my password - at `$.x`"}', Choice)
    assert "password" not in raised.value.message and raised.value.message.endswith("`$.outcome`")
