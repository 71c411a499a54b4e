"""Processes that the fork server makes are what exec would have made of them, and belong to the supervisor."""

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from nexus.app import children
from nexus.app.forking.client import FORKED, ForkServer, fork_server
from nexus.app.handoff import Handoff
from nexus.app.keeping import Place
from nexus.app.settings import Settings, child_environment
from nexus.kernel.errors import Conflict, NexusError
from nexus.kernel.mutual import Credentials
from simulators.machines import credentials

TESTS = str(Path(__file__).parent.parent)
SETTINGS = Settings(stop_grace_s=1)
NAMES = ("steady", "refuses", "silent", "mortal", "stubborn", "drawing")
EXECUTED = partial(children.execute, module="simulators.process")
PR_GET_CHILD_SUBREAPER = 37


def given(process: str, root: str = "/nowhere", own: Credentials | None = None) -> Handoff:
    return Handoff(process=process, root=root, settings=SETTINGS, credentials=own)


@pytest.fixture
async def server(monkeypatch) -> AsyncIterator[ForkServer]:
    monkeypatch.setenv("PYTHONPATH", TESTS)
    made = ForkServer(NAMES, module="simulators.forked_process", otherwise=EXECUTED)
    made.begin()
    yield made
    await made.close()


def kept_by(server: ForkServer, process: str) -> Place:
    async def prepare() -> Handoff:
        return given(process)

    return Place(process, prepare, inherit=(), launch=server.launch)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def descriptors(pid: int) -> list[str]:
    """What each descriptor of a process is, without the number of the pipe or socket."""
    names = [path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir()]
    return sorted(re.sub(r"\d+", "N", name) for name in names)


def environment(pid: int) -> dict[str, str]:
    return own_environment(psutil.Process(pid).environ())


def own_environment(variables: dict[str, str]) -> dict[str, str]:
    """Without what pytest changes between two starts."""
    return {name: value for name, value in variables.items() if name != "PYTEST_CURRENT_TEST"}


def adopts() -> bool:
    """Whether orphans become children of this process."""
    answer = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(answer), 0, 0, 0)
    return bool(answer.value)


async def test_a_forked_process_is_our_child_with_its_name_its_session_and_its_status(server):
    child = await children.start(given("steady"), launch=server.launch)
    seen = psutil.Process(child.pid)
    assert seen.ppid() == os.getpid() != await server.pid()
    assert seen.cmdline() == ["simulated", "steady"] and seen.cwd() == "/"
    assert os.getsid(child.pid) == child.pid, "Ctrl-C in the terminal must not reach it"
    await child.stop(5)
    assert await child.ended() == 0 and not child.alive
    assert not adopts(), "orphans of others are none of ours"


async def test_it_has_the_environment_and_the_descriptors_that_exec_would_have_given_it(server):
    lock = os.open("/dev/null", os.O_RDONLY)
    stray = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(stray, True)
    started = [
        await children.start(given("steady"), inherit=[lock], launch=launch) for launch in (server.launch, EXECUTED)
    ]
    forked, executed = (child.pid for child in started)
    try:
        await until(lambda: all(child.heard.told for child in started))  # each has opened all that it opens
        assert descriptors(forked) == descriptors(executed) and "null" in descriptors(forked)
        assert "zero" not in descriptors(forked), "only what is inherited on purpose"
        assert environment(forked) == environment(executed)
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in (forked, executed)]
        assert limits[0] == limits[1]
    finally:
        for child in started:
            await child.stop(5)
        os.close(lock)
        os.close(stray)


async def test_what_keeps_it_from_starting_is_the_same_error(server):
    with pytest.raises(Conflict) as raised:
        await children.start(given("refuses"), launch=server.launch)
    assert (raised.value.code, raised.value.hint) == ("simulated.refusal", "come tomorrow")
    with pytest.raises(NexusError, match="status 7"):
        await children.start(given("silent"), launch=server.launch)


async def test_a_stubborn_one_is_killed_and_reported_with_the_signal(server):
    child = await children.start(given("stubborn"), launch=server.launch)
    await child.stop(-children.KILL_AFTER_S + 0.2)
    assert await child.ended() == -signal.SIGKILL


async def test_a_killed_one_is_started_again_from_the_same_server(server, caplog):
    kept, parent = kept_by(server, "steady"), await server.pid()
    await kept.open()
    try:
        first = kept.status().pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.status().pid not in (first, None))
        assert kept.status().restarts == 1 and await server.pid() == parent
        assert "steady died (status -9)" in caplog.text
        assert not Path(f"/proc/{first}").exists(), "nothing is left of it"
    finally:
        await kept.close(1)


