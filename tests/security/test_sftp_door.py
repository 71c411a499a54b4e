"""The SFTP door attacked: paths, other providers' buckets, what is no upload, half of an upload, keys that end. EMC-07."""

import asyncio
import inspect
import os
from pathlib import Path

import asyncssh
import pytest
from asyncssh.sftp import SFTPError, SFTPServer
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret
from nexus.warehouse.sftp import paths
from nexus.warehouse.sftp.deposit import Deposit
from nexus.warehouse.sftp.model import MAX_OF_ADDRESS, MAX_OPEN
from simulators.sftp_door import CLAIRE, LUC, sftp_door

CONTENT = os.urandom(300_000)


async def test_openssh_delivers_and_lists_and_what_lies_there_is_what_was_sent(tmp_path):
    (tmp_path / "stays.csv").write_bytes(CONTENT)
    async with sftp_door(tmp_path / "store") as door:
        done = await door.openssh(
            f"mkdir chu-in/2026-11\nput {tmp_path}/stays.csv chu-in/2026-11/stays.csv\nls -l chu-in/2026-11\nls\npwd\n"
        )
        assert done.returncode == 0, done.stderr
        assert "stays.csv" in done.stdout and "chu-in" in done.stdout and "lyon-in" not in done.stdout
        assert await door.keys_in() == {"2026-11/stays.csv": len(CONTENT)}
        read = await door.store.objects.reading.get(door.store.op, door.hospital.bucket, "2026-11/stays.csv")
        assert b"".join([chunk async for chunk in read.body]) == CONTENT
        written = [entry for entry in door.store.entries if entry.action == "objects.object.write"]
        assert written[-1].operation.actor.id == "machine:chu-in" and written[-1].operation.door == "sftp"


