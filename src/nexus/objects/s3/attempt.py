"""How far a request came, and what its entry in the audit log says if it goes no further."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nexus.iam.model import Purpose
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Denied, Throttled, Unauthenticated, particulars
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Actor, Detail, Entry, Operation, Resource
from nexus.objects.errors import REFUSED_USE, Hidden, Refused
from nexus.objects.model import Bucket
from nexus.objects.s3 import errors, query
from nexus.objects.s3.address import Address
from nexus.objects.s3.authenticate import Caller
from nexus.objects.s3.endpoint import Verb, action_of, route
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.explain import explain
from nexus.objects.s3.http import Request, Scope

DOOR = "s3"
UNREADABLE = "objects.request"
"""The action in the entry of a request that never became a verb."""
MAX_CLIENT_CHARS = 256
"""Characters of the User-Agent that the log keeps."""
_PURPOSES = frozenset(Purpose)


@dataclass(slots=True)
class Attempt:
    """How far a request came: what its entry will say if it is refused or fails."""

    id: str
    at: Instant
    origin: str
    client: str
    actor: Actor = ANONYMOUS
    purpose: str = Purpose.OPERATION
    action: str = UNREADABLE
    resource: Resource = PLATFORM
    device: str = ""
    details: dict[str, Detail] = field(default_factory=dict)
    code: str = ""
    """S3's code of what went wrong."""
    plain: bool = True
    """Whether it could be read as a request. One that could not may mean another to a proxy: its connection ends."""
    request: Request | None = None
    verb: Verb | None = None
    bucket: Bucket | None = None
    listed: bool = False
    """Whether an access control list let it in, where nothing else did."""
    service: query.Service | None = None
    """Where a form of the Query protocol is answered, the service that it is for."""

    def is_by(self, actor: Actor) -> None:
        """Whose it is, once that is known."""
        self.actor = actor

    def is_at(self, address: Address) -> None:
        """Where it points."""
        if address.bucket is not None:
            self.resource = Resource("Bucket", address.bucket)
        if address.key is not None:
            self.details["key"] = address.key

    def becomes(self, request: Request, address: Address) -> Verb:
        """The verb of a request; from here on its entry says what was tried on what. Raises Refusal if there is none."""
        self.is_at(address)
        verb = route(request, address)
        self.action = action_of(verb, request.query)
        self.request, self.verb = request, verb
        return verb

    def operation(self) -> Operation:
        """Who, why, when and from where, as far as it is known."""
        return Operation(
            self.id, self.actor, self.purpose, self.at, self.origin, DOOR, client=self.client, device=self.device
        )

    def ended_by(self, error: Exception) -> Entry:
        """The entry of a request that was refused, or failed."""
        refused = isinstance(error, Denied | Unauthenticated | Throttled) or explain(error).s3.status == 403
        op = self.operation()
        if isinstance(error, Hidden | Refused):  # the patient sees it, under his own key
            told = {"code": REFUSED_USE, "consent": error.decision or error.reason, "ruling": error.reason}
            return replace(op.denied(self.action, self.resource, **told, **self.details), subject=error.subject)
        write = op.denied if refused else op.failed
        return write(self.action, self.resource, **particulars(error), **self.details)


def purpose_of(headers: Mapping[str, str], caller: Caller) -> Purpose:
    """What a request is for: its own word, or that of the access key. Raises Refusal for one that is not in the list."""
    name = headers.get("x-nexus-purpose", caller.purpose)
    if name not in _PURPOSES:
        raise Refusal(
            errors.INVALID_ARGUMENT,
            f"x-nexus-purpose must be one of {', '.join(Purpose)}",
            ArgumentName="x-nexus-purpose",
        )
    return Purpose(name)


def user_agent(scope: Scope) -> str:
    """What the client calls itself, as far as the log keeps it."""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return str(value[:MAX_CLIENT_CHARS].decode("latin-1"))
    return ""
