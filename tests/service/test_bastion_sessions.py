"""Sessions through the bastion with OpenSSH's own client: run, recorded, replayed, compared with the log.

Everything is real but the clock: key service, identities, gate, audit log, shells.
"""

import asyncio
import json
import re

import psutil
import pytest
import pytest_asyncio

from nexus.bastion import chunks
from nexus.bastion.model import End
from nexus.bastion.requests import ById, CutSession, ListSessions, ReadRecording
from nexus.bastion.retention import Retention
from nexus.iam.requests.forms import ById as IamById
from nexus.kernel.clock import DAY, HOUR, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Denied
from simulators.bastion import OpenSsh, ended, have_ssh, open_bastion, until
from simulators.clock import ManualClock

pytestmark = [
    pytest.mark.skipif(not have_ssh, reason="OpenSSH's client is not installed (Debian package openssh-client)"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared():
    """One bastion for the tests that leave it as it was."""
    async with open_bastion() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def own():
    """A bastion of one's own, to break."""
    async with open_bastion() as made:
        yield made


async def latest(bastion):
    sessions = (await bastion.call("bastion.session.list", bastion.alice, ListSessions(limit=1))).sessions
    return sessions[0]


async def cast(bastion, session_id, who=None):
    """The whole recording, page by page."""
    text, after, more = "", 0, True
    while more:
        page = await bastion.call(
            "bastion.session.replay", who or bastion.alice, ReadRecording(id=session_id, after=after)
        )
        text, after, more = text + page.cast, page.next, page.more
    return text


def events(text, code):
    lines = [json.loads(line) for line in text.splitlines()]
    return "".join(line[2] for line in lines if isinstance(line, list) and line[1] == code)


async def shell(bastion, *arguments):
    """A shell in a terminal, open and ready."""
    client = OpenSsh(bastion)
    client.take(await bastion.certificate(bastion.olga, client.key))
    process = await client.start("-tt", *arguments)
    process.stdin.write(b"echo re''ady\n")
    await process.stdin.drain()
    await hear(process, b"ready")
    return process


async def hear(process, words, seconds=15):
    heard = b""
    async with asyncio.timeout(seconds):
        while words not in heard:
            part = await process.stdout.read(4_096)
            assert part, (heard, await process.stderr.read())
            heard += part
    return heard


async def test_a_command_runs_and_its_exit_status_comes_back(shared):
    """EMC-38, F-002: who administers the machine does so by name, through one door, on record."""
    said = await shared.ssh(shared.olga, "echo hello; echo oh >&2; exit 7")
    assert (said.status, said.out) == (7, "hello\noh\n")
    session = await latest(shared)
    assert (session.person, session.login, session.end) == (shared.olga.id, "olga", End.FINISHED)
    assert session.command == "echo hello; echo oh >&2; exit 7"
    recorded = await cast(shared, session.id)
    header = json.loads(recorded.splitlines()[0])
    assert (header["version"], header["term"], header["title"]) == (3, {"cols": 80, "rows": 24}, session.id)
    assert events(recorded, "o") == "hello\noh\n"
    assert events(recorded, "x") == "7"
    checked = await shared.call("bastion.session.verify", shared.alice, ById(id=session.id))
    assert checked.sound and checked.chunks == checked.logged == session.chunks
    assert checked.last_entry > checked.first_entry


async def test_a_shell_in_a_terminal_is_recorded_with_what_was_typed_and_how_large_it_was(shared):
    process = await shell(shared)
    process.stdin.write(b"stty size; exit 3\n")
    out, _ = await process.communicate()
    assert process.returncode == 3
    assert b"24 80" in out
    session = await latest(shared)
    recorded = await cast(shared, session.id)
    assert "stty size; exit 3" in events(recorded, "i").replace("\r", "\n")
    assert "24 80" in events(recorded, "o")
    assert json.loads(recorded.splitlines()[0])["term"]["type"] == "xterm"


async def test_a_password_is_not_in_the_recording(shared):
    process = await shell(shared)
    process.stdin.write(b"read -s -p 'Pass''word: ' x; echo; echo length ${#x}\n")
    await hear(process, b"Password: ")
    process.stdin.write(b"swordfish\n")
    await hear(process, b"length 9")
    process.stdin.write(b"exit\n")
    await process.communicate()
    recorded = await cast(shared, (await latest(shared)).id)
    assert "swordfish" not in recorded
    assert "[hidden]" in events(recorded, "i")


async def test_bytes_that_are_no_text_and_control_characters_survive_the_recording(shared):
    said = await shared.ssh(shared.olga, r"printf 'caf\xc3\xa9 \x1b[31m\x00\xff\xfe\xe2\x82'; printf '\xac!'")
    assert said.status == 0
    recorded = await cast(shared, (await latest(shared)).id)
    assert "café \x1b[31m\x00\ufffd" in events(recorded, "o")
    exact = [data for _, kind, data in map(json.loads, recorded.splitlines()[1:]) if kind == "b"]
    assert exact  # the bytes that are no text, in base64


async def test_much_output_is_recorded_whole(shared):
    said = await shared.ssh(shared.olga, "seq 1 60000")
    assert said.out.count("\n") == 60_000
    session = await latest(shared)
    assert events(await cast(shared, session.id), "o") == said.out
    assert session.chunks > 4
    assert (await shared.call("bastion.session.verify", shared.alice, ById(id=session.id))).sound


async def test_input_of_a_command_reaches_it_and_its_end_too(shared):
    client = OpenSsh(shared)
    client.take(await shared.certificate(shared.olga, client.key))
    said = await client.run("sort", typed="pear\napple\n")
    assert said.out == "apple\npear\n"
    assert events(await cast(shared, (await latest(shared)).id), "i") == "pear\napple\n"


async def test_nothing_of_ours_is_in_the_environment_of_a_session(shared):
    client = OpenSsh(shared)
    client.take(await shared.certificate(shared.olga, client.key))
    said = await client.run("env", before=("-o", "SetEnv=LC_X=evil LD_PRELOAD=/evil.so"))
    names = {line.partition("=")[0] for line in said.out.splitlines()}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} <= {"PATH", "HOME", "TERM", "LANG", "NEXUS_BASTION_SESSION"}


async def test_no_process_of_a_session_outlives_it(shared):
    said = await shared.ssh(
        shared.olga, "trap '' HUP; (trap '' HUP TERM; setsid sleep 311 & nohup sleep 312 >/dev/null 2>&1 &) ; echo done"
    )
    assert "done" in said.out
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] in (["sleep", "311"], ["sleep", "312"])
    ]
    assert left == []


