"""A place in the platform that a process fills, and that is filled again when the process dies."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from nexus.app import children
from nexus.app.children import Backoff, Child, Launch
from nexus.app.handoff import Handoff
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.report import Batch, Report
from nexus.kernel.errors import NexusError
from nexus.kernel.mutual import Credentials

_log = logging.getLogger("nexus.supervisor")


class PlaceStatus(Struct, frozen=True, kw_only=True):
    """What `nexus status` says of a process."""

    name: str
    state: str
    """`running`, `waiting` (died, will be started again) or `stopped`."""
    pid: int | None
    uptime_s: int
    restarts: int
    missing: tuple[str, ...] = ()
    """What it cannot work without and does not have (`telemetry.health.Component`); empty: it is ready."""


class Place:
    """Keeps one process running. `prepare` makes a fresh handoff for each start (a door gets a new certificate)."""

    def __init__(
        self,
        name: str,
        prepare: Callable[[], Awaitable[Handoff]],
        *,
        inherit: Sequence[int],
        started: Callable[[], Awaitable[None]] | None = None,
        refused: Callable[[NexusError], None] = lambda error: None,
        launch: Launch = children.execute,
    ) -> None:
        """`started` is called after each start; `refused` hears why a process that died does not start again; `launch` is how it is started."""
        self.name = name
        self.restarts = 0
        self._prepare = prepare
        self._inherit = inherit
        self._started = started
        self._refused = refused
        self._launch = launch
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def open(self) -> None:
        """The first start; raises what keeps the process from starting. From then on it is kept."""
        await self._start()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def renew(self, grace_s: float) -> None:
        """Start a successor, then let the present process finish its requests: the port is never unattended."""
        async with self._starting:
            former = self._child
            await self._start()
        if former is not None:
            await former.stop(grace_s)

    async def close(self, grace_s: float) -> None:
        """Stop the process and stop keeping it."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        if self._child is not None:
            await self._child.stop(grace_s)

    async def give(self, credentials: Credentials) -> None:
        """Hand the running process its next certificate. Raises ConnectionError if it has just ended."""
        if self._child is not None:
            await self._child.give(credentials)

    @property
    def report(self) -> Report | None:
        """What its process last told of itself, while it lives."""
        return self._child.heard.report if self._child is not None and self._child.alive else None

    def take_batches(self) -> list[Batch]:
        """What its process has traced since the last time."""
        if self._child is None:
            return []
        waiting = self._child.heard.batches
        return [waiting.popleft() for _ in range(len(waiting))]

    def missing(self) -> tuple[str, ...]:
        """What its process lacks now; empty: it is ready."""
        child = self._child
        if child is None or not child.alive or not child.heard.told:
            return (Component.STARTING.value,)
        return (Component.SILENT.value,) if child.heard.is_silent else child.heard.report.missing

    def status(self) -> PlaceStatus:
        child, missing = self._child, self.missing()
        if child is None or self._keeper is None or self._keeper.done():
            return PlaceStatus(
                name=self.name, state="stopped", pid=None, uptime_s=0, restarts=self.restarts, missing=missing
            )
        alive = child.alive
        return PlaceStatus(
            name=self.name,
            state="running" if alive else "waiting",
            pid=child.pid if alive else None,
            uptime_s=int(time.monotonic() - child.started_at) if alive else 0,
            restarts=self.restarts,
            missing=missing,
        )

    async def _start(self) -> None:
        self._child = await children.start(await self._prepare(), inherit=self._inherit, launch=self._launch)
        _log.info("%s runs (process %d)", self.name, self._child.pid)
        if self._started is not None:
            await self._started()

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            child = self._child
            assert child is not None
            status = await child.ended()
            async with self._starting:
                if child is not self._child:
                    continue  # a successor took over
                _log.error("%s died (status %d); it is started again", self.name, status)
                backoff = await self._start_again(backoff.after(time.monotonic() - child.started_at))

    async def _start_again(self, backoff: Backoff) -> Backoff:
        """Try until it runs; returns the patience that is left for its next death."""
        while True:
            await asyncio.sleep(backoff.delay_s)
            self.restarts += 1
            try:
                await self._start()
            except (NexusError, OSError) as error:
                _log.error("%s did not start: %s", self.name, error)
                if isinstance(error, NexusError):
                    self._refused(error)
                backoff = backoff.after(0)
            else:
                return backoff