async def test_many_files_with_another_client_and_nothing_of_them_is_on_the_disk_in_clear(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection, connection.start_sftp_client() as client:
            for number in range(5):
                async with client.open(f"/chu-in/1/part-{number}.csv", "wb") as file:
                    await file.write(b"DUPONT-CLEAR-" + CONTENT)
            assert sorted(await client.listdir("/chu-in/1")) == [f"part-{number}.csv" for number in range(5)]
            assert (await client.stat("/chu-in/1/part-0.csv")).size == len(CONTENT) + 13
    for path in (tmp_path / "store").rglob("*"):
        assert not path.is_file() or b"DUPONT-CLEAR-" not in path.read_bytes(), path


REFUSED = (
    ("reading back", lambda c: c.open("/chu-in/1/a.csv", "rb")),
    ("appending", lambda c: c.open("/chu-in/1/a.csv", "ab")),
    ("updating", lambda c: c.open("/chu-in/1/a.csv", "r+b")),
    ("renaming", lambda c: c.rename("/chu-in/1/a.csv", "/chu-in/1/b.csv")),
    ("renaming over", lambda c: c.posix_rename("/chu-in/1/a.csv", "/chu-in/1/b.csv")),
    ("removing", lambda c: c.remove("/chu-in/1/a.csv")),
    ("removing a folder", lambda c: c.rmdir("/chu-in/1")),
    ("a symbolic link", lambda c: c.symlink("/etc/passwd", "/chu-in/1/link")),
    ("a hard link", lambda c: c.link("/chu-in/1/a.csv", "/chu-in/1/link")),
    ("following a link", lambda c: c.readlink("/chu-in/1/a.csv")),
    ("a file at the root", lambda c: c.open("/a.csv", "wb")),
    ("a bucket's own name", lambda c: c.open("/chu-in", "wb")),
    ("a bucket", lambda c: c.mkdir("/new-bucket")),
    ("the machine's files", lambda c: c.open("/../../../etc/cron.d/x", "wb")),
    ("another provider's bucket", lambda c: c.open("/lyon-in/1/a.csv", "wb")),
    ("another provider's names", lambda c: c.listdir("/lyon-in")),
    ("another bucket's names by dots", lambda c: c.listdir("/chu-in/../lyon-in")),
    ("a bucket that is no provider's", lambda c: c.open("/ward/a.csv", "wb")),
    ("a name with a control character", lambda c: c.open("/chu-in/1/a\n.csv", "wb")),
    ("a backslash", lambda c: c.open("/chu-in/..\\..\\a.csv", "wb")),
    ("a name without end", lambda c: c.open("/chu-in/" + "a" * 2_000, "wb")),
    ("the file system's size", lambda c: c.statvfs("/")),
)


async def test_whatever_is_no_upload_into_the_own_bucket_is_refused_and_changes_nothing(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection, connection.start_sftp_client() as client:
            async with client.open("/chu-in/1/a.csv", "wb") as file:
                await file.write(b"a")
            for what, attempt in REFUSED:
                with pytest.raises((SFTPError, OSError)):
                    await attempt(client)
                    raise AssertionError(what)
            missing = await _refusal(client, "/nowhere")
            assert await _refusal(client, "/lyon-in") == missing, "another provider's bucket is one that is not there"
        assert await door.keys_in() == {"1/a.csv": 1} and await door.keys_in("lyon-in") == {}
        denied = [entry for entry in door.store.entries if entry.outcome == "denied"]
        assert any(entry.action == "objects.object.write" for entry in denied)


async def _refusal(client, path: str) -> tuple[int, str]:
    with pytest.raises(SFTPError) as refused:
        await client.listdir(path)
    return refused.value.code, refused.value.reason


async def test_there_is_no_shell_no_command_no_forwarding_and_no_other_subsystem(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection:
            for attempt in (
                connection.create_process,
                lambda: connection.create_process("id"),
                lambda: connection.create_process("scp -t /chu-in"),
                lambda: connection.create_process(subsystem="netconf"),
                lambda: connection.open_connection("127.0.0.1", door.port),
                lambda: connection.open_unix_connection("/run/x"),
            ):
                with pytest.raises((asyncssh.Error, OSError)):
                    await attempt()
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", door.port)


async def test_keys_of_others_wrong_secrets_and_passwords_do_not_enter(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        for key_id, secret in (
            (CLAIRE, Secret(b"guessed")),
            ("NXAKNOBODY", Secret(b"x")),
            (CLAIRE, door.access_keys.secret(LUC)),
        ):
            with pytest.raises(asyncssh.PermissionDenied):
                await door.connect(key_id, secret=secret)
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                "127.0.0.1", door.port, username=CLAIRE, password="secret of NXAKCLAIRE", client_keys=None,
                known_hosts=None, config=None, agent_path=None,
            )  # fmt: skip
        await asyncio.sleep(0.2)
        assert [entry.action for entry in door.store.entries if entry.outcome == "denied"].count(
            "intake.sftp.enter"
        ) >= 3


async def test_a_key_that_is_revoked_in_the_middle_of_an_upload_ends_it_within_five_seconds(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection, connection.start_sftp_client() as client:
            file = await client.open("/chu-in/1/a.csv", "wb")
            await file.write(CONTENT)
            del door.access_keys.working[CLAIRE]
            async with asyncio.timeout(5):
                await connection.wait_closed()
        assert await door.keys_in() == {}
        assert not _blobs(door.root)


async def test_a_sealed_platform_ends_sessions_and_lets_nobody_in(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection:
            door.lease.held = False
            async with asyncio.timeout(5):
                await connection.wait_closed()
        with pytest.raises(asyncssh.PermissionDenied):
            await door.connect()


@pytest.mark.parametrize("how", ["abort", "eof", "exit"])
async def test_what_was_not_closed_is_nothing(tmp_path, how):
    async with sftp_door(tmp_path / "store") as door:
        connection = await door.connect()
        client = await connection.start_sftp_client()
        file = await client.open("/chu-in/1/a.csv", "wb")
        await file.write(CONTENT)
        if how == "abort":
            connection.abort()
        elif how == "eof":
            client._handler._writer.write_eof()
        else:
            client.exit()
        await asyncio.sleep(1.0)
        assert await door.keys_in() == {} and not _blobs(door.root)
        connection.abort()


def _blobs(root: Path) -> list[Path]:
    return [path for path in (root / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 100_000]


async def test_blocks_out_of_order_and_resumed_uploads_are_refused_in_words(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection, connection.start_sftp_client() as client:
            file = await client.open("/chu-in/1/a.csv", "wb")
            with pytest.raises(SFTPError) as refused:
                await file.write(b"later", 1_000)
            assert "in order" in refused.value.reason and "whole file" in refused.value.reason
        (tmp_path / "a.csv").write_bytes(CONTENT)
        done = await door.openssh(f"put {tmp_path}/a.csv chu-in/1/b.csv\nreput {tmp_path}/a.csv chu-in/1/b.csv\n")
        assert done.returncode == 0 or done.stderr
        assert (await door.keys_in())["1/b.csv"] == len(CONTENT)


async def test_open_files_sessions_and_connections_have_limits(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection, connection.start_sftp_client() as client:
            for number in range(MAX_OPEN):
                await client.open(f"/chu-in/1/{number}.csv", "wb")
            with pytest.raises(SFTPError):
                await client.open("/chu-in/1/more.csv", "wb")
        held = [await door.connect() for _ in range(MAX_OF_ADDRESS)]
        with pytest.raises((asyncssh.Error, OSError)):
            await door.connect()
        for one in held:
            one.abort()


async def test_a_packet_beyond_every_limit_ends_the_session_and_not_the_door(tmp_path):
    async with sftp_door(tmp_path / "store") as door:
        async with door.connect() as connection:
            writer, reader, _ = await connection.open_session(subsystem="sftp", encoding=None)
            writer.write(b"\xff\xff\xff\xff" + b"\x03" * 1_000)
            async with asyncio.timeout(10):
                assert await reader.read() == b""
        assert (await door.openssh("ls\n")).returncode == 0


async def test_whoever_asks_nothing_is_sent_away(tmp_path):
    async with sftp_door(tmp_path / "store", idle_s=1.0) as door:
        async with door.connect() as connection:
            async with asyncio.timeout(6):
                await connection.wait_closed()


def test_every_request_that_asyncssh_could_do_on_a_file_system_is_answered_by_the_door():
    ours = {"channel", "connection", "env", "logger", "format_user", "format_group", "format_longname", "convert_attrs"}
    public = (
        {name for name, what in inspect.getmembers(SFTPServer) if not name.startswith("_") and callable(what)}
        - ours
        - {"map_path", "reverse_map_path"}
    )
    assert public and not {name for name in public if getattr(Deposit, name) is getattr(SFTPServer, name)}


@given(st.binary(max_size=60) | st.text(alphabet="./ab\\\0", max_size=30).map(str.encode))
def test_no_path_leads_out_of_the_buckets(path):
    try:
        where = paths.place(path)
    except Invalid:
        return
    parts = [*([where.bucket] if where.bucket else []), *(where.key.split("/") if where.key else [])]
    assert all(part not in {"", ".", ".."} and "\0" not in part and "\\" not in part for part in parts)
