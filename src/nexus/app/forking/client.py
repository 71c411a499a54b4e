"""The supervisor's side: keeps one fork server, asks it for processes, and starts them by exec where it cannot have them so."""

import asyncio
import logging
import socket
import sys
from collections.abc import Collection, Sequence
from typing import Final

from nexus.app import children, parts, prctl
from nexus.app.children import MEMORY, Process
from nexus.app.forking import wire
from nexus.app.forking.forked import FAULTS, ForkedProcess, Pipes
from nexus.app.handoff import Handoff
from nexus.app.settings import Settings, child_environment

SERVER: Final = "nexus.app.forking"
IMPORT_WAIT_S: Final = 60.0
FORK_WAIT_S: Final = 10.0
ATTEMPTS: Final = 2
"""The present fork server, which may have died meanwhile, and a fresh one."""

FORKED: Final = (parts.S3, parts.API, parts.CONSOLE, parts.PORTAL, parts.WORKER)
"""Processes that share most of what they import, in memory of one layout. Who guards keys or speaks SSH is not among them."""

_log = logging.getLogger("nexus.supervisor")


def fork_server(settings: Settings, doors: Collection[str]) -> "ForkServer":
    """That of a platform with these doors."""
    forked = [name for name in FORKED if name in doors or name == parts.WORKER]
    wanted = settings.process_start == "fork" and sys.platform == "linux"  # others cannot hand a child over
    return ForkServer(forked if wanted else ())


class ForkServer:
    """Starts processes of these names by forking them. `begin` before the first of them is wanted, `close` at the end."""

    def __init__(self, names: Sequence[str], *, module: str = SERVER, otherwise: children.Launch | None = None) -> None:
        """`module` is what Python runs as the server; `otherwise` starts what is not to be forked, or cannot be."""
        self._names = tuple(names)
        self._module = module
        self._otherwise = otherwise or children.execute
        self._server: asyncio.Task[_Server] | None = None
        self._one_at_a_time = asyncio.Lock()

    def begin(self) -> None:
        """Start the server, which imports while others work. Where nothing is to be forked there is none."""
        if self._names:
            self._server = asyncio.create_task(_Server.start(self._module, self._names), name="fork server")

    async def close(self) -> None:
        """End the server. What it forked lives on."""
        if (server := self._forget()) is not None:
            await _end(server)

    async def pid(self) -> int:
        """The number of the present server's process. Raises what keeps it from starting."""
        return (await self._present()).pid

    async def launch(self, given: Handoff, inherit: Sequence[int]) -> Process:
        """Start a process: by a fork if it is one of ours and wants no environment of its own."""
        if given.process not in self._names or given.environment:
            return await self._otherwise(given, inherit)
        async with self._one_at_a_time:
            for _ in range(ATTEMPTS):
                try:
                    return await self._fork(given.process, inherit)
                except (OSError, ValueError) as error:
                    _log.warning("the fork server is gone (%s)", type(error).__name__)
                    await self.close()
                except BaseException:  # cancelled between a request and its answer
                    await self.close()
                    raise
        _log.warning("%s cannot be forked; it is started by itself", given.process)
        return await self._otherwise(given, inherit)

    async def _fork(self, name: str, inherit: Sequence[int]) -> Process:
        """Raises OSError or ValueError if the server is not what it should be."""
        server = await self._present()
        pipes = Pipes()
        try:
            pid = await server.fork(name, [pipes.far_input, pipes.far_output, *inherit])
        except BaseException:
            pipes.close_near()
            raise
        finally:
            pipes.close_far()
        process = ForkedProcess(pid, *await pipes.open())
        process.when_ended(self._leave_layout)
        return process

    async def _present(self) -> "_Server":
        """The server, once it can fork; a fresh one if there is none. Raises OSError."""
        if self._server is None:
            self.begin()
        assert self._server is not None
        return await asyncio.shield(self._server)

    def _leave_layout(self, status: int) -> None:
        """Whoever makes a process fault has learnt something of its memory's layout: its next life must not have the same."""
        if -status in FAULTS and (server := self._forget()) is not None:
            _log.warning("a process ended by signal %d: the next ones are forked from another server", -status)
            self._ending = asyncio.create_task(_end(server), name="end of a fork server")

    def _forget(self) -> "asyncio.Task[_Server] | None":
        server, self._server = self._server, None
        return server


async def _end(server: "asyncio.Task[_Server]") -> None:
    server.cancel()
    await asyncio.wait({server})
    if not server.cancelled() and server.exception() is None:
        await server.result().close()


class _Server:
    """One fork server that runs."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, module: str, names: Sequence[str]) -> "_Server":
        """Returns once it can fork. Raises OSError if it cannot."""
        control, its = wire.pair()
        control.setblocking(False)
        with its:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", module, *names),
                stdin=its.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={**MEMORY, **child_environment({})},
            )
        server = cls(process, control)
        try:
            if await server._hear(IMPORT_WAIT_S) != wire.READY:
                raise ConnectionError("the fork server ended while it imported")
        except BaseException:
            await server.close()
            raise
        return server

    async def fork(self, name: str, descriptors: Sequence[int]) -> int:
        """The number of a new process, which is a child of ours. Raises OSError or ValueError."""
        # For this moment only: what doors and shells leave behind at other times is the first process's, as it always was.
        prctl.adopt_orphans(True)
        try:
            wire.send_request(self._control, name, descriptors)
            pid = wire.unpack_number(await self._hear(FORK_WAIT_S))
        finally:
            prctl.adopt_orphans(False)
        if not pid:
            raise OSError("no further process")
        return pid

    async def close(self) -> None:
        """End it, if it has not ended."""
        self._control.close()
        if self._process.returncode is None:
            self._process.kill()  # it holds nothing that would have to be put in order
        await self._process.wait()

    async def _hear(self, within_s: float) -> bytes:
        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().sock_recv(self._control, wire.ANSWER_BYTES)
