"""The command line against a door over TLS: enrol, sign in, operate, approve, sign out, with the documented exit codes."""

import json
import stat

import click
import pytest

from nexus.app.cli.generated import operation_command
from nexus.app.cli.main import root, run
from simulators import identities, notebook
from simulators.door import PURPOSES, open_door
from simulators.identities import ADA, Identities
from simulators.tls_door import listening


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    door = open_door(tmp_path_factory.mktemp("door"))
    specs = (*notebook.OPERATIONS, *identities.OPERATIONS)
    door = type(door)(door.db, door.audit, door.book, specs=specs, services={"iam": Identities(door.tokens)})
    door.services["iam"]._tokens = door.tokens
    door.rights.give(ADA, "note.create", "note.list", "note.read", "note.delete", "note.burn", "note.fail")
    door.rights.give(
        ADA, "iam.session.end", "iam.me.read", "iam.approval.read", "iam.approval.approve", "iam.step-up.prove"
    )
    yield door
    door.db.close()


@pytest.fixture(scope="module")
def where(door, tmp_path_factory):
    with listening(door, tmp_path_factory.mktemp("tls")) as where:
        yield where


@pytest.fixture
def nexus(where, tmp_path, monkeypatch, capsys):
    """`nexus(*arguments, typed=…)` runs a command line; returns its exit code, stdout and stderr."""
    monkeypatch.setenv("NEXUS_URL", where.url)
    monkeypatch.setenv("NEXUS_CA", str(where.ca))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LANG", "C.UTF-8")
    notes = click.Group("note")
    for spec in notebook.OPERATIONS:
        if spec.service == "note" and spec.name.startswith("note."):
            notes.add_command(operation_command(spec, PURPOSES))

    def call(*arguments):
        code = run(arguments[1:], notes) if arguments[0] == "note" else run(arguments, root)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def files(tmp_path):
    (tmp_path / "code").write_text("1234\n")
    (tmp_path / "password").write_text("correct horse\n")
    return tmp_path


@pytest.fixture
def signed_in(nexus, files, door):
    door.services["iam"].enrolled = False
    password = ("--password-file", str(files / "password"), "--totp", "000000")
    assert nexus("enrol", "ada", "--code-file", str(files / "code"), *password)[0] == 0
    assert nexus("login", "ada", *password)[0] == 0
    return nexus


def test_enrolment_shows_the_second_factor_once_on_stderr_only(nexus, files):
    password = ("--password-file", str(files / "password"), "--totp", "000000")
    code, out, err = nexus("enrol", "ada", "--code-file", str(files / "code"), *password)
    assert (code, out) == (0, "")
    assert "otpauth://totp/Nexus:ada" in err and "█" in err and "nexus login ada" in err


def test_a_wrong_code_is_refused_with_a_sentence_and_an_operation(nexus, files):
    (files / "code").write_text("9999")
    code, out, err = nexus("enrol", "ada", "--code-file", str(files / "code"), "--password-file", str(files / "code"))
    assert (code, out) == (3, "")
    assert "✗ the code is not valid" in err and "operation op_" in err and "Traceback" not in err


def test_the_session_is_kept_where_only_its_owner_reads_and_the_device_outlives_it(signed_in, door, files):
    kept = files / "state" / "nexus" / "sessions.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert "correct horse" not in kept.read_text()
    assert signed_in("whoami")[0] == 0
    assert signed_in("logout")[0] == 0
    assert "token-ada" not in kept.read_text()
    assert "token-ada" not in door.tokens.sessions
    assert signed_in("whoami")[0] == 3
    signed_in("login", "--password-file", str(files / "password"), "--totp", "000000")
    assert door.services["iam"].signed_in_with[-1].device.reveal() == b"device-ada"


def test_a_session_file_that_others_can_read_is_refused(signed_in, files):
    (files / "state" / "nexus" / "sessions.json").chmod(0o644)
    code, _, err = signed_in("whoami")
    assert code == 5 and "chmod 600" in err


def test_signing_in_prints_no_token(signed_in, files):
    code, out, err = signed_in("login", "ada", "--password-file", str(files / "password"), "--totp", "1", "--json")
    assert code == 0 and "token-ada" not in out + err
    assert set(json.loads(out)) == {"session", "person", "expires_at"}


