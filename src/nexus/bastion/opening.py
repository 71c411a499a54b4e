"""Opening a session: entry first, recording second, program third."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from nexus.bastion import chunks, store, terminal
from nexus.bastion.live import Client, Keepers, LiveSession
from nexus.bastion.model import (
    CLOSE,
    MAX_COMMAND_CHARS,
    MAX_TERM_CHARS,
    OPEN,
    End,
    ShellSession,
    new_session_id,
    session_resource,
)
from nexus.bastion.reaping import MARK
from nexus.bastion.recording import Recording, trim
from nexus.bastion.rules import Claim
from nexus.bastion.terminal import Program, Window
from nexus.bastion.transcript import Transcript
from nexus.crypto.hpke import SealingKey
from nexus.kernel.clock import SECOND
from nexus.kernel.database import Recorded, Transaction
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret

KEY_BYTES: Final = 32
DEFAULT_TERM: Final = "xterm-256color"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the client asks for. No window: no terminal; no command: a shell."""

    term: str
    window: Window | None
    command: str


@dataclass(frozen=True, slots=True)
class House:
    """Where and as what the programs of sessions run. `shell`: the program of a shell; a command follows it as `-c`."""

    recordings: Path
    shell: Sequence[str]
    home: Path
    environment: Mapping[str, str]


class Opening:
    """Makes sessions."""

    def __init__(
        self, house: House, keepers: Keepers, sealing_key: SealingKey, own_operation: Callable[[], Operation]
    ) -> None:
        """`sealing_key`: the audit log's public key. `own_operation`: what the bastion does by itself, now."""
        self._house = house
        self._keepers = keepers
        self._sealing_key = sealing_key
        self._own_operation = own_operation

    async def open(self, op: Operation, claim: Claim, wish: Wish, client: Client) -> LiveSession:
        """A session that is in the log and recorded, whose program has not started. Raises Denied and what the log raises."""
        check(wish)
        self._keepers.lease.require()
        op = self._keepers.rights.require(op, claim.holder)
        key = Secret(secrets.token_bytes(KEY_BYTES))
        session_id = new_session_id()
        session = ShellSession(
            id=session_id,
            holder=claim.holder,
            origin=op.origin,
            command=wish.command,
            started_at=op.at,
            ended_at=None,
            end=None,
            chunks=0,
            size=0,
            sealed_key=self._sealing_key.seal(key.reveal(), chunks.key_info(session_id)),
        )
        await self._enter(op, session, claim)
        recording = Recording(self._house.recordings, session.id, key, self._keepers.database, self._own_operation)
        transcript = Transcript(monotonic())
        live = LiveSession(
            session, op, client, recording, transcript, keepers=self._keepers, has_terminal=wish.window is not None
        )
        try:
            await recording.begin(self._header(session, wish, transcript))
        except BaseException:
            await live.abandon()
            raise
        return live

    async def start(self, session: ShellSession, wish: Wish, on_output: Callable[[bytes], None]) -> Program:
        """Start the program of a session."""
        command = [*self._house.shell, *(("-c", wish.command) if wish.command else ())]
        environment = {**self._house.environment, "TERM": wish.term or DEFAULT_TERM, MARK: session.id}
        return await terminal.start(command, environment, self._house.home, wish.window, on_output)

    async def close_lost(self) -> int:
        """After a start: end what a bastion that died has left open, and say so in the log. Returns how many there were."""
        with self._keepers.database.read() as tx:
            lost = store.open_sessions(tx)
        for session in lost:
            self._keepers.reaper.end_marked(session.id)
            trim(self._house.recordings, session)
            await self._close_lost(session)
        return len(lost)

    async def _close_lost(self, session: ShellSession) -> None:
        op = self._own_operation()
        entry = op.failed(CLOSE, session_resource(session.id), end=End.LOST.value, chunks=session.chunks)

        def work(tx: Transaction) -> Recorded[None]:
            store.end_session(tx, session.id, End.LOST, op.at)
            store.forget_watchers(tx, session.id)
            return Recorded(None, entry)

        await self._keepers.database.write(work)

    async def _enter(self, op: Operation, session: ShellSession, claim: Claim) -> None:
        entry = op.allowed(
            OPEN,
            session_resource(session.id),
            serial=str(claim.serial),
            command=session.command or None,
            recorded=True,
        )

        def work(tx: Transaction) -> Recorded[None]:
            if not store.add_session(tx, session, claim.serial):
                raise Denied("this certificate has opened a session already", code="bastion.certificate-used")
            return Recorded(None, entry)

        await self._keepers.database.write(work)

    def _header(self, session: ShellSession, wish: Wish, transcript: Transcript) -> bytes:
        window = wish.window or Window(80, 24)
        return transcript.header(
            window.columns,
            window.rows,
            timestamp=session.started_at // SECOND,
            term_type=wish.term,
            command=wish.command,
            title=session.id,
        )


def check(wish: Wish) -> None:
    """Raises Invalid on a wish that is longer than any honest one, or that would steer a terminal that shows it."""
    if len(wish.command) > MAX_COMMAND_CHARS or "\0" in wish.command:
        raise Invalid(f"a command has {MAX_COMMAND_CHARS} characters at most", code="bastion.command")
    if len(wish.term) > MAX_TERM_CHARS or not all(char.isalnum() or char in "-+._" for char in wish.term):
        raise Invalid("this is no type of a terminal", code="bastion.term")
