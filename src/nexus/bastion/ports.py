"""What the bastion needs from others. `app/wiring/bastion.py` and `app/wiring/gateway.py` decide who keeps these promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexus.bastion.model import Holder
from nexus.kernel.operation import Actor, Operation, Resource


class Standing(Protocol):
    """Persons and their sign-ins, as identity knows them now."""

    def actor(self, holder: Holder) -> Actor | None:
        """The person, acting in this sign-in. None unless the sign-in is open and hers, she is active, and this is her
        login. Asked twice a second for each open session: it never waits."""

    def login(self, person: str) -> str | None:
        """The login of a person."""


class Gate(Protocol):
    """The one place where a request of any door is allowed or refused."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose`; raise Denied otherwise. No I/O wait."""


class Lease(Protocol):
    """The door's hold on the keys."""

    def require(self) -> None:
        """Return while the lease is held; raise Sealed (or Unavailable) otherwise. Never waits."""


class Authority(Protocol):
    """The key that signs certificates. It lives in the key service."""

    async def keys(self, op: Operation) -> Sequence[bytes]:
        """The raw Ed25519 public keys whose certificates count, the one that signs first."""

    async def sign(self, op: Operation, message: bytes) -> bytes:
        """A raw Ed25519 signature by the first of them, recorded before it is returned."""


@dataclass(frozen=True, slots=True)
class LoggedChunk:
    """What the audit log says of one chunk. `index` is the entry's place in the log."""

    index: int
    number: int
    size: int
    digest: str
    chain: str


@dataclass(frozen=True, slots=True)
class LoggedSession:
    """What the audit log says of a session: its chunks in order, and the count and chain of its end, once it ended."""

    chunks: Sequence[LoggedChunk]
    closed: tuple[int, str] | None


class SessionLog(Protocol):
    """The audit log, read with its private key."""

    async def of_session(self, session_id: str) -> LoggedSession:
        """Every entry about the recording of a session. Raises Sealed while the key is not there."""
