"""Who does what, for what purpose: the first argument of every use case, and what the audit log records of it.

`Operation` is one invocation. `Entry` is its line in the audit log. `OperationSpec` is the definition that every door
(REST, command line, later the console) is generated from: one definition, several doors.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nexus.kernel.clock import Instant


class ActorKind(StrEnum):
    PERSON = "person"
    MACHINE = "machine"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a credential leaves of the rights of its identity. A list that is empty takes nothing away."""

    actions: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """Where its requests may come from, such as `10.1.0.0/16`."""
    purposes: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Beginnings of object names, each `bucket/prefix`: nothing is left outside them, of any bucket."""
    roles: tuple[str, ...] = ()
    """What must suffice of the rights of the identity: `researcher`, or `researcher@project:alpha` of one scope only."""
    policies: tuple[str, ...] = ()
    """Session policies (JSON in S3's policy language): the S3 door asks each of them; no other door takes such a credential."""


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated identity. `person` is who answers for it: a person's access key has that person's id."""

    id: str
    kind: ActorKind
    name: str = ""
    person: str | None = None
    session: str | None = None
    factors: frozenset[str] = frozenset()
    """What was proved in the session, to open it and since: names of `iam.model.Factor`. Empty without a session."""
    proved_at: Instant | None = None
    """When the last factor was proved in the session."""
    narrowed: Narrowing | None = None
    """What the credential takes away from what the identity may; None: nothing."""
    break_glass: str | None = None
    """The emergency access that the person had open when she was recognised."""
    break_glass_until: Instant | None = None
    """The end of that access."""


ANONYMOUS = Actor("anonymous", ActorKind.ANONYMOUS)


def system_actor(part: str) -> Actor:
    """The platform acting by itself (`system:worker`), never on behalf of a request."""
    return Actor(f"system:{part}", ActorKind.SYSTEM, part)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is acted on. `type` and `attributes` follow the Cedar schema in iam/policy; `id` is what the log shows."""

    type: str
    id: str
    attributes: Mapping[str, str | bool | int] = field(default_factory=dict)
    part: str = ""
    """What of a bucket it is about: the name of an object, or the prefix of a listing. Empty: the bucket as such."""

    def within(self, part: str) -> "Resource":
        """This resource, narrowed to a part of it."""
        return Resource(self.type, self.id, self.attributes, part) if part else self

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


PLATFORM = Resource("Platform", "nexus")


class Outcome(StrEnum):
    ALLOWED = "allowed"
    DENIED = "denied"
    FAILED = "failed"


Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One invocation: its id is the request id that clients see and auditors search for."""

    id: str
    actor: Actor
    purpose: str
    at: Instant
    origin: str
    """Network address of the client, or `local`."""
    door: str
    """`s3`, `api`, `kms`, `worker`, …"""
    approval: str | None = None
    """The approval (four eyes) under which a sensitive operation is executed."""
    client: str = ""
    """What the client calls itself (User-Agent); a session is bound to it."""
    device: str = ""
    """Id of the enrolled device whose certificate the client showed; empty if it showed none that counts."""

    def allowed(self, action: str, resource: Resource, **details: Detail) -> "Entry":
        return Entry(self, action, resource, Outcome.ALLOWED, self.marked(details))

    def denied(self, action: str, resource: Resource, **details: Detail) -> "Entry":
        return Entry(self, action, resource, Outcome.DENIED, self.marked(details))

    def failed(self, action: str, resource: Resource, **details: Detail) -> "Entry":
        return Entry(self, action, resource, Outcome.FAILED, self.marked(details))

    def marked(self, details: Mapping[str, Detail]) -> Mapping[str, Detail]:
        """While an emergency access is open, whatever its holder does says so."""
        until = self.actor.break_glass_until
        if self.actor.break_glass is None or until is None or self.at >= until:
            return details
        return {**details, "break_glass": self.actor.break_glass}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit log. `subject` is the person whose key seals it (the actor, unless a patient is concerned)."""

    operation: Operation
    action: str
    resource: Resource
    outcome: Outcome
    details: Mapping[str, Detail] = field(default_factory=dict)
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """An operation, defined once. A plain description and a function, not a framework.

    `path` may hold `{names}` that are fields of `request`; the rest of the request travels as query (GET, DELETE)
    or JSON body. `run(service, op, request)` is the use case; `resource(service, request)` names what it acts on.
    `request` and `result` are msgspec Structs (or None for `result`).
    """

    name: str
    """Dotted, also the command: `kms.key.rotate` is `nexus kms key rotate`."""
    service: str
    method: str
    path: str
    summary: str
    request: type[Any]
    result: type[Any] | Any
    action: str
    """Name in iam/actions.ACTIONS. Empty only where the operation itself is the authentication (sign-in, enrolment)."""
    run: Callable[[Any, Operation, Any], Awaitable[Any]]
    resource: Callable[[Any, Any], Resource] = lambda service, request: PLATFORM
    sensitive: bool = False
    """Needs a second person: the door stores an intent instead of running it."""
    step_up: bool = False
    """Asks for a factor that was proved for exactly this request. A sensitive operation always does."""
    secret_result: bool = False
    """The result carries a credential that is shown once; doors must not cache or log it."""
