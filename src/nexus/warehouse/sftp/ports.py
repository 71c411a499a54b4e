"""What the SFTP door needs from others. `app/wiring/sftp.py` decides who keeps these promises."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from nexus.iam.model import AccessKey
from nexus.kernel.operation import Entry, Operation, Resource


class AccessKeys(Protocol):
    """Finds an access key and its secret."""

    def access_key(self, access_key_id: str) -> AccessKey:
        """The key, if it may be used now; raises Unauthenticated otherwise. Never waits for the network."""


class Gate(Protocol):
    """The one place where a request of any door is allowed or refused."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do this; raise Denied otherwise. Never waits."""


class Lease(Protocol):
    """The door's hold on the keys."""

    def require(self) -> None:
        """Return while it is held; raise Sealed or Unavailable otherwise. Never waits."""


class Audit(Protocol):
    """The audit log."""

    async def record(self, entry: Entry) -> None:
        """Durable when it returns."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a folder. `bytes`: of a file."""

    name: str
    folder: bool
    bytes: int = 0
    modified_s: int = 0


class Stores(Protocol):
    """Ingress buckets of providers, and the store behind them."""

    def buckets(self) -> Sequence[str]:
        """Buckets that providers deliver into now."""

    def resource(self, bucket: str, key: str) -> Resource:
        """A bucket and a name in it, as the gate sees them. Raises NotFound unless a provider delivers into it now."""

    async def names(self, op: Operation, bucket: str, prefix: str) -> Sequence[Name]:
        """What lies directly below a prefix."""

    async def put(self, op: Operation, bucket: str, key: str, body: AsyncIterator[bytes]) -> None:
        """A new version of an object: whole, or not at all."""
