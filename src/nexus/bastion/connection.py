"""One connection: who it is, and the one session that it may open. asyncssh speaks SSH; what is allowed is decided here.

What a certificate must hold is judged by `rules.judge` before asyncssh looks at it: asyncssh alone would let in a
certificate without principals, or without an address.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Protocol

import asyncssh

from nexus.bastion import certificates, rules
from nexus.bastion.live import Keepers, LiveSession
from nexus.bastion.model import MAX_OFFERS, OPEN, End
from nexus.bastion.opening import Opening, Wish
from nexus.bastion.ports import Authority
from nexus.bastion.rules import Attempt, Claim
from nexus.bastion.terminal import Window
from nexus.kernel.clock import SECOND
from nexus.kernel.errors import Denied, NexusError, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Operation

DOOR: Final = "bastion"
PURPOSE: Final = "operation"
REFUSED_STATUS: Final = 254
LINGER_S: Final = 2.0
"""After the end of a session its client has so long to take the last words and hang up."""


class Gatehouse(Protocol):
    """What a connection knows of the door that it came in by."""

    opening: Opening
    keepers: Keepers
    authority: Authority
    sessions: set[LiveSession]
    login_grace_s: float

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something to its end, beside everything else."""

    def connected(self, connection: "Connection") -> None:
        """A connection begins."""

    def disconnected(self, connection: "Connection", address: str) -> None:
        """It has ended."""


