"""Four eyes: intents, approvals bound to their exact content, execution once."""

from nexus.iam.gate import Gate
from nexus.iam.model import Claimed, Intent
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation, OperationSpec, Resource


class Approvals:
    def __init__(self, db: Database, gate: Gate, clock: Clock) -> None: ...

    async def propose(self, op: Operation, spec: OperationSpec, request_json: bytes, resource: Resource) -> Intent:
        raise NotImplementedError

    async def content(self, intent_id: str) -> Claimed:
        raise NotImplementedError

    async def approve(self, op: Operation, intent_id: str, digest: str) -> Intent:
        raise NotImplementedError

    async def reject(self, op: Operation, intent_id: str) -> Intent:
        raise NotImplementedError

    async def claim(self, op: Operation, intent_id: str) -> Claimed:
        raise NotImplementedError
