"""What the REST door needs from the services, as six small promises. `app/wiring/` decides who keeps them.

The door knows no service: identities, rights, approvals and the audit log reach it only through these protocols.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexus.kernel.operation import Actor, Entry, Operation, OperationSpec, Resource


class Lease(Protocol):
    """The door's hold on the keys. Without it nothing is read and nothing is written."""

    def require(self) -> None:
        """Return while the lease is held; raise Sealed (or Unavailable) otherwise. Never waits."""


@dataclass(frozen=True, slots=True)
class KeyProof:
    """What came along with an access token that is bound to a key (DPoP): the proof, and the request that it is for."""

    header: str
    method: str
    url: str


class Authenticator(Protocol):
    """Turns a bearer token into who sent it."""

    async def session(self, token: str, origin: str, client: str) -> Actor:
        """The actor behind a session token or a service token.

        `origin` is the client's network address, `client` its User-Agent: a session opened by one client is worthless
        to another. Raises Unauthenticated, with the same message for every reason.
        """

    async def bound(self, token: str, proof: KeyProof) -> Actor:
        """The actor behind an access token that is bound to a key, for whoever proves that key at this request."""


class Devices(Protocol):
    """Which enrolled device sent a request."""

    def named(self, header: str, actor: Actor) -> str:
        """The name by which the log knows it, or empty. `header`: the certificate that a trusted proxy showed, or empty.

        Never raises: a certificate that does not count is none, and the gate decides what follows from that.
        """


class NoDevices:
    """Where no device proves itself."""

    def named(self, header: str, actor: Actor) -> str:
        """None did."""
        return ""


class Gate(Protocol):
    """The one place where a request of any door is allowed or refused."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose`; raise Denied otherwise. No I/O wait."""

    def foresees(self, op: Operation, wanted: Sequence[tuple[str, Resource]]) -> list[bool]:
        """Whether `check` would let each (action, resource) pass: for what is offered, never in place of `check`."""


class Intent(Protocol):
    """A sensitive operation that waits for its approvals. The concrete type is a msgspec Struct of its service."""

    @property
    def id(self) -> str: ...


class Claimed(Protocol):
    """The exact operation that was approved: the name of its spec and its canonical JSON request."""

    @property
    def spec_name(self) -> str: ...

    @property
    def request_json(self) -> bytes: ...


class Approvals(Protocol):
    """Four eyes: holds sensitive operations until other persons have approved exactly these bytes."""

    async def propose(self, op: Operation, spec: OperationSpec, request_json: bytes, resource: Resource) -> Intent:
        """Store the intent, with its audit entry, and return it."""

    async def content(self, intent_id: str) -> Claimed:
        """What the intent would execute; changes nothing. Raises NotFound.

        The door reads it to check the executing actor's right before `claim`, so that nobody without that right can
        use up an approval that others gave.
        """

    async def claim(self, op: Operation, intent_id: str) -> Claimed:
        """Mark an approved intent executed, at most once ever, and return its content.

        Raises NotFound, Denied (approvals missing) or Conflict (executed, rejected or expired).
        """


class StepUp(Protocol):
    """A fresh factor, proved for exactly one content."""

    async def require(self, op: Operation, digest: str, proof: str) -> None:
        """Return if `proof` was made for this content in the session of `op.actor`; it is used up in any case.

        `proof` is empty where none was sent. Raises StepUpNeeded with the digest, or Denied for whoever has no session.
        """


class AuditWriter(Protocol):
    """Where refusals and failures are written down. `kernel.database.Database` is one."""

    async def record(self, entry: Entry) -> None:
        """Return once the entry is durable; raise if it cannot be."""