class Connection(asyncssh.SSHServerConnection):
    """One connection. Its owner, in asyncssh's words, is `_Host`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        gateway: Gatehouse,
        address: str,
    ) -> None:
        self.gateway = gateway
        self.address = address
        self.entered = False
        self.authority_key = b""
        self.claim: Claim | None = None
        self.op = Operation(new_id("op"), ANONYMOUS, PURPOSE, gateway.keepers.clock.now(), address, DOOR, client="ssh")
        self._offers = 0
        self._refusal: NexusError | None = None
        host = _Host(self)
        super().__init__(loop, _owned_by(options, host))

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """asyncssh asks: may this key or certificate log in, and (with `msg`) does the client hold its private half?"""
        self._offers += 1
        if self._offers > MAX_OFFERS:
            self.abort()
            return False
        try:
            claim, op = await self._judge(username, key_data)
        except NexusError as error:
            self._refuse(error)
            return False
        if not await super().validate_public_key(username, key_data, msg, signature):
            self._refuse(Denied("the client does not hold the key of its certificate", code="bastion.possession"))
            return False
        if msg:
            self.claim, self.op = claim, op
        return True

    def _refuse(self, error: NexusError) -> None:
        """What the log will say. Clients offer the bare key of a certificate too: that is not why it was refused."""
        if self._refusal is None or self._refusal.code == "bastion.malformed":
            self._refusal = error

    async def _judge(self, username: str, key_data: bytes) -> tuple[Claim, Operation]:
        """1. A certificate, whole and signed. 2. The rules. 3. The person as she stands now. 4. The gate."""
        keepers = self.gateway.keepers
        keepers.lease.require()
        certificate = certificates.open_certificate(key_data)
        op = replace(self.op, at=keepers.clock.now())
        attempt = Attempt(username, self.address, op.at // SECOND)
        claim = rules.judge(certificate, attempt, frozenset(await self.gateway.authority.keys(op)))
        self.authority_key = certificate.authority
        return claim, keepers.rights.require(op, claim.holder)

    def ended(self) -> None:
        """The connection is closed. One that nobody has entered leaves one entry."""
        self.gateway.disconnected(self, self.address)
        if not self.entered and self.claim is None:
            code = self._refusal.code if self._refusal else "bastion.no-certificate"
            self.gateway.do(self._record_refusal(code))

    async def _record_refusal(self, code: str) -> None:
        with suppress(NexusError):
            await self.gateway.keepers.database.record(self.op.denied(OPEN, PLATFORM, code=code))


class _Host(asyncssh.SSHServer):
    """Decides what asyncssh asks about a connection. Whatever it does not allow here is refused by asyncssh."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._timer: asyncio.TimerHandle | None = None
        self._used = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection.gateway.connected(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._connection.ended()

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Asked after `rules.judge` has accepted the certificate."""
        return bool(key.public_data == certificates.ed25519_blob(self._connection.authority_key))

    def auth_completed(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._connection.gateway.login_grace_s, self._close_unused)

    def session_requested(self) -> "_Channel | bool":
        if self._used or self._connection.claim is None:
            return False
        self._used = True
        return _Channel(self._connection)

    def _close_unused(self) -> None:
        """Signed in, and asked for nothing."""
        if not self._used:
            self._connection.abort()


class _Channel(asyncssh.SSHServerSession[bytes]):
    """The channel of the connection's one session, and the client that the session sees."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._wish = Wish("", None, "")
        self._live: LiveSession | None = None
        self._left = False
        self._early = bytearray()
        self._early_end = False

    # asyncssh's side

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        self._wish = replace(self._wish, term=term_type, window=Window(*rules.terminal_size(*term_size[:2])))
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._wish = replace(self._wish, command=command)
        return not rules.copies_files(command)

    def subsystem_requested(self, subsystem: str) -> bool:
        return False

    def session_started(self) -> None:
        self._connection.entered = True
        self._connection.gateway.do(self._be())

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if self._live is None:
            self._early += data  # what came with the request itself; `hold` keeps the rest
        else:
            self._live.typed(data)

    def eof_received(self) -> bool:
        if self._live is None:
            self._early_end = True
        else:
            self._live.end_of_input()
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._live is not None:
            self._live.resize(Window(*rules.terminal_size(width, height)))

    def pause_writing(self) -> None:
        if self._live is not None:
            self._live.choke(choked=True)

    def resume_writing(self) -> None:
        if self._live is not None:
            self._live.choke(choked=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = True
        if self._live is not None:
            self._live.end(End.DISCONNECTED)

    # The session's side

    def show(self, data: bytes) -> None:
        if self._channel is not None and not self._left:
            with suppress(OSError):
                self._channel.write(data)

    def hold(self) -> None:
        if self._channel is not None and not self._left:
            self._channel.pause_reading()

    def resume(self) -> None:
        assert self._live is not None
        if self._early:
            early = bytes(self._early)
            self._early.clear()
            self._live.typed(early)
        if self._early_end:
            self._early_end = False
            self._live.end_of_input()
        if self._channel is not None and not self._left:
            self._channel.resume_reading()

    def leave(self, status: int) -> None:
        if self._channel is not None and not self._left:
            self._left = True
            with suppress(OSError):
                self._channel.exit(status)
            asyncio.get_running_loop().call_later(LINGER_S, self._connection.abort)

    async def _be(self) -> None:
        """The session from its opening to its end."""
        connection, gateway = self._connection, self._connection.gateway
        assert connection.claim is not None
        self.hold()
        try:
            live = await gateway.opening.open(connection.op, connection.claim, self._wish, self)
        except NexusError as error:
            await self._refuse(error)
            return
        self._live = live
        gateway.sessions.add(live)
        if self._left:
            live.end(End.DISCONNECTED)
        try:
            await live.run(lambda on_output: gateway.opening.start(live.session, self._wish, on_output))
        finally:
            gateway.sessions.discard(live)

    async def _refuse(self, error: NexusError) -> None:
        with suppress(NexusError):
            op = self._connection.op
            entry = (op.failed if isinstance(error, Unavailable) else op.denied)(OPEN, PLATFORM, code=error.code)
            await self._connection.gateway.keepers.database.record(entry)
        self.show(f"nexus: {error.message} ({error.code})\r\n".encode())
        self.leave(REFUSED_STATUS)


def _owned_by(options: asyncssh.SSHServerConnectionOptions, host: _Host) -> asyncssh.SSHServerConnectionOptions:
    return asyncssh.SSHServerConnectionOptions(options=options, server_factory=lambda: host)
