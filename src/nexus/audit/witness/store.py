"""What a witness remembers: one row for each log, replaced only by a larger tree or by the same one."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nexus.kernel.database import Bookkeeping, Database, Migration, Transaction
from nexus.kernel.operation import Entry

MIGRATIONS = (
    Migration(
        "witness",
        1,
        (
            "CREATE TABLE witness_log (hash TEXT PRIMARY KEY, origin TEXT NOT NULL, size INTEGER NOT NULL,"
            " root BLOB NOT NULL, note TEXT NOT NULL) STRICT",
            "CREATE TRIGGER witness_log_grows BEFORE UPDATE ON witness_log"
            " WHEN NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)"
            " BEGIN SELECT RAISE(ABORT, 'a witness never forgets'); END",
            "CREATE TRIGGER witness_log_stays BEFORE DELETE ON witness_log"
            " BEGIN SELECT RAISE(ABORT, 'a witness never forgets'); END",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Remembered:
    """The newest checkpoint cosigned for a log. `note` carries the signatures of the log and of the witness."""

    size: int
    root: bytes
    note: str


class WitnessStore:
    """A database file of its own. It holds nothing confidential, and is not encrypted."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, key=None, recorder=_NoLog())
        self._db.migrate(MIGRATIONS)

    def close(self) -> None:
        self._db.close()

    def by_origin(self, origin: str) -> Remembered | None:
        return self.by_hash(origin_hash(origin))

    def by_hash(self, digest: str) -> Remembered | None:
        """`digest`: SHA-256 of the origin in lowercase hex, as the protocol's path has it."""
        row = self._db.peek("SELECT size, root, note FROM witness_log WHERE hash = ?", (digest,))
        return None if row is None else Remembered(*row)

    async def advance(self, origin: str, old: Remembered | None, new: Remembered) -> bool:
        """Remember `new` durably if `old` is still what is remembered; says whether it was."""

        def work(tx: Transaction) -> bool:
            if old is None:
                return (
                    tx.execute(
                        "INSERT INTO witness_log VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        (origin_hash(origin), origin, new.size, new.root, new.note),
                    )
                    == 1
                )
            return (
                tx.execute(
                    "UPDATE witness_log SET size = ?, root = ?, note = ? WHERE hash = ? AND size = ? AND root = ?",
                    (new.size, new.root, new.note, origin_hash(origin), old.size, old.root),
                )
                == 1
            )

        return await self._db.bookkeep(Bookkeeping.CHECKPOINT, work)


def origin_hash(origin: str) -> str:
    """What stands for a log in the protocol's paths: SHA-256 of its origin, in lowercase hex."""
    return sha256(origin.encode()).hexdigest()


class _NoLog:
    """A witness has no audit log: its database is its log. Nothing here ever carries an entry."""

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        raise NotImplementedError("a witness records nothing")