def test_operations_show_tables_to_people_and_documents_to_programs(signed_in):
    code, out, err = signed_in("note", "create", "--text", "hello", "--until", "30d", "--for", "care")
    assert code == 0 and "hello" in out
    code, out, err = signed_in("note", "list", "--json")
    assert code == 0 and json.loads(out)["notes"][0]["text"] == "hello"
    note = json.loads(out)["notes"][0]["id"]
    code, out, err = signed_in("note", "delete", note)
    assert (code, out) == (0, "") and "✓ Done" in err and "op_" in err
    code, out, err = signed_in("note", "list")
    assert (code, out) == (0, "") and "Nothing to show" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("note", "read", "note_404"), 4, "there is no such note"),
        (("note", "fail", "a"), 6, "→ wait"),
        (("note", "crash", "a"), 3, "may not note.crash"),
        (("note", "create"), 2, "Missing option '--text'"),
        (("note", "list", "--for", "curiosity"), 2, "curiosity"),
        (("note", "nonsense"), 2, "No such command"),
        (("whoami", "--url", "http://insecure"), 2, "https://"),
        (("whoami", "--url", "https://127.0.0.1:9"), 3, "nexus login"),
    ],
)
def test_failures_have_their_exit_code_and_say_what_to_do(signed_in, arguments, code, said):
    got, out, err = signed_in(*arguments)
    assert (got, out) == (code, "") and said in err and "Traceback" not in err


def test_with_json_every_error_is_one_json_line_on_stderr(signed_in):
    for arguments, code in ((("note", "create"), "cli.usage"), (("note", "read", "note_404"), "note.unknown")):
        _, out, err = signed_in(*arguments, "--json")
        assert out == "" and json.loads(err)["code"] == code


def test_nothing_answers_is_unavailable(nexus, monkeypatch):
    monkeypatch.setenv("NEXUS_TOKEN", "token-machine")
    code, _, err = nexus("whoami", "--url", "https://127.0.0.1:9")
    assert code == 6 and "nothing answers" in err and "token-machine" not in err


def test_a_sensitive_operation_is_held_and_says_what_to_do_next(signed_in):
    note = json.loads(signed_in("note", "create", "--text", "x", "--json")[1])["id"]
    code, out, err = signed_in("note", "burn", note)
    assert code == 8 and "Held for a second person" in err
    assert "nexus approve int_" in out and "nexus iam approval execute int_" in out
    code, out, err = signed_in("note", "burn", note, "--json")
    assert code == 8 and json.loads(out)["state"] == "proposed"


def test_approving_agrees_to_the_digest_of_what_was_read(signed_in, door):
    code, _, err = signed_in("approve", "int_1", "--yes")
    assert code == 0 and "1/1 approvals" in err and "nexus iam approval execute int_1" in err
    assert door.services["iam"].approved_digests == ["d" * 64]


def test_told_that_it_needs_a_fresh_factor_it_asks_proves_and_calls_again(signed_in, door, monkeypatch):
    note = json.loads(signed_in("note", "create", "--text", "x", "--json")[1])["id"]
    monkeypatch.setattr(door.steps, "strict", True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "000000")
    code, _, err = signed_in("note", "burn", note)
    assert code == 8 and "for exactly this and nothing else" in err
    digest = door.steps.asked[-1]
    assert door.services["iam"].proved == [(digest, "000000")]


def test_a_script_gives_the_code_in_advance_or_is_told_how(signed_in, door, files, monkeypatch):
    note = json.loads(signed_in("note", "create", "--text", "x", "--json")[1])["id"]
    monkeypatch.setattr(door.steps, "strict", True)
    code, out, err = signed_in("note", "burn", note, "--json")
    assert (code, out) == (3, "") and "--totp" in json.loads(err)["hint"]
    (files / "totp").write_text("000000\n")
    for given in (("--totp", "000000"), ("--totp-file", str(files / "totp"))):
        door.steps.good.add("fresh")
        assert signed_in("note", "burn", note, *given, "--json")[0] == 8
        door.steps.good.add("fresh")
        assert signed_in("approve", "int_1", "--yes", *given)[0] == 0
    assert signed_in("note", "burn", note, "--totp", "111111", "--json")[0] == 3


def test_a_credential_is_printed_once_with_a_warning(nexus, files):
    code, out, err = nexus("note", "lock", "--password-file", str(files / "password"))
    assert code == 0 and "tok_esroh tcerroc" in out and "Shown once" in err


def test_french_is_spoken_to_those_who_ask_for_it(signed_in, monkeypatch):
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "Se connecter" in signed_in("--help")[1]
    assert "✓ Déconnecté" in signed_in("logout")[2]


def test_a_fault_of_ours_says_where_and_quotes_nothing(nexus, capsys):
    @click.command()
    def broken():
        raise KeyError("CANARY-PATIENT")

    code = run([], broken)
    out, err = capsys.readouterr()
    assert code == 1 and "KeyError" in err and "CANARY" not in out + err
