"""The one place where every door's request is allowed or refused."""

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation, Resource


class Gate:
    """Decides with Cedar over the rights in the database; denies by default and on anything unexpected."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose` now; raise Denied otherwise."""
        raise NotImplementedError