async def test_a_second_person_sees_what_happens_and_the_operator_is_told(shared):
    process = await shell(shared)
    session = await latest(shared)
    assert session.end is None

    async def looked(after=0):
        page = await shared.call("bastion.session.watch", shared.bruno, ReadRecording(id=session.id, after=after))
        assert page.open
        return page

    first = await looked()
    assert await hear(process, b"watches this session")
    process.stdin.write(b"echo some''thing\n")
    await hear(process, b"something")
    page = first
    async with asyncio.timeout(10):
        while "something" not in events(page.cast, "o"):
            await asyncio.sleep(0.1)
            page = await looked(first.next)
    process.stdin.write(b"exit\n")
    await process.communicate()
    recorded = await cast(shared, session.id)
    assert "Bruno watches this session" in events(recorded, "o")
    assert "]0;nexus: watched by Bruno" in events(recorded, "o")
    watched = [entry for entry in shared.entries("bastion.session.watch") if entry.resource.id == session.id]
    assert {entry.operation.actor.id for entry in watched} == {shared.bruno.id}


async def test_a_second_person_cuts_a_session_at_once(shared):
    process = await shell(shared)
    process.stdin.write(b"trap '' HUP TERM; sleep 313\n")
    session = await latest(shared)
    began = asyncio.get_running_loop().time()
    await shared.call("bastion.session.cut", shared.alice, CutSession(id=session.id, reason="not what was agreed"))
    out, _ = await process.communicate()
    assert asyncio.get_running_loop().time() - began < 5
    assert b"this session ends: cut" in out
    await until(lambda: ended(shared)[-1] is End.CUT)
    assert [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "313"]] == []
    with pytest.raises(Conflict):
        await shared.call("bastion.session.cut", shared.alice, CutSession(id=session.id))


async def test_an_operator_neither_watches_nor_replays(shared):
    await shared.ssh(shared.olga, "true")
    session = await latest(shared)
    for name in ("bastion.session.watch", "bastion.session.replay"):
        with pytest.raises(Denied):
            await shared.call(name, shared.olga, ReadRecording(id=session.id))


@pytest.mark.parametrize("how", ["elevation", "suspended", "signed-out"])
async def test_the_shell_ends_within_moments_when_the_right_to_it_ends(own, how):
    """RG-40: a removed right takes effect at every door, also where somebody is inside already."""
    process = await shell(own)
    people = own.people
    match how:
        case "elevation":
            await people.call("iam.elevation.end", people.op(own.alice), IamById(id=own.elevation.id))
        case "suspended":
            await people.call("iam.person.suspend", people.op(own.alice), IamById(id=own.olga.id))
        case "signed-out":
            await people.call("iam.session.end", people.op(own.olga), IamById(id=own.olga.actor.session))
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert b"this session ends: right ended" in out
    await until(lambda: ended(own) == [End.RIGHT_ENDED])
    said = OpenSsh(own)
    with pytest.raises(Denied):
        said.take(await own.certificate(own.olga, said.key))


async def test_the_shell_ends_when_the_elevation_does(own):
    process = await shell(own)
    own.clock.advance(2 * HOUR)
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert b"this session ends: right ended" in out


async def test_sealing_ends_every_session_and_opens_none(own):
    process = await shell(own)
    client = OpenSsh(own)
    client.take(await own.certificate(own.olga, client.key))
    own.lease.held = False
    own.gateway.end_all(End.SEALED)
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert b"this session ends: sealed" in out
    assert (await client.run("true")).status == 255


