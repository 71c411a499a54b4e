"""What is typed becomes exactly the request that it says, and nothing secret is an argument."""

import base64
import json

import click
import msgspec
import pytest

from nexus.app.cli.generated import operation_command
from nexus.app.cli.main import root
from nexus.app.cli.moments import Moment
from nexus.app.cli.parameters import document_of, missing_secrets, parameters
from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.kernel.clock import parse_rfc3339
from nexus.kernel.secret import Secret
from nexus.web import codec
from simulators.clock import EPOCH, ManualClock
from simulators.notebook import OPERATIONS as NOTES
from simulators.notebook import CreateNote, _spec

SPECS = {spec.name: spec for spec in NOTES}


class Inner(msgspec.Struct):
    n: int


class Shapes(msgspec.Struct, frozen=True, kw_only=True):
    blob: bytes
    numbers: tuple[int, ...] = ()
    labels: dict[str, str] = {}
    inner: Inner | None = None
    maybe: bool | None = None
    token: Secret | None = None


SHAPES = _spec("note.shapes", "POST", "/v1/shapes", Shapes, None, None)


def typed(spec, *arguments):
    command = click.Command("x", params=parameters(spec))
    return document_of(spec, command.make_context("x", list(arguments)).params)


def test_options_become_the_request_and_defaults_are_left_to_the_service():
    document = typed(SPECS["note.create"], "--text", "a", "--tags", "x", "--tags", "y", "--colour", "red", "--pinned")
    assert document == {"text": "a", "tags": ["x", "y"], "colour": "red", "pinned": True}
    assert codec.from_builtins(document, CreateNote).pinned
    assert typed(SPECS["note.create"], "--text", "a") == {"text": "a"}
    assert typed(SPECS["note.create"], "--text", "a", "--no-pinned") == {"text": "a", "pinned": False}


def test_path_fields_are_positional():
    assert typed(SPECS["note.read"], "note_1") == {"id": "note_1"}
    with pytest.raises(click.MissingParameter):
        typed(SPECS["note.read"])


def test_files_maps_records_and_secrets(tmp_path):
    (tmp_path / "blob").write_bytes(b"\x00\xff")
    (tmp_path / "token").write_text("s3cret\nsecond line\n")
    (tmp_path / "inner.json").write_text('{"n": 5}')
    document = typed(
        SHAPES,
        *("--blob", str(tmp_path / "blob"), "--numbers", "1", "--numbers", "2", "--labels", "a=b=c"),
        *("--inner", f"@{tmp_path / 'inner.json'}", "--token-file", str(tmp_path / "token"), "--maybe"),
    )
    assert document == {
        "blob": base64.b64encode(b"\x00\xff").decode(),
        "numbers": [1, 2],
        "labels": {"a": "b=c"},
        "inner": {"n": 5},
        "maybe": True,
        "token": "s3cret",
    }
    assert codec.from_builtins(document, Shapes).token == Secret(b"s3cret")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--text", "a", "--colour", "green"),
        ("--text", "a", "--until", "tomorrow"),
        (),
        ("--text", "a", "--unknown"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(arguments):
    with pytest.raises(click.UsageError):
        typed(SPECS["note.create"], *arguments)


@pytest.mark.parametrize("arguments", [("--blob", "/no/such/file"), ("--blob", "/dev/null", "--inner", "{")])
def test_a_file_or_document_that_cannot_be_read_is_a_usage_error(arguments):
    with pytest.raises(click.UsageError):
        typed(SHAPES, *arguments)


def test_required_secrets_are_asked_for_when_no_file_gives_them():
    assert missing_secrets(SPECS["note.lock"], {}) == ["password"]
    assert missing_secrets(SPECS["note.lock"], {"password": "x"}) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 30 * 86400), ("-12h", -12 * 3600), ("+90m", 5400), ("2w", 14 * 86400), ("0s", 0), ("1y", 365 * 86400)],
)
def test_a_distance_is_counted_from_now(text, seconds):
    moment = Moment(ManualClock()).convert(text, None, None)
    assert parse_rfc3339(moment) == EPOCH + seconds * 1_000_000


@pytest.mark.parametrize(
    ("text", "same"),
    [("2026-11-23", "2026-11-23T00:00:00.000000Z"), ("2026-11-23T04:18:01+01:00", "2026-11-23T03:18:01.000000Z")],
)
def test_a_date_or_a_time_is_itself(text, same):
    assert Moment().convert(text, None, None) == same


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_every_operation_has_a_command_with_unique_options_help_and_json(spec):
    command = operation_command(spec, PURPOSES)
    names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    assert len(names) == len(set(names)), names
    assert "--json" in names and command.short_help == spec.summary
    help_text = command.get_help(click.Context(command))
    assert "efficient serializable" not in help_text


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_no_secret_is_an_argument(spec):
    secrets = {f.encode_name for f in msgspec.structs.fields(spec.request) if "Secret" in str(f.type)}
    for parameter in parameters(spec):
        if parameter.name in secrets:
            assert parameter.opts == [f"--{parameter.name.replace('_', '-')}-file"]


def leaves(group, context, path=()):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, context, (*path, name))
        else:
            yield (*path, name), command


def test_every_command_whatsoever_has_json_and_a_line_of_help():
    poor = [
        " ".join(path)
        for path, command in leaves(root, click.Context(root))
        if not (command.short_help or command.help) or not any("--json" in p.opts for p in command.params)
    ]
    assert poor == []


def test_json_of_a_record_survives_the_shell():
    assert typed(SHAPES, "--blob", "/dev/null", "--inner", json.dumps({"n": 1}))["inner"] == {"n": 1}
