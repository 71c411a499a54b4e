"""One open session: what its client types goes to the program, what the program writes to the client, both to the recording.

Order, on which the promises rest:

1. The session's entry is in the log before anything else happens (`opening.py`).
2. The recording's first chunk is in the log before the program starts.
3. While a chunk is on its way into the log, nobody is listened to: never more than one chunk is ahead of the log.
4. Twice a second: the lease, the person's standing, the gate, a cut, idleness. Whatever fails ends the session.
5. Every process of the session ends, then the end is in the log. The client of a program that ended by itself hears its
   exit status after that; any other end lets the client go first.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from nexus.bastion import store
from nexus.bastion.model import CHUNK_BYTES, CHUNK_S, CLOSE, STANDING_S, End, ShellSession, session_resource
from nexus.bastion.ports import Lease
from nexus.bastion.reaping import Reaper
from nexus.bastion.recording import Recording, RecordingFull
from nexus.bastion.rights import Rights
from nexus.bastion.terminal import Program, Window
from nexus.bastion.transcript import Transcript
from nexus.kernel.clock import SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, NexusError, Unavailable
from nexus.kernel.operation import Operation

DRAIN_S: Final = 0.3
"""How long the last words of a program are waited for after its end."""
FULL_BYTES: Final = CHUNK_BYTES // 2
"""Enough for a chunk: it is written now, not when its second is over. One more read still fits."""
WATCHED_FOR: Final = 5 * SECOND
"""Who has looked within this time is watching."""
_GONE: Final = 255
"""Exit status where the program did not give one."""

_log = logging.getLogger("nexus.bastion")


Start = Callable[[Callable[[bytes], None]], Awaitable[Program]]
"""Starts the program, which tells what it writes to the callback."""


class Client(Protocol):
    """The other side of the connection."""

    def show(self, data: bytes) -> None:
        """Send output."""

    def hold(self) -> None:
        """Deliver nothing that is typed for now."""

    def resume(self) -> None:
        """Deliver it again."""

    def leave(self, status: int) -> None:
        """The session is over: send the exit status and hang up. Twice is once."""


@dataclass(frozen=True, slots=True)
class Keepers:
    """Everybody whom an open session depends on. `idle_s`: seconds without a key stroke that end a shell."""

    database: Database
    lease: Lease
    rights: Rights
    clock: Clock
    reaper: Reaper
    idle_s: float


class LiveSession:
    """A session from the start of its program to its end. Use: `run()`, while the others are called from outside."""

    def __init__(
        self,
        session: ShellSession,
        op: Operation,
        client: Client,
        recording: Recording,
        transcript: Transcript,
        *,
        keepers: Keepers,
        has_terminal: bool,
    ) -> None:
        """`op`: the opening, by the person; `transcript` has given its header, which is recorded."""
        self.session = session
        self._op = op
        self._client = client
        self._recording = recording
        self._transcript = transcript
        self._keepers = keepers
        self._has_terminal = has_terminal
        self._program: Program | None = None
        self._buffer = bytearray()
        self._dirty, self._full = asyncio.Event(), asyncio.Event()
        self._ending: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._said_all = asyncio.Event()
        self._writing = False
        self._choked = False
        self._typed_at = time.monotonic()
        self._watchers: list[str] = []

    # What happens to it

    def typed(self, data: bytes) -> None:
        """The client typed."""
        if self._program is None or self._ending.done():
            return
        now = self._typed_at = time.monotonic()
        self._note(self._transcript.typed(data, now, hidden=self._program.hides_input))
        if not self._program.type(data):
            self._note(self._transcript.marker("input refused: the program does not take it", now))

    def end_of_input(self) -> None:
        """The client will type nothing more."""
        if self._program is not None:
            self._program.end_input()

    def resize(self, window: Window) -> None:
        if self._program is not None and not self._ending.done():
            self._note(self._transcript.resize(window.columns, window.rows, time.monotonic()))
            self._program.resize(window)

    def choke(self, *, choked: bool) -> None:
        """The client does not take output fast enough, or does again."""
        self._choked = choked
        self._listen()

    def end(self, why: End) -> None:
        """End it. The first reason counts."""
        if not self._ending.done():
            self._ending.set_result(why)
            self._dirty.set()
            self._full.set()

    def say(self, text: str) -> None:
        """Tell the operator something, in her terminal and in the recording."""
        if self._has_terminal:
            self._output(f"\r\n\x1b[7m[nexus] {text}\x1b[0m\r\n".encode())

    async def abandon(self) -> None:
        """Its recording could not begin: nothing started, nothing stays open."""
        await self._close(End.UNRECORDED)

    # Its life

    async def run(self, start: Start) -> End:
        """Start the program, and stay until it is over; returns why it ended. Never raises but for cancellation."""
        status, why = _GONE, End.STOPPED
        writer: asyncio.Task[None] | None = None
        try:
            self._program = await start(self._output)
            self._keepers.reaper.begin(self._program.pid)
            writer = asyncio.create_task(self._keep_recording())
            looking = asyncio.create_task(self._keep_looking())
            status_of = asyncio.create_task(self._program.ended())
            self._listen()
            await asyncio.wait((self._ending, status_of), return_when=asyncio.FIRST_COMPLETED)
            if status_of.done() and not self._ending.done():
                status = status_of.result()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._said_all.wait(), DRAIN_S)
            status_of.cancel()
            looking.cancel()
            self.end(End.FINISHED)
            why = self._ending.result()
        except NexusError as error:
            _log.error("session %s did not start (%s)", self.session.id, error.code)
            self.end(why := End.UNRECORDED)
        finally:
            await asyncio.shield(asyncio.create_task(self._finish(why, status, writer)))
        return why

    async def _finish(self, why: End, status: int, writer: asyncio.Task[None] | None) -> None:
        self.end(why)
        program = self._program
        if program is not None:
            program.pause()
        if why is not End.FINISHED:
            status = _GONE
            self.say(f"this session ends: {why.value.replace('-', ' ')}")
            self._client.leave(status)
        now = time.monotonic()
        self._buffer += self._transcript.marker(f"end: {why.value}", now) + self._transcript.exit(status, now)
        if program is not None:
            program.close()
            await self._keepers.reaper.end_session(program.pid, self.session.id)
        if writer is not None:
            await writer
        await self._close(why)
        self._client.leave(status)

    async def _close(self, why: End) -> None:
        """The last chunk, then the end itself."""
        try:
            await self._recording.write(bytes(self._buffer))
        except NexusError as error:
            _log.error("the end of session %s could not be recorded (%s)", self.session.id, error.code)
        entry = replace(self._op, at=self._keepers.clock.now()).allowed(
            CLOSE,
            session_resource(self.session.id),
            end=why.value,
            chunks=self._recording.count,
            chain=self._recording.chain,
        )
        self._recording.close()
        now = self._keepers.clock.now()

        def work(tx: Transaction) -> Recorded[None]:
            store.end_session(tx, self.session.id, why, now)
            store.forget_watchers(tx, self.session.id)
            return Recorded(None, entry)

        try:
            await self._keepers.database.write(work)
        except NexusError as error:
            _log.error("session %s could not be closed (%s)", self.session.id, error.code)

    # Recording

    def _output(self, data: bytes) -> None:
        if not data:
            self._said_all.set()
            return
        self._note(self._transcript.output(data, time.monotonic()))
        self._client.show(data)

    def _note(self, line: bytes) -> None:
        self._buffer += line
        self._dirty.set()
        if len(self._buffer) >= FULL_BYTES:
            self._full.set()
            self._listen(hold=True)

    def _listen(self, *, hold: bool = False) -> None:
        """Listen to both sides, unless a chunk is being written or due, the client is choked, or it is over."""
        if self._program is None:
            return
        if hold or self._writing or self._choked or self._ending.done():
            self._program.pause()
        else:
            self._program.listen()
        if hold or self._writing:
            self._client.hold()
        else:
            self._client.resume()

    async def _keep_recording(self) -> None:
        """Chunk after chunk. Never cancelled: a chunk is in the log or it is not, and we know which."""
        while True:
            await self._dirty.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), CHUNK_S)
            if self._ending.done():
                return
            self._writing = True
            self._listen()
            content = bytes(self._buffer)
            self._buffer.clear()
            self._dirty.clear()
            self._full.clear()
            try:
                await self._recording.write(content)
            except RecordingFull:
                self.end(End.FULL)
            except NexusError as error:
                _log.error("session %s is cut: what happens cannot be recorded (%s)", self.session.id, error.code)
                self.end(End.UNRECORDED)
            self._writing = False
            self._listen()

    # Looking

    async def _keep_looking(self) -> None:
        while not self._ending.done():
            await asyncio.sleep(STANDING_S)
            try:
                self._look()
            except Denied:
                self.end(End.RIGHT_ENDED)
            except Unavailable:  # sealed, or the rights cannot be read
                self.end(End.SEALED)
            except NexusError as error:
                _log.error("session %s is cut: its right cannot be looked at (%s)", self.session.id, error.code)
                self.end(End.RIGHT_ENDED)

    def _look(self) -> None:
        keepers, session = self._keepers, self.session
        keepers.lease.require()
        keepers.rights.require(self._op, session.holder)
        now = keepers.clock.now()
        with keepers.database.read() as tx:
            cut_by = tx.one(store.READ_CUT, (session.id,))
            watchers = store.watchers(tx, session.id, Instant(now - WATCHED_FOR))
        if cut_by is not None:
            self.end(End.CUT)
        elif self._has_terminal and time.monotonic() - self._typed_at > keepers.idle_s:
            self.end(End.IDLE)
        if watchers != self._watchers:
            self._announce(watchers)

    def _announce(self, watchers: list[str]) -> None:
        """Who watches stands in the title of the operator's terminal, and is said once."""
        names = _shown(watchers)
        if new := [name for name in watchers if name not in self._watchers]:
            self._note(self._transcript.marker("watched", time.monotonic()))
            self.say(f"{_shown(new)} watches this session")
        if self._has_terminal:
            self._output(f"\x1b]0;nexus{': watched by ' + names if names else ''}\x07".encode())
        self._watchers = watchers


def _shown(names: list[str]) -> str:
    """Names for a terminal: nothing in them steers it."""
    return ", ".join("".join(char for char in name if char.isprintable()) for name in names)
