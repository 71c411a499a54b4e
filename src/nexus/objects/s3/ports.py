"""What the S3 door needs from others. `app/wiring/` decides who keeps these promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nexus.iam.model import AccessKey, Grant
from nexus.kernel.clock import Instant
from nexus.kernel.operation import Actor, Entry, Operation, Resource
from nexus.kernel.secret import Secret


class AccessKeys(Protocol):
    """Finds the secret of an access key."""

    def access_key(self, access_key_id: str) -> AccessKey:
        """The key, if it may be used now; raises Unauthenticated otherwise. Never waits for the network."""


class IssuedKey(Protocol):
    """A temporary access key that was just made."""

    @property
    def id(self) -> str: ...

    @property
    def secret(self) -> Secret: ...

    @property
    def token(self) -> Secret: ...

    @property
    def expires_at(self) -> Instant: ...


class TemporaryKeys(Protocol):
    """Derives temporary access keys, each recorded in the commit that makes it. Raises Invalid, Denied, Conflict."""

    async def from_key(
        self,
        op: Operation,
        key: AccessKey,
        *,
        seconds: int,
        name: str = "",
        role: str = "",
        policy: str = "",
        purpose: str = "",
    ) -> IssuedKey:
        """Less of an access key, ended with it. Without a `purpose`, that of the key."""

    async def from_session(
        self,
        op: Operation,
        session: str,
        *,
        seconds: int,
        name: str = "",
        role: str = "",
        policy: str = "",
        purpose: str,
        proof: tuple[bytes, Instant] | None = None,
    ) -> IssuedKey:
        """Less of whoever is signed in, ended with that session. `proof`: digest and end of what counts once."""


class WebIdentity(Protocol):
    """Whom an ID token speaks of: somebody who is signed in now, and who lets the `audience` act on objects."""

    actor: Actor
    session: str
    audience: str
    issuer: str
    proof: tuple[bytes, Instant]


class WebIdentities(Protocol):
    """Understands ID tokens of the platform's own issuer."""

    async def verify(self, token: str) -> WebIdentity:
        """Whom it speaks of; raises Unauthenticated for whatever is not to be believed, always the same."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a machine, as clients of IAM see one."""

    id: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class KeyLine:
    """An access key in a list."""

    id: str
    created_at: Instant
    in_force: bool


class Identities(Protocol):
    """Identities and their access keys. Whoever calls has asked the gate, with the resources that it names."""

    def own(self, actor: Actor) -> Sequence[Identity]:
        """The actor first, then the machines that it answers for."""

    def roles(self, actor: Actor) -> Sequence[Grant]:
        """The rights that count now."""

    def resource(self, identity_id: str) -> Resource:
        """An identity, as the gate sees it; one and the same for every id that is unknown."""

    def resource_of_key(self, key_id: str) -> Resource:
        """Whose access key it is."""

    async def access_keys(self, op: Operation, identity_id: str) -> Sequence[KeyLine]:
        """The access keys of an identity; recorded."""

    async def revoke(self, op: Operation, key_id: str) -> None:
        """Refuse an access key from now on; recorded. Raises NotFound."""


class Gate(Protocol):
    """The one place where a request of any door is allowed or refused."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose`; raise Denied otherwise. Never waits."""


class Destinations(Protocol):
    """Where events of buckets may be sent: names that the operator gave to addresses."""

    def takes(self, name: str, site: str) -> bool:
        """Whether buckets of a site may name it."""


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

    async def knows(self, site: str, project: str) -> bool:
        """Whether anybody or any key belongs to the site, and to the project if one is named."""

    async def key_for(self, site: str, project: str) -> str:
        """Id of the key that wraps the key of a new bucket. Raises what the key service raises."""
