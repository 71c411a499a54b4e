"""The program of a session: behind a pseudo-terminal, or behind pipes where the client asked for no terminal."""

import asyncio
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.bastion import launch
from nexus.kernel.errors import Unavailable

READ_BYTES: Final = 4_096
"""Read at a time: with JSON's escapes, well below a chunk."""
UNREAD_INPUT_BYTES: Final = 262_144
"""Typed ahead and not taken by the program, at most; what is beyond is refused."""
_ECHO_CHARS: Final = 3  # index of the local modes in what tcgetattr returns


@dataclass(frozen=True, slots=True)
class Window:
    """Size of a terminal, in characters."""

    columns: int
    rows: int


class Program:
    """One running program. `on_output` hears what it writes, and `on_output(b"")` that it will write no more."""

    def __init__(
        self, process: asyncio.subprocess.Process, reading: int, writing: int, on_output: Callable[[bytes], None]
    ):
        self._process = process
        self._reading = reading
        self._writing = writing
        self._on_output = on_output
        self._loop = asyncio.get_running_loop()
        self._unwritten = bytearray()
        self._listening = False
        self._end_of_input = False

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end; its exit status, or 128 and the number of the signal that ended it."""
        status = await self._process.wait()
        return status if status >= 0 else 128 - status

    def listen(self) -> None:
        """Take what it writes, until `pause`."""
        if not self._listening and self._reading >= 0:
            self._listening = True
            self._loop.add_reader(self._reading, self._readable)

    def pause(self) -> None:
        """Take nothing for now: it waits when its terminal is full."""
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._reading)

    def type(self, data: bytes) -> bool:
        """Hand over what was typed; False where the program has not taken what was typed before."""
        if len(self._unwritten) + len(data) > UNREAD_INPUT_BYTES:
            return False
        if self._writing >= 0:
            if not self._unwritten:
                self._loop.add_writer(self._writing, self._writable)
            self._unwritten += data
        return True

    def end_input(self) -> None:
        """Nothing more will be typed. Behind a terminal that is for the user to say (Ctrl-D)."""
        if self._writing != self._reading:
            self._end_of_input = True
            if not self._unwritten:
                self._close_writing()

    def resize(self, window: Window) -> None:
        if self._reading == self._writing and self._reading >= 0:
            set_size(self._reading, window)

    @property
    def hides_input(self) -> bool:
        """Whether what is typed now is a secret: the terminal takes whole lines and shows none of it.

        A line editor (that of a shell) shows nothing by the terminal either, but takes single characters, and shows them
        itself.
        """
        if self._reading != self._writing or self._reading < 0:
            return False
        with suppress(termios.error):
            modes = termios.tcgetattr(self._reading)[_ECHO_CHARS]
            return bool(modes & termios.ICANON) and not modes & termios.ECHO
        return False

    def close(self) -> None:
        """Let go of the terminal, which hangs up on whoever still uses it."""
        self.pause()
        self._close_writing()
        if self._reading >= 0:
            os.close(self._reading)
            self._reading = -1

    def _readable(self) -> None:
        try:
            data = os.read(self._reading, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # a terminal whose other side is closed says so by an error
            data = b""
        if not data:
            self.pause()
        self._on_output(data)

    def _writable(self) -> None:
        try:
            written = os.write(self._writing, self._unwritten)
        except BlockingIOError:
            return
        except OSError:  # it takes nothing any more
            written = len(self._unwritten)
        del self._unwritten[:written]
        if not self._unwritten:
            self._loop.remove_writer(self._writing)
            if self._end_of_input:
                self._close_writing()

    def _close_writing(self) -> None:
        if self._writing < 0:
            return
        if self._unwritten:
            self._loop.remove_writer(self._writing)
            self._unwritten.clear()
        if self._writing != self._reading:
            os.close(self._writing)
        self._writing = -1


async def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    window: Window | None,
    on_output: Callable[[bytes], None],
) -> Program:
    """Start a program behind a terminal of this size, or behind pipes if there is none. It is not listened to yet.

    Raises Unavailable where the machine gives no process or no terminal.
    """
    try:
        if window is not None:
            return await _behind_terminal(command, environment, folder, window, on_output)
        return await _behind_pipes(command, environment, folder, on_output)
    except OSError as error:
        raise Unavailable(f"no program can be started: {error.strerror}", code="bastion.no-process") from error


async def _behind_terminal(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    window: Window,
    on_output: Callable[[bytes], None],
) -> Program:
    ours, its = os.openpty()
    try:
        set_size(ours, window)
        process = await _run("terminal", command, environment, folder, takes=its, gives=its)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(its)
    os.set_blocking(ours, False)
    return Program(process, ours, ours, on_output)


async def _behind_pipes(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, on_output: Callable[[bytes], None]
) -> Program:
    its_input, our_input = os.pipe()
    our_output, its_output = os.pipe()
    try:
        process = await _run("pipe", command, environment, folder, takes=its_input, gives=its_output)
    except BaseException:
        os.close(our_input)
        os.close(our_output)
        raise
    finally:
        os.close(its_input)
        os.close(its_output)
    os.set_blocking(our_input, False)
    os.set_blocking(our_output, False)
    return Program(process, our_output, our_input, on_output)


async def _run(
    how: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, takes: int, gives: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", launch.__file__, how),
        *command,
        stdin=takes,
        stdout=gives,
        stderr=gives,
        env=environment,
        cwd=folder,
        start_new_session=True,
    )


def set_size(descriptor: int, window: Window) -> None:
    """Tell a terminal its size."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", window.rows, window.columns, 0, 0))
