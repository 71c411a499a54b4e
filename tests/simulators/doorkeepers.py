"""What stands behind the ports of the REST door, small and honest: tokens, rights, four eyes, a lease."""

from dataclasses import dataclass

import msgspec

from nexus.kernel.errors import Conflict, Denied, NotFound, Sealed, StepUpNeeded, Unauthenticated
from nexus.kernel.operation import Actor, ActorKind, Operation, OperationSpec, Resource

ALICE = Actor("per_alice", ActorKind.PERSON, "Alice", person="per_alice")
BOB = Actor("per_bob", ActorKind.PERSON, "Bob", person="per_bob")


class Tokens:
    """Knows two persons, each at one client. A token presented by another client is worth nothing."""

    def __init__(self) -> None:
        self.sessions = {"token-alice": (ALICE, "test-client"), "token-bob": (BOB, "test-client")}

    async def session(self, token: str, origin: str, client: str) -> Actor:
        actor, bound_to = self.sessions.get(token, (None, None))
        if actor is None or bound_to != client:
            raise Unauthenticated("this token is not valid here", code="iam.token")
        return actor


class Rights:
    """Allows what was given, by actor and action, and nothing else."""

    def __init__(self) -> None:
        self.given: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str, str]] = []

    def give(self, actor: Actor, *actions: str) -> None:
        self.given.update((actor.id, action) for action in actions)

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        self.asked.append((op.actor.id, action, str(resource)))
        if (op.actor.id, action) not in self.given:
            raise Denied(f"{op.actor.id} may not {action}", code="iam.denied")


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A sensitive operation that waits."""

    id: str
    operation: str
    request: str
    state: str = "proposed"


@dataclass(frozen=True)
class Claimed:
    spec_name: str
    request_json: bytes


class FourEyes:
    """Holds intents; the test approves them."""

    def __init__(self) -> None:
        self.content_of: dict[str, Claimed] = {}
        self.approved: set[str] = set()
        self.executed: set[str] = set()

    async def propose(self, op: Operation, spec: OperationSpec, request_json: bytes, resource: Resource) -> Intent:
        intent = Intent(id=f"int_{len(self.content_of)}", operation=spec.name, request=request_json.decode())
        self.content_of[intent.id] = Claimed(spec.name, request_json)
        return intent

    async def content(self, intent_id: str) -> Claimed:
        if intent_id not in self.content_of:
            raise NotFound("there is no such intent", code="iam.approval-unknown")
        return self.content_of[intent_id]

    async def claim(self, op: Operation, intent_id: str) -> Claimed:
        content = await self.content(intent_id)
        if intent_id not in self.approved:
            raise Denied("approvals are missing", code="iam.approval-missing")
        if intent_id in self.executed:
            raise Conflict("executed already", code="iam.approval-executed")
        self.executed.add(intent_id)
        return content


class Steps:
    """Asks for a fresh factor once the test says so: then the proof `fresh` is good, once, for any content."""

    def __init__(self) -> None:
        self.strict = False
        self.asked: list[str] = []
        self.good = {"fresh"}

    async def require(self, op: Operation, digest: str, proof: str) -> None:
        self.asked.append(digest)
        if self.strict and proof not in self.good:
            raise StepUpNeeded("this needs a fresh factor", digest=digest, code="iam.step-up-needed")
        self.good.discard(proof)


class Leash:
    """A lease that the test takes away."""

    def __init__(self) -> None:
        self.held = True

    def require(self) -> None:
        if not self.held:
            raise Sealed("the key service is sealed", hint="nexus unseal")
