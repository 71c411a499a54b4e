"""What the S3 door needs from others. `app/wiring/` decides who keeps these promises."""

from typing import Protocol

from nexus.iam.model import AccessKey
from nexus.kernel.operation import Actor, Entry, Operation, Resource


class AccessKeys(Protocol):
    """Finds the secret of an access key."""

    def access_key(self, access_key_id: str) -> AccessKey:
        """The key, if it may be used now; raises Unauthenticated otherwise. Never waits for the network."""


class Gate(Protocol):
    """The one place where a request of any door is allowed or refused."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose`; raise Denied otherwise. Never waits."""


class Sharing(Protocol):
    """Whether buckets may be shared with somebody who has no right of his own in them. On the platform: never."""

    @property
    def possible(self) -> bool:
        """Whether anything may be shared at all; if not, policies only narrow, and public access is blocked for good."""

    def admits(self, op: Operation, action: str, resource: Resource) -> bool:
        """Whether the owner's policy or list may let this actor do `action` here. Never waits."""

    def knows(self, actor_id: str) -> bool:
        """Whether there is somebody of this id whom a list may name."""


class Lease(Protocol):
    """The door's hold on the keys. Without it nothing is read and nothing is written."""

    def require(self) -> None:
        """Return while the lease is held; raise Sealed or Unavailable otherwise. Never waits."""


class AuditWriter(Protocol):
    """Where refusals and failures are written down. `kernel.database.Database` is one."""

    async def record(self, entry: Entry) -> None:
        """Return once the entry is durable; raise if it cannot be."""


class Placements(Protocol):
    """Where new buckets belong, when the request does not say or may not choose."""

    def site_of(self, actor: Actor) -> str | None:
        """The only site that the actor has a right in, or None if there is none or more than one."""

    async def key_for(self, site: str, project: str) -> str:
        """Id of the key that wraps the key of a new bucket. Raises what the key service raises."""
