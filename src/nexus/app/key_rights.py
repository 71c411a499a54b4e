"""Who may have objects under which key of the key service: the gate decides, on the key within the scope of its owner."""

from nexus.app.placement import Placements
from nexus.iam.gate import Gate
from nexus.kernel.operation import ActorKind, Operation
from nexus.kms.model import WRAPPING
from nexus.objects.store.named_keys import key_resource

USE = "kms.key.use"
_SYSTEM = "system:"


class KeyRights:
    """The port `objects.ports.KeyRights`."""

    def __init__(self, gate: Gate, placements: Placements) -> None:
        self._gate = gate
        self._placements = placements

    async def owner_of(self, key_id: str) -> str | None:
        """The owner of a key that wraps data keys; the platform's own keys are nobody's to name."""
        for key in await self._placements.keys():
            if key.id == key_id and key.key_class in WRAPPING and not key.owner.startswith(_SYSTEM):
                return key.owner
        return None

    def check(self, op: Operation, key_id: str, owner: str) -> None:
        """Raises Denied. The platform itself reads what its chores need (life cycle rules that look at tags)."""
        if op.actor.kind is not ActorKind.SYSTEM:
            self._gate.check(op, USE, key_resource(key_id, owner))
