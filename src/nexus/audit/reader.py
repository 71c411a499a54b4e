"""The reading side of the audit log: only where the audit private key is."""

from pathlib import Path

from nexus.audit.model import EntryPage, ListEntries
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.database import Database


class AuditReader:
    """Opens, searches and proves entries. Every method blocks: call it on a thread."""

    def __init__(self, db: Database, private_key: OpeningKey, directory: Path) -> None:
        """`directory`: the static files of the log, `<data>/log`."""
        self._db = db

    def page(self, query: ListEntries) -> EntryPage:
        """Entries that match, newest first. Raises Invalid on a malformed time or cursor."""
        raise NotImplementedError
