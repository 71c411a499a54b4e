"""The use cases of identity and authorisation, by room: `persons`, `sessions`, `grants`, `approvals`, …"""

from typing import Any

from nexus.iam.approvals import Approvals
from nexus.iam.gate import Gate
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.secret import Secret


class IdentityService:
    approvals: Approvals
    resources: Any
    enrolments: Any
    sessions: Any
    persons: Any
    machines: Any
    credentials: Any
    grants: Any

    def __init__(
        self, db: Database, clock: Clock, *, gate: Gate, approvals: Approvals, sealing_key: Secret
    ) -> None: ...
