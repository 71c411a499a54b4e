"""What people see: short, aligned, complete; what programs see: the document itself."""

import json

import pytest
from rich.console import Console

from nexus.app.cli import words
from nexus.app.cli.exits import ExitCode, exit_code_of
from nexus.app.cli.render import holds_secret, rendered, row_count
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import OPERATIONS
from nexus.kernel import errors
from nexus.web.problem import KINDS
from simulators.notebook import Credential, Note, Notes


def shown(type_, document, width=100):
    console = Console(width=width, file=None, record=True)
    with console.capture() as capture:
        console.print(rendered(type_, document))
    return capture.get()


def test_a_list_is_a_table_without_empty_columns():
    text = shown(Notes, {"notes": [{"id": "note_1", "text": "a", "until": "2026-11-23T04:18:01.5Z", "tags": []}]})
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    assert lines[0].split() == ["id", "text", "until"]
    assert lines[-1].split() == ["note_1", "a", "2026-11-23", "04:18:01Z"]


@pytest.mark.parametrize("width", [30, 60, 100, 200])
def test_nothing_is_lost_on_a_narrow_terminal(width):
    note = {
        "id": "note_01jd3v8f2x7q9k4m6n0p5r1s2t",
        "text": "words " * 12,
        "until": "2026-11-23T04:18:01Z",
        "tags": ["x"],
    }
    text = shown(Notes, {"notes": [note, note]}, width)
    assert text.count("words") == 24 and text.count("2026-11-23 04:18:01Z") == 2
    assert "".join(text.split()).count(note["id"][:12]) == 2
    assert max(map(len, text.splitlines())) <= width


def test_a_record_is_a_card_of_what_it_holds():
    assert shown(Note, {"id": "note_1", "text": "a", "until": None, "tags": ["x", "y"]}).split() == (
        ["id", "note_1", "text", "a", "tags", "x", "y"]
    )


def test_a_pipe_gets_no_trailing_blanks(capsys):
    Terminal().show(rendered(Notes, {"notes": [{"id": "a", "text": "b"}, {"id": "longer", "text": "c"}]}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines == [line.rstrip() for line in lines]


def test_text_from_outside_is_shown_and_never_obeyed():
    assert "[red]x[/red]" in shown(Note, {"id": "a", "text": "[red]x[/red]", "tags": []})


def test_an_empty_list_is_told_from_a_record():
    assert row_count(Notes, {"notes": []}) == 0
    assert row_count(Note, {"id": "a"}) is None


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_an_operation_that_returns_a_credential_says_so(spec):
    assert not holds_secret(spec.result) or spec.secret_result
    assert holds_secret(Credential)


def test_every_kind_of_error_has_its_exit_code():
    codes = {
        kind: exit_code_of(kind("x", retry_after_s=1) if kind is errors.Throttled else kind("x"))
        for kind, _, _ in KINDS
    }
    assert codes == {
        errors.Invalid: ExitCode.USAGE,
        errors.Unauthenticated: ExitCode.DENIED,
        errors.StepUpNeeded: ExitCode.DENIED,
        errors.Denied: ExitCode.DENIED,
        errors.NotFound: ExitCode.NOT_FOUND,
        errors.Conflict: ExitCode.CONFLICT,
        errors.Throttled: ExitCode.UNAVAILABLE,
        errors.Sealed: ExitCode.UNAVAILABLE,
        errors.Unavailable: ExitCode.UNAVAILABLE,
        errors.Damaged: ExitCode.DAMAGED,
        errors.NexusError: ExitCode.OTHER,
    }


def test_every_kind_of_error_in_the_kernel_has_a_status_and_a_title():
    known = {kind for kind, _, _ in KINDS}
    assert {
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NexusError)
    } == known


def test_an_error_is_a_sentence_a_hint_and_what_to_quote(capsys):
    Terminal().error(errors.Denied("you may not", code="iam.denied", hint="ask"), "op_1")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.strip() for line in err.splitlines()] == ["✗ you may not", "→ ask", "iam.denied · operation op_1"]
    Terminal(json=True).error(errors.Denied("you may not", code="iam.denied", hint="ask"), "op_1")
    assert json.loads(capsys.readouterr().err) == {
        "code": "iam.denied",
        "detail": "you may not",
        "hint": "ask",
        "kind": "denied",
        "operation": "op_1",
    }


def test_everything_said_is_said_in_two_languages(capsys):
    assert all(english and french for english, french in words.WORDS.values())
    Terminal(french=True).error(errors.Denied("x", code="c"), "op_1")
    assert "opération op_1" in capsys.readouterr().err
