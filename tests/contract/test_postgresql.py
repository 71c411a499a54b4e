"""What is asked of a PostgreSQL server before anything is entrusted to it, and who has it."""

import logging
import socket
import threading

import pytest

from nexus.kernel.database import Database
from nexus.kernel.engines.postgresql import PostgresEngine
from nexus.kernel.engines.postgresql_holding import Hold
from nexus.kernel.engines.postgresql_writing import discard
from nexus.kernel.errors import Conflict, Damaged, Invalid, NexusError
from simulators.demo_table import TABLE, names
from simulators.postgresql import PASSWORD
from simulators.recorder import MemoryRecorder


@pytest.fixture
def place(postgresql):
    return postgresql.place()


@pytest.fixture
def db(place):
    database = Database(PostgresEngine(place), recorder=MemoryRecorder())
    database.migrate([TABLE])
    yield database
    database.close()


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return file


def refusal(place, **more):
    with pytest.raises(NexusError) as caught:
        PostgresEngine(place, **more).close()
    return caught.value


# The server and the role


@pytest.mark.parametrize(
    ("setting", "value"), [("fsync", "off"), ("full_page_writes", "off"), ("standard_conforming_strings", "off")]
)
def test_a_server_that_loses_what_it_acknowledged_is_refused(postgresql, place, setting, value):
    with postgresql.altered(**{setting: value}):
        assert refusal(place).code == "database.server"
    PostgresEngine(place).close()


def test_commits_wait_for_the_disk_whatever_the_server_does_by_default(postgresql, db):
    with postgresql.altered(synchronous_commit="off"):
        again = Database(postgresql.engine(), recorder=MemoryRecorder())
        assert again.engine._writer._wire.execute("SHOW synchronous_commit").fetchone() == ("on",)
        again.close()


@pytest.mark.parametrize("might", ["SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS"])
def test_a_role_that_may_more_than_nexus_needs_is_refused(postgresql, might):
    role = f"mighty_{might.lower()}"
    postgresql.sql(f"CREATE ROLE {role} LOGIN {might}")
    assert refusal(postgresql.place(user=role)).code == "database.server"


def test_a_role_without_rights_in_the_database_gets_nowhere(postgresql):
    postgresql.sql("CREATE ROLE stranger LOGIN")
    assert refusal(postgresql.place(user="stranger")).code == "database.account"
    assert refusal(postgresql.place(database="postgres")).code == "database.account"


def test_a_schema_belongs_to_one_platform(postgresql, db, place):
    assert isinstance(refusal(postgresql.place(place.schema, instance="nx_other")), Conflict)
    discard(postgresql.place(place.schema, instance="nx_other"))
    assert names(db) == []


def test_a_schema_that_is_gone_is_not_made_anew(postgresql, place):
    """An empty database would be a platform without rights, and without its log."""
    assert isinstance(refusal(place, new=False), Damaged)
    PostgresEngine(place).close()
    PostgresEngine(place, new=False).close()
    discard(place)
    assert isinstance(refusal(place, new=False), Damaged)


# The way there


def test_over_the_network_the_server_proves_its_name_and_we_the_password(postgresql, password):
    place = postgresql.place(host="localhost", authorities=postgresql.authority, password_file=password)
    database = Database(PostgresEngine(place), recorder=MemoryRecorder())
    database.migrate([TABLE])
    wire = database.engine._writer._wire
    ((version,),) = wire.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchall()
    assert version == "TLSv1.3"
    database.close()


def test_a_server_with_another_name_or_another_authority_is_not_spoken_to(postgresql, password, tmp_path):
    by_address = postgresql.place(host="127.0.0.1", authorities=postgresql.authority, password_file=password)
    assert refusal(by_address).code == "database.unreachable"
    none = tmp_path / "none.pem"
    none.write_text("")
    assert (
        refusal(postgresql.place(host="localhost", authorities=none, password_file=password)).code
        == "database.unreachable"
    )
    assert isinstance(refusal(postgresql.place(host="localhost", password_file=password)), Invalid)


def test_a_wrong_password_and_a_file_that_others_read_get_nowhere(postgresql, password, caplog):
    place = postgresql.place(host="localhost", authorities=postgresql.authority, password_file=password)
    password.write_text("SECRET-guess")
    with caplog.at_level(logging.DEBUG):
        assert refusal(place).code in {"database.account", "database.unreachable"}
    assert "SECRET-guess" not in caplog.text
    password.chmod(0o640)
    assert refusal(place).code == "database.password-readable"
    password.unlink()
    assert refusal(place).code == "database.password-file"


def test_a_server_that_asks_for_the_password_itself_gets_nothing(postgresql, password, tmp_path):
    """It would be an impostor: whoever holds the password's verifier has no need of it."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = tmp_path / f".s.PGSQL.{listening.getsockname()[1]}"
        with socket.socket(socket.AF_UNIX) as impostor:
            impostor.bind(str(where))
            impostor.listen()

            def ask():
                connection, _ = impostor.accept()
                connection.recv(4_096)
                connection.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")  # AuthenticationCleartextPassword
                heard.append(connection.recv(4_096))
                connection.close()

            asking = threading.Thread(target=ask)
            asking.start()
            place = postgresql.place(host=str(tmp_path), port=listening.getsockname()[1], password_file=password)
            assert refusal(place).code == "database.unreachable"
            asking.join()
    assert PASSWORD.encode() not in b"".join(heard)


def test_variables_of_the_environment_say_nothing(postgresql, place, monkeypatch):
    for name, value in (
        ("PGHOST", "elsewhere.invalid"),
        ("PGUSER", "owner"),
        ("PGDATABASE", "postgres"),
        ("PGOPTIONS", "-c synchronous_commit=off"),
        ("PGSSLMODE", "disable"),
        ("PGPASSWORD", "x"),
        ("PGAPPNAME", "x"),
    ):
        monkeypatch.setenv(name, value)
    engine = PostgresEngine(place)
    found = engine._writer._wire.execute("SELECT current_user::text, current_database()::text").fetchone()
    assert found == ("nexus", "nexus")
    assert engine._writer._wire.execute("SHOW synchronous_commit").fetchone() == ("on",)
    engine.close()


# One platform at a time


def test_a_second_platform_is_kept_out_until_the_first_is_gone(postgresql, place):
    PostgresEngine(place).close()
    first, second, elsewhere = Hold(place), Hold(place), Hold(postgresql.place())
    first.keep()
    first.keep()
    elsewhere.keep()
    with pytest.raises(Conflict) as refused:
        second.keep()
    assert refused.value.code == "database.in-use"
    first.close()
    second.keep()
    with pytest.raises(Conflict):
        first.keep()
    for each in (second, elsewhere):
        each.close()


def test_a_platform_whose_connection_ended_takes_its_place_again_unless_somebody_else_has(postgresql, place):
    first, second = Hold(place), Hold(place)
    first.keep()
    postgresql.end(first._connection.info.backend_pid)
    first.keep()
    with pytest.raises(Conflict):
        second.keep()
    postgresql.end(first._connection.info.backend_pid)
    second.keep()
    with pytest.raises(Conflict):
        first.keep()
    second.close()
