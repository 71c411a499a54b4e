"""A process as the supervisor sees it: start, wait until it is ready, watch, stop."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from nexus.app import handoff
from nexus.app.handoff import Handoff
from nexus.app.settings import child_environment
from nexus.app.telemetry import report
from nexus.app.telemetry.report import Heard
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.mutual import Credentials

PROCESSES = "nexus.app.processes"
READY_WAIT_S = 60.0
"""A process that is not ready by then is stopped: recovery after a crash and migrations happen within this time."""
MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "16777216", "MALLOC_TRIM_THRESHOLD_": "33554432"}
"""How the C library keeps memory, unless the environment says otherwise (others than glibc ignore it). Batches of streams (1 to
2 MiB) are used again instead of being given back to the kernel and zeroed by it each time, which costs a large GET more than its
encryption; two pools instead of one for each thread, so that what is kept is little."""
KILL_AFTER_S = 5.0
"""Beyond the grace: then a process that does not stop is killed."""
FIRST_DELAY_S = 0.2
LAST_DELAY_S = 15.0
STABLE_AFTER_S = 30.0
"""A process that ran this long starts again at once when it dies; one that did not waits longer each time."""


class Process(Protocol):
    """A process of the operating system, however it was started; `asyncio.subprocess.Process` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...

    @property
    def stdout(self) -> asyncio.StreamReader | None: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


Launch = Callable[[Handoff, Sequence[int]], Awaitable[Process]]
"""Starts the process of a handoff, with descriptors that it keeps open, and does not wait until it is ready."""


class Child:
    """One running process."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.started_at = time.monotonic()
        self.heard = Heard()
        self._process = process
        self._listening: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def listen(self) -> None:
        """Hear its reports from now on, until its end."""
        self._listening = asyncio.create_task(self._listen(), name=f"reports of {self.name}")

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(EOFError, ValueError, OSError):  # what is no report ends it, and the process counts as silent
            while True:
                self.heard.hear(await report.receive(self._process.stdout))

    async def ended(self) -> int:
        """Wait for its end; negative is the signal that ended it."""
        return await self._process.wait()

    async def give(self, credentials: Credentials) -> None:
        """Its next certificate, on the pipe of its handoff. Raises ConnectionError if it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(handoff.pack_credentials(credentials))
        await self._process.stdin.drain()

    async def stop(self, grace_s: float) -> None:
        """Ask it to stop (SIGTERM), then insist (SIGKILL)."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace_s + KILL_AFTER_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def execute(given: Handoff, inherit: Sequence[int], module: str = PROCESSES) -> Process:
    """Start a process by exec, with nothing in its memory of any other. `module` is what Python runs."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module, given.process),  # -P: nothing is imported from the current directory
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=tuple(inherit),
        start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone
        cwd="/",
        env={**MEMORY, **child_environment(given.environment)},
    )


async def start(given: Handoff, *, inherit: Sequence[int] = (), launch: Launch = execute) -> Child:
    """Start a process and wait until it is ready. Raises the error that kept it from starting.

    `inherit` are descriptors that it keeps open (the lock of the data directory).
    """
    process = await launch(given, inherit)
    child = Child(given.process, process)
    try:
        await _greet(process, given)
    except BaseException:
        await child.stop(0)
        raise
    child.listen()
    return child


async def _greet(process: Process, given: Handoff) -> None:
    assert process.stdin is not None and process.stdout is not None
    with suppress(ConnectionError):  # it may have died already; its silence below says so
        process.stdin.write(handoff.pack(given))
        await process.stdin.drain()
    try:
        async with asyncio.timeout(READY_WAIT_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise Unavailable(f"{given.process} was not ready in time", code="process.slow") from None
    if not line:
        status = await process.wait()
        raise NexusError(
            f"{given.process} ended while it started (status {status})",
            code="process.died",
            hint="its last messages say why",
        )
    answer = handoff.decode_answer(line)
    if not answer.ready:
        raise handoff.as_error(answer)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a process is started again. A value; `after` gives the next one."""

    delay_s: float = 0.0

    def after(self, lived_s: float) -> "Backoff":
        """The delay after a process lived for `lived_s` seconds."""
        if lived_s >= STABLE_AFTER_S:
            return Backoff(0.0)
        return Backoff(min(max(self.delay_s * 2, FIRST_DELAY_S), LAST_DELAY_S))
