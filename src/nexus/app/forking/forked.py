"""A process that the fork server made, as the supervisor holds it: two pipes, its number, and its end."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

FAULTS: Final = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}
)
"""Signals by which the kernel, or a library, ends a process that has gone wrong in its own memory."""


class Pipes:
    """Standard input and output of a process to be. The far ends are its own, the near ones ours."""

    def __init__(self) -> None:
        self.far_input, self._input = os.pipe()
        self._output, self.far_output = os.pipe()

    def close_far(self) -> None:
        """Once it has them: or its end would not be seen here."""
        os.close(self.far_input)
        os.close(self.far_output)

    def close_near(self) -> None:
        """Give up on the process."""
        os.close(self._input)
        os.close(self._output)

    async def open(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        """Our ends, as streams of the running loop."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._output, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(self._input, "wb", 0)
        )
        return asyncio.StreamWriter(transport, protocol, None, loop), reader


class ForkedProcess:
    """One of our children, though we did not fork it. What `asyncio.subprocess.Process` offers, as far as it is used here."""

    def __init__(self, pid: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        """Raises OSError if there is no such process."""
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._descriptor = os.pidfd_open(pid)
        self._loop.add_reader(self._descriptor, self._reap)

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._ended.result() if self._ended.done() else None

    def when_ended(self, tell: Callable[[int], None]) -> None:
        """Call `tell` with its status, once."""
        self._ended.add_done_callback(lambda ended: tell(ended.result()))

    async def wait(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self._ended)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self._ended.done():  # until it is reaped, its number is nobody else's
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _reap(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        _, status = os.waitpid(self.pid, 0)
        self.stdin.close()
        self._ended.set_result(os.waitstatus_to_exitcode(status))
