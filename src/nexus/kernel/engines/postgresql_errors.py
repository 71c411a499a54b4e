"""What PostgreSQL says when it fails, in our words. Its own quote values of rows: they go into no message and no log."""

from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import errors

from nexus.kernel.engines.dialect import UntranslatableError
from nexus.kernel.engines.port import TransactionLostError
from nexus.kernel.errors import Damaged, NexusError, Unavailable

UNREACHABLE: Final = "database.unreachable"
_GONE: Final = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.DatabaseDropped,
    errors.IdleInTransactionSessionTimeout,
    errors.TooManyConnections,
)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What callers are told of some errors."""

    errors: tuple[type[Exception], ...]
    told: type[NexusError]
    message: str
    code: str
    hint: str = ""


_MEANINGS: Final = (
    _Meaning(
        (errors.DiskFull, errors.OutOfMemory, errors.InsufficientResources),
        Unavailable,
        "the disk of the database server is full",
        "database.disk-full",
        "free space on the database server, then retry",
    ),
    _Meaning(
        (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure),
        Unavailable,
        "the database is locked by another process",
        "database.locked",
        "retry",
    ),
    _Meaning((errors.QueryCanceled,), Unavailable, "the database took too long", "database.slow", "retry"),
    _Meaning(
        (errors.DataCorrupted, errors.IndexCorrupted),
        Damaged,
        "the database is damaged",
        "database.damaged",
        "stop, keep a copy of the server's files, and restore the last backup",
    ),
    _Meaning(
        (
            errors.InvalidPassword,
            errors.InvalidAuthorizationSpecification,
            errors.InsufficientPrivilege,
            errors.InvalidCatalogName,
        ),
        Unavailable,
        "the database server does not let this account in, or not do that",
        "database.account",
        "the log of the database server says why; docs/how-to/postgresql.md says what the account needs",
    ),
    _Meaning((errors.IntegrityError,), NexusError, "a constraint of the database refuses it", "database.constraint"),
)


def explain(error: BaseException) -> NexusError:
    """A database error in words. Raise it `from None`: the error itself may quote personal data."""
    if isinstance(error, NexusError):
        return error
    for meaning in _MEANINGS:
        if isinstance(error, meaning.errors):
            return meaning.told(meaning.message, code=meaning.code, hint=meaning.hint)
    if is_gone(error):
        return Unavailable("the database server cannot be reached", code=UNREACHABLE, hint="retry")
    if isinstance(error, UntranslatableError):
        return NexusError(f"a statement that PostgreSQL would not take: {error}", code="database.statement")
    return NexusError(f"unexpected {type(error).__name__} in the database", code="database.unexpected")


def is_gone(error: BaseException) -> bool:
    """Whether the connection is of no use any more, whatever became of what was under way."""
    if isinstance(error, _GONE):
        return True
    # An error without a state was not said by the server: the connection ended instead.
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def is_passing(error: BaseException) -> bool:
    """Whether the same transaction may succeed in a moment: others were in its way, or the server was on its way up or down."""
    if isinstance(error, NexusError):
        return error.code == UNREACHABLE
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        return True
    # Who stood still for too long once would do so again.
    return is_gone(error) and not isinstance(error, errors.IdleInTransactionSessionTimeout)


def lost(error: BaseException) -> TransactionLostError:
    """A transaction that this error ended before its commit: nothing of it is stored."""
    return TransactionLostError(explain(error), shared=True, again=is_passing(error))
