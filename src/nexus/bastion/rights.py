"""May this person have a session open now? One question, asked at the issue, at the door, and twice a second."""

from dataclasses import dataclass, replace

from nexus.bastion.model import OPEN, Holder
from nexus.bastion.ports import Gate, Standing
from nexus.kernel.errors import Denied
from nexus.kernel.operation import PLATFORM, Operation


@dataclass(frozen=True, slots=True)
class Rights:
    """The sign-in must be open, the person active, and the gate must allow it."""

    standing: Standing
    gate: Gate

    def require(self, op: Operation, holder: Holder) -> Operation:
        """The operation, by the person as she stands now. Raises Denied, Unavailable where nobody can say."""
        actor = self.standing.actor(holder)
        if actor is None:
            raise Denied("the sign-in behind this certificate has ended", code="bastion.standing")
        now = replace(op, actor=actor)
        self.gate.check(now, OPEN, PLATFORM)
        return now
