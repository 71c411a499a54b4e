"""Ready-made operations for tests."""

from nexus.kernel.clock import Instant
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Operation
from simulators.clock import EPOCH


def operation(
    actor: str = "per_alice", *, purpose: str = "operation", at: int = EPOCH, door: str = "test"
) -> Operation:
    """An operation by a person, now."""
    who = Actor(actor, ActorKind.PERSON, actor, person=actor)
    return Operation(new_id("op"), who, purpose, Instant(at), "127.0.0.1", door)