async def test_without_the_log_there_is_no_shell(own):
    client = OpenSsh(own)
    client.take(await own.certificate(own.olga, client.key))
    own.recorder.broken = True
    said = await client.run("echo was here > marker; echo inside")
    assert said.status == 254
    assert "inside" not in said.out
    assert not (own.root / "marker").exists()
    assert list(own.recordings.glob("*")) == []


async def test_a_session_is_cut_when_what_happens_cannot_be_recorded_any_more(own):
    process = await shell(own)
    own.recorder.broken = True
    process.stdin.write(b"echo un''seen\n")
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert b"this session ends: unrecorded" in out
    assert own.gateway.sessions == set() or await until(lambda: not own.gateway.sessions)


async def test_a_recording_that_was_touched_is_found_out(own):
    """EMC-38: a recording proves what happened only if a change of it shows."""
    await own.ssh(own.olga, "seq 1 30000")
    session = await latest(own)
    file = chunks.path_of(own.recordings, session.id)
    sound = file.read_bytes()

    async def check():
        return await own.call("bastion.session.verify", own.bruno, ById(id=session.id))

    assert (await check()).sound
    for spoilt, code in (
        (sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:], "changed"),
        (sound[:-1], "cut"),
        (sound[: len(chunks.MAGIC)], "missing"),
        (sound + sound[len(chunks.MAGIC) :], "extra"),
        (b"", "cut"),
    ):
        file.write_bytes(spoilt)
        checked = await check()
        assert not checked.sound
        assert checked.faults[-1].code == code
    file.write_bytes(sound[:-9] + bytes([sound[-9] ^ 1]) + sound[-8:])
    with pytest.raises(Damaged):
        await cast(own, session.id)
    file.unlink()
    assert [fault.code for fault in (await check()).faults] == ["cut"]


async def test_the_disk_shows_nothing_of_what_happened(own):
    await own.ssh(own.olga, "echo the-secret-of-the-house")
    for path in own.root.rglob("*"):
        if path.is_file() and "tmp" not in path.parts and path.parent.name != path.name:
            assert b"the-secret-of-the-house" not in path.read_bytes(), path


async def test_sessions_that_a_dead_bastion_left_open_are_closed_when_it_starts_again(own):
    process = await shell(own)
    session = await latest(own)
    assert await own.gateway.opening.close_lost() == 1
    assert ended(own)[-1] is End.LOST
    await asyncio.wait_for(process.communicate(), 10)
    assert re.match("bas_", session.id)


async def test_what_a_dying_bastion_wrote_and_did_not_log_is_no_false_alarm(own):
    await own.ssh(own.olga, "echo hello")
    session = await latest(own)
    reopen = "UPDATE bastion_session SET ended_at = NULL, end = NULL WHERE id = ?"
    await own.database.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute(reopen, (session.id,)))
    file = chunks.path_of(own.recordings, session.id)
    file.write_bytes(file.read_bytes() + b"\0\0\0\x99half a chunk")
    assert await own.gateway.opening.close_lost() == 1
    checked = await own.call("bastion.session.verify", own.bruno, ById(id=session.id))
    assert checked.sound, checked
    assert (await latest(own)).end is End.LOST


async def test_a_recording_is_erased_after_its_time_and_the_log_certifies_it(own):
    """The key goes in the commit of the entry; a file that a crash left behind goes with the next round."""
    assert (await own.ssh(own.olga, "echo kept")).out == "kept\n"
    kept = await latest(own)
    file = chunks.path_of(own.recordings, kept.id)
    copy = file.read_bytes()

    def after(days: float) -> Retention:
        late = ManualClock(Instant(own.clock.now() + int(days * DAY)))
        return Retention(own.database, late, own.recordings, 30, own.own)

    await after(29.9).erase_due()
    assert file.exists() and "kept" in await cast(own, kept.id)

    await after(30.1).erase_due()
    assert not file.exists()
    (certificate,) = own.entries("bastion.recording.erase")
    assert certificate.resource.id == kept.id
    assert (certificate.details["chunks"], certificate.details["kept_days"]) == (kept.chunks, 30)
    with own.database.read() as tx:
        assert tx.one("SELECT sealed_key FROM bastion_session WHERE id = ?", (kept.id,)) == (b"",)
    for name, request in (
        ("bastion.session.replay", ReadRecording(id=kept.id)),
        ("bastion.session.verify", ById(id=kept.id)),
    ):
        with pytest.raises(Conflict) as refused:
            await own.call(name, own.alice, request)
        assert refused.value.code == "bastion.recording-erased"
    still = await own.call("bastion.session.read", own.alice, ById(id=kept.id))
    assert still.login == kept.login and still.erased_at is not None

    file.write_bytes(copy)  # as after a crash between the commit and the removal, or from an old copy of the folder
    await after(31).erase_due()
    assert not file.exists() and len(own.entries("bastion.recording.erase")) == 1
