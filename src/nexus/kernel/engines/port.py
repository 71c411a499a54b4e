"""The port between the database and what it runs on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from nexus.kernel.errors import NexusError

Row = tuple[Any, ...]
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""(done, in all), in whatever unit the copy counts."""


class Transaction(Protocol):
    """What work sees of the database: rows in, rows out. Never kept after the work returns.

    Values are int (64 bits), str, bytes and None. A statement that fails ends the work that ran it: whoever catches its
    error and goes on finds the transaction closed to him on one of the engines.
    """

    @property
    def moment(self) -> object:
        """Another object whenever something may have changed that a statement of this transaction would find: what was
        read at one moment still holds while it is that very object. Only SELECT leaves it as it is.
        """
        ...

    @property
    def untouched(self) -> bool:
        """Whether nothing was changed in it so far, be it undone since: what is found is on disk, whatever becomes of this
        transaction.
        """
        ...

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Every row of a statement."""
        ...

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows that it changed."""
        ...

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once for each row of parameters; returns the number of rows that it changed in all (on SQLite,
        with those that triggers changed)."""
        ...

    def announce(self, name: bytes) -> None:
        """Say that rows of this name change, which others remember (`Engine.watched`); they hear of it at the commit."""
        ...


def is_reading(sql: str) -> bool:
    """Whether a statement surely changes nothing. What begins otherwise than SELECT may."""
    return sql.startswith("SELECT")


@dataclass(frozen=True, slots=True)
class InEach:
    """A step of a migration that the two engines need to be told in different words. See `dialect` for what is the same."""

    sqlite: str
    postgresql: str


Statement = str | InEach


class TransactionLostError(Exception):
    """A whole transaction came to nothing, whoever's job it was that noticed. `cause` is what callers are told.

    `shared`: it would have happened to any of its jobs alone (a lock, a lost connection), so trying them one by one is
    of no use. `again`: nothing of it is stored, for certain, and the same work may succeed in a moment.
    """

    def __init__(self, cause: NexusError, *, shared: bool, again: bool = False) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.shared = shared
        self.again = again


class Writer(Protocol):
    """The connection that writes; used by one thread, for one transaction after the other.

    Between `begin` and `commit`, no other writer of this database runs, in this process or any other: work may read,
    decide and write as if it were alone. Every method may raise TransactionLostError; then nothing of it stays.
    """

    def begin(self, jobs: int) -> Transaction:
        """Wait until no other writer is at work, and keep them out from here on. `jobs`: how many there will be."""
        ...

    def attempt(self, work: Callable[[Transaction], T]) -> T:
        """Run one job. If it raises, what it did is undone, what others did before it is not. Raises what the job raises;
        errors of the engine as `Engine.explain` has them.
        """
        ...

    def commit(self) -> None:
        """On return, the transaction is on disk (and with the standbys that the server waits for)."""
        ...

    def rollback(self) -> None:
        """Undo everything since `begin`. Never raises."""
        ...


class Engine(Protocol):
    """One database, opened. Reads come from any thread."""

    def read(self) -> AbstractContextManager[Transaction]:
        """One consistent snapshot for as long as the block runs. Never waits for writers."""
        ...

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of one statement, as of now."""
        ...

    def watched(self, sql: str, parameters: Sequence[Any] = (), *, name: bytes = b"") -> Row | None:
        """What `peek` would say, of a row whose every change calls `kernel_moved()` in a trigger (on SQLite) or, with `name`, is
        announced under it. Sees each change from the moment at which the writer hears that it is durable, in every process.
        """
        ...

    def writer(self) -> Writer:
        """The one writer of this process. Called once."""
        ...

    def explain(self, error: Exception) -> NexusError:
        """An error of this engine in words, without SQL, parameters or values: they may hold personal data."""
        ...

    def lost(self, error: Exception) -> TransactionLostError | None:
        """What an error that reached the writer between two jobs means, if it means that the transaction is lost."""
        ...

    def define(self, tx: Transaction, statement: Statement) -> None:
        """Take a step of a migration."""
        ...

    def copy_to(self, path: Path, progress: Progress) -> None:
        """Write this moment's state to an encrypted file that SQLite opens, whatever this engine is. Durable on return."""
        ...

    def close(self) -> None:
        """Close every connection; the writer's work is done."""
        ...
