"""Processes start with what they are handed, are kept alive, and never outlive their supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from nexus.app import children, handoff
from nexus.app.children import Backoff
from nexus.app.handoff import Handoff
from nexus.app.keeping import Place
from nexus.app.settings import Settings
from nexus.kernel.errors import Conflict, NexusError
from simulators.machines import credentials

EXECUTED = partial(children.execute, module="simulators.process")
TESTS = str(Path(__file__).parent.parent)
SETTINGS = Settings(stop_grace_s=1)


def given(process: str) -> Handoff:
    return Handoff(process=process, root="/nowhere", settings=SETTINGS, environment={"PYTHONPATH": TESTS})


async def start(process: str) -> children.Child:
    return await children.start(given(process), launch=EXECUTED)


def place(process: str) -> Place:
    async def prepare() -> Handoff:
        return given(process)

    return Place(process, prepare, inherit=(), launch=EXECUTED)


async def until(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def test_a_process_is_started_when_it_is_ready_and_stops_when_told():
    child = await start("steady")
    assert child.alive
    await child.stop(5)
    assert await child.ended() == 0


async def test_a_process_that_cannot_start_says_why():
    with pytest.raises(Conflict) as raised:
        await start("refuses")
    assert (raised.value.code, raised.value.hint) == ("simulated.refusal", "come tomorrow")


async def test_a_process_that_dies_while_it_starts_is_an_error_with_its_status():
    with pytest.raises(NexusError, match="status 7"):
        await start("silent")


async def test_a_process_that_will_not_stop_is_killed():
    child = await start("stubborn")
    begun = time.monotonic()
    await child.stop(-children.KILL_AFTER_S + 0.2)
    assert await child.ended() == -signal.SIGKILL and time.monotonic() - begun < 5


async def test_secrets_of_a_handoff_are_neither_arguments_nor_environment():
    given = credentials("s3")
    secret = given.key.splitlines()[1]
    child = await children.start(
        Handoff(process="steady", root="/", settings=SETTINGS, credentials=given, environment={"PYTHONPATH": TESTS}),
        launch=EXECUTED,
    )
    try:
        for file in ("cmdline", "environ"):
            assert secret not in Path(f"/proc/{child.pid}/{file}").read_bytes()
    finally:
        await child.stop(5)


async def test_a_killed_process_is_started_again():
    kept = place("steady")
    await kept.open()
    try:
        first = kept.status().pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: kept.status().pid not in (first, None))
        assert kept.status().restarts == 1
    finally:
        await kept.close(1)
    assert kept.status().state == "stopped"


async def test_a_process_that_keeps_dying_is_started_more_and_more_slowly():
    kept = place("mortal")
    await kept.open()
    try:
        await until(lambda: kept.restarts >= 2)
    finally:
        await kept.close(1)
    delays, backoff = [], Backoff()
    for _ in range(10):
        backoff = backoff.after(0.1)
        delays.append(backoff.delay_s)
    assert delays == sorted(delays) and delays[0] == children.FIRST_DELAY_S and delays[-1] == children.LAST_DELAY_S
    assert backoff.after(children.STABLE_AFTER_S).delay_s == 0


async def test_a_successor_takes_over_before_the_former_process_stops():
    kept = place("steady")
    await kept.open()
    try:
        first = kept.status().pid
        await kept.renew(1)
        second = kept.status().pid
        assert second != first and gone(first) and not gone(second)
        await asyncio.sleep(0.1)
        assert kept.status().pid == second and kept.restarts == 0
    finally:
        await kept.close(1)


def test_processes_end_when_their_supervisor_is_killed():
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        sys.path.insert(0, {TESTS!r})
        from service.test_app_processes import start
        async def main():
            child = await start("steady")
            print(child.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
        """
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    pid = int(supervisor.stdout.readline())
    assert not gone(pid)
    supervisor.kill()
    supervisor.communicate()
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, "it outlived its supervisor"
        time.sleep(0.02)


def test_a_handoff_survives_the_pipe():
    sent = Handoff(
        process="s3", root="/data", settings=Settings(s3_port=1, names=("a",)), credentials=credentials("s3"), port=7
    )
    read_end, write_end = os.pipe()
    os.write(write_end, handoff.pack(sent))
    os.close(write_end)
    assert handoff.receive(read_end) == sent
    with pytest.raises(EOFError):
        handoff.receive(read_end)
    os.close(read_end)
