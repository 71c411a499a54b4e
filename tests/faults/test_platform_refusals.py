"""A platform refuses to start where starting would do harm, and says why."""

import json
import shutil
import socket

import pytest

from simulators.installation import Installation


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Installation:
    """A founded platform that does not run; tests put back what they change."""
    installation = Installation(tmp_path_factory.mktemp("no"))
    installation.found()
    yield installation
    installation.destroy()


def refusal(installation: Installation, code: int) -> str:
    done = installation.nexus("up", "--detach", "--passphrase-file", str(installation.passphrase), check=False)
    assert done.returncode == code, (done.returncode, done.stderr)
    return done.stderr


def test_a_founding_that_did_not_end_is_no_platform(stopped):
    index = stopped.data / "keys" / "index.json"
    content = index.read_bytes()
    index.unlink()
    try:
        assert "nexus init" in refusal(stopped, 5)
    finally:
        index.write_bytes(content)


def test_a_port_that_is_taken_is_named(stopped):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        stopped.environment = {"NEXUS_S3_PORT": str(other.getsockname()[1])}
        try:
            said = refusal(stopped, 6)
        finally:
            stopped.environment = {}
    assert "cannot listen" in said and "NEXUS_S3_PORT" in said


def test_a_wrong_setting_is_named(stopped):
    stopped.environment = {"NEXUS_CERTIFICATE_HOURS": "soon"}
    try:
        assert "certificate_hours" in refusal(stopped, 2)
    finally:
        stopped.environment = {}


def test_shortened_waiting_periods_need_a_demonstration(stopped):
    stopped.environment = {"NEXUS_DEMO_DESTRUCTION_SECONDS": "1"}
    try:
        assert "demonstration" in refusal(stopped, 2)
    finally:
        stopped.environment = {}


def test_a_wrapped_key_of_another_platform_does_not_open(stopped):
    wrapped = stopped.data / "keys" / "database.wrapped"
    before = wrapped.read_bytes()
    shutil.copyfile(stopped.data / "keys" / "identity.wrapped", wrapped)  # ours, but made for another part
    try:
        refusal(stopped, 7)
    finally:
        wrapped.write_bytes(before)


def test_commands_on_a_platform_that_does_not_run_say_so(stopped):
    assert stopped.nexus("status", check=False).returncode == 6
    assert stopped.nexus("seal", check=False).returncode == 6
    assert json.loads(stopped.nexus("down", "--json").stdout) == {"stopped": False}


def test_with_a_wrong_passphrase_the_platform_stays_sealed_and_says_why(stopped, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase at all")
    done = stopped.nexus("up", "--detach", "--passphrase-file", str(wrong), check=False)
    try:
        assert done.returncode == 6 and "not the passphrase" in done.stderr
        assert stopped.status()["phase"] == "sealed"
    finally:
        stopped.down()
