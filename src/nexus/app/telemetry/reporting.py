"""The process's end of the pipe: tells how it is, every second, from its own event loop. A loop that is stuck tells nothing."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from nexus.app.telemetry import report
from nexus.app.telemetry.report import Report

_log = logging.getLogger("nexus.process")


class Reporter:
    """Writes reports until the loop ends. What goes wrong here is nobody's request."""

    def __init__(self, descriptor: int, tell: Callable[[], Report], every_s: float = report.EVERY_S) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="report")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(os.dup(self._descriptor), "wb", buffering=0)
        transport: Any = None
        with suppress(OSError, ValueError):
            transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, pipe)
        if transport is None:  # whoever started this process gave it no pipe
            pipe.close()
            return
        try:
            await self._write(cast(asyncio.WriteTransport, transport))
        finally:
            transport.close()

    async def _write(self, pipe: asyncio.WriteTransport) -> None:
        while not pipe.is_closing():
            if pipe.get_write_buffer_size() < report.UNREAD_BYTES:
                try:
                    pipe.write(report.pack(self._tell()))
                except Exception as error:
                    _log.error("no report of this process: %s", type(error).__name__)
            await asyncio.sleep(self._every_s)