async def test_one_that_faulted_is_started_again_from_another_server(server):
    """Or whoever makes it fault could try one guess of its memory's layout after the other."""
    kept, parent = kept_by(server, "steady"), await server.pid()
    await kept.open()
    try:
        first = kept.status().pid
        os.kill(first, signal.SIGSEGV)
        await until(lambda: kept.status().pid not in (first, None))
        assert await server.pid() != parent and not psutil.pid_exists(parent)
        assert psutil.Process(kept.status().pid).cmdline() == ["simulated", "steady"]
    finally:
        await kept.close(1)


async def test_a_server_that_is_killed_takes_nobody_along_and_is_started_anew(server):
    child = await children.start(given("steady"), launch=server.launch)
    first = await server.pid()
    os.kill(first, signal.SIGKILL)
    await until(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE if psutil.pid_exists(first) else True)
    other = await children.start(given("steady"), launch=server.launch)
    try:
        assert child.alive and await server.pid() != first
        assert psutil.Process(other.pid).cmdline() == ["simulated", "steady"]
    finally:
        await child.stop(5)
        await other.stop(5)
    assert await child.ended() == 0 == await other.ended()


@pytest.mark.parametrize(("module", "name"), [("nonsense", "steady"), ("simulators.forked_process", "threaded")])
async def test_where_nothing_can_be_forked_a_process_is_started_by_exec(monkeypatch, caplog, module, name):
    monkeypatch.setenv("PYTHONPATH", TESTS)
    broken = ForkServer([name], module=module, otherwise=EXECUTED)
    child = await children.start(given(name), launch=broken.launch)
    try:
        assert psutil.Process(child.pid).cmdline()[-2:] == ["simulators.process", name]
        assert "cannot be forked" in caplog.text
    finally:
        await child.stop(5)
        await broken.close()


async def test_who_is_not_of_it_or_wants_an_environment_of_its_own_is_started_by_exec(server, monkeypatch):
    own = Handoff(process="steady", root="/", settings=SETTINGS, environment={"ITS": "own"})
    for handed in (own, given("kms")):
        child = await children.start(handed, launch=server.launch)
        assert "simulators.process" in psutil.Process(child.pid).cmdline()
        await child.stop(5)


async def test_nothing_secret_is_in_the_server(server, monkeypatch):
    monkeypatch.setenv("NEXUS_SOMETHING", "ours alone")
    own = credentials("s3")
    child = await children.start(given("steady", own=own), launch=server.launch)
    await child.give(own)
    pid = await server.pid()
    try:
        assert environment(pid) == own_environment({**children.MEMORY, **child_environment({})})
        assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
        for number in (1, 2):
            assert Path(f"/proc/{pid}/fd/{number}").readlink() == Path("/proc/self/fd/2").readlink()
        assert {path.name for path in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2"}
        if os.geteuid():
            assert Path(f"/proc/{pid}").stat().st_uid == 0, "nobody of the same user may look into it"
        else:
            assert own.key.splitlines()[1] not in memory_of(pid)
            assert own.key.splitlines()[1] in memory_of(child.pid), "this would find it"
    finally:
        await child.stop(5)


def memory_of(pid: int) -> bytes:
    """All that a process may write to."""
    held = b""
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(each, 16) for each in place.split("-"))
                memory.seek(start)
                held += memory.read(end - start)
    return held


async def test_processes_of_one_server_draw_different_numbers(server, tmp_path):
    started = [await children.start(given("drawing", str(tmp_path)), launch=server.launch) for _ in range(3)]
    drawn = [path.read_text().splitlines() for path in tmp_path.iterdir()]
    for child in started:
        await child.stop(5)
    for each in zip(*drawn, strict=True):
        assert len(each) == len(set(each)) == 3


async def test_a_start_that_is_given_up_leaves_no_process(server):
    await server.pid()
    before = set(psutil.Process().children())
    starting = asyncio.create_task(children.start(given("steady"), launch=server.launch))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await until(lambda: not [p for p in set(psutil.Process().children()) - before if p.status() != "zombie"])
    assert not adopts()


def test_doors_and_worker_are_forked_unless_the_setting_says_otherwise():
    assert fork_server(SETTINGS, ["s3", "bastion"])._names == ("s3", "worker")
    executing = fork_server(Settings(process_start="exec"), FORKED)
    executing.begin()
    assert executing._names == () and executing._server is None


def test_server_and_processes_end_when_the_supervisor_is_killed():
    program = textwrap.dedent(
        f"""
        import asyncio, os, sys
        sys.path.insert(0, {TESTS!r})
        os.environ["PYTHONPATH"] = {TESTS!r}
        from service.test_app_forking import ForkServer, NAMES, given
        from nexus.app import children
        async def main():
            server = ForkServer(NAMES, module="simulators.forked_process")
            child = await children.start(given("steady"), launch=server.launch)
            print(child.pid, await server.pid(), flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
        """
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    pids = [int(word) for word in supervisor.stdout.readline().split()]
    assert len(pids) == 2 and all(map(alive, pids))
    supervisor.kill()
    supervisor.communicate()
    deadline = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, "they outlived their supervisor"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
