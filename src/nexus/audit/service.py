"""The operations of the audit log: one public method = one story = one audit entry."""

from collections.abc import Callable
from pathlib import Path

from nexus.audit import model
from nexus.audit.policy import LogIdentity
from nexus.audit.reader import AuditReader
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation


class AuditService:
    """`reader` is a call, so that a lost lease fails closed: it raises Sealed while there is no private key."""

    def __init__(
        self,
        db: Database,
        identity: LogIdentity,
        reader: Callable[[], AuditReader],
        directory: Path,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._db, self._identity, self._reader, self._directory = db, identity, reader, directory
        self._clock = clock or SystemClock()

    async def list_entries(self, op: Operation, request: model.ListEntries) -> model.EntryPage:
        raise NotImplementedError

    async def prove_entry(self, op: Operation, request: model.ProveEntry) -> model.Receipt:
        raise NotImplementedError

    async def erase_person(self, op: Operation, request: model.ErasePerson) -> model.Erasure:
        raise NotImplementedError

    async def read_log(self, op: Operation, request: model.ReadLog) -> model.LogState:
        raise NotImplementedError

    async def verify_log(self, op: Operation, request: model.VerifyLog) -> model.Verification:
        raise NotImplementedError

    async def export_log(self, op: Operation, request: model.ExportLog) -> model.ExportPage:
        raise NotImplementedError

    async def configure_log(self, op: Operation, request: model.LogPolicy) -> model.LogState:
        raise NotImplementedError
