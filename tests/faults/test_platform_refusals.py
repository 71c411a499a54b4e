"""A platform refuses to start where starting would do harm, and says why."""

import json
import shutil
import socket

import pytest

from nexus.kernel.secret import Secret
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


def test_data_of_a_newer_format_are_refused_and_left_alone(stopped):
    description = stopped.data / "nexus.toml"
    before = description.read_text()
    description.write_text(before.replace("format = 1", "format = 99"))
    try:
        assert "99" in refusal(stopped, 5)
    finally:
        description.write_text(before)


def test_a_database_of_a_newer_schema_is_refused(stopped):
    import asyncio

    from security.test_no_plaintext import _take_keys_out

    import nexus.app.schema as schema
    from nexus.app import custody
    from nexus.app.datadir import open_directory
    from nexus.kernel.clock import SystemClock
    from nexus.kernel.database import Bookkeeping

    keys = asyncio.run(_take_keys_out(stopped.data))
    index = custody.read_index(open_directory(stopped.data))

    def move(by: int) -> None:
        database = schema.open_database(
            open_directory(stopped.data), Secret(keys["database"]), index.audit_public, SystemClock()
        )
        statement = "UPDATE kernel_schema_version SET version = version + ? WHERE service = 'objects'"
        asyncio.run(database.bookkeep(Bookkeeping.MIGRATION, lambda tx: tx.execute(statement, (by,))))
        database.close()

    move(+50)
    try:
        said = refusal(stopped, 5)
        assert "objects" in said and "newer" in said
    finally:
        move(-50)


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


def test_a_second_platform_on_the_same_directory_is_refused_and_the_first_goes_on(stopped):
    stopped.up()
    try:
        for mode in (("--detach",), ()):
            done = stopped.nexus("up", *mode, "--passphrase-file", str(stopped.passphrase), check=False)
            assert done.returncode == 5 and "runs on" in done.stderr
        assert stopped.status()["phase"] == "running"
    finally:
        stopped.down()
    assert stopped.nexus("status", check=False).returncode == 6
    assert json.loads(stopped.nexus("down", "--json").stdout) == {"stopped": False}
