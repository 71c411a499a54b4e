"""All SQL of the bastion."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from nexus.bastion.model import End, Holder, ShellSession
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_SESSION = "id, person, login, sign_in, origin, command, started_at, ended_at, end, chunks, size, sealed_key, erased_at"


def add_session(tx: Transaction, new: ShellSession, serial: int) -> bool:
    """Store a session; False if its certificate has opened one before."""
    if tx.one("SELECT 1 FROM bastion_session WHERE serial = ?", (str(serial),)) is not None:
        return False
    tx.execute(
        f"INSERT INTO bastion_session ({_SESSION}, serial) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0, 0, ?, NULL, ?)",
        (
            *(new.id, new.holder.person, new.holder.login, new.holder.sign_in),
            *(new.origin, new.command, new.started_at),
            *(new.sealed_key, str(serial)),
        ),
    )
    return True


def session(tx: Transaction, session_id: str) -> ShellSession | None:
    """One session, or None."""
    row = tx.one(f"SELECT {_SESSION} FROM bastion_session WHERE id = ?", (session_id,))
    return None if row is None else _session(row)


def sessions(tx: Transaction, before: str, limit: int) -> list[ShellSession]:
    """Sessions, newest first, older than the id `before` (empty: from the newest)."""
    rows = tx.all(
        f"SELECT {_SESSION} FROM bastion_session WHERE (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
        (before, before, limit),
    )
    return [_session(row) for row in rows]


def open_sessions(tx: Transaction) -> list[ShellSession]:
    """Sessions that have not ended."""
    return [_session(row) for row in tx.all(f"SELECT {_SESSION} FROM bastion_session WHERE ended_at IS NULL")]


def count_chunk(tx: Transaction, session_id: str, chunks: int, size: int) -> None:
    """Say how far the recording is."""
    tx.execute("UPDATE bastion_session SET chunks = ?, size = ? WHERE id = ?", (chunks, size, session_id))


def end_session(tx: Transaction, session_id: str, end: End, now: Instant) -> None:
    """The session is over."""
    tx.execute(
        "UPDATE bastion_session SET ended_at = ?, end = ? WHERE id = ? AND ended_at IS NULL",
        (now, end.value, session_id),
    )


# Recordings that were kept long enough


def ended_before(tx: Transaction, moment: Instant, limit: int) -> list[ShellSession]:
    """Sessions that ended before a moment and whose recording is still there, the oldest first."""
    rows = tx.all(
        f"SELECT {_SESSION} FROM bastion_session WHERE ended_at < ? AND erased_at IS NULL ORDER BY ended_at LIMIT ?",
        (moment, limit),
    )
    return [_session(row) for row in rows]


def erase(tx: Transaction, session_id: str, now: Instant) -> None:
    """Destroy the key of a recording: nothing opens it any more."""
    tx.execute("UPDATE bastion_session SET sealed_key = ?, erased_at = ? WHERE id = ?", (b"", now, session_id))


def erased_ids(tx: Transaction) -> frozenset[str]:
    """The sessions whose recording was erased."""
    return frozenset(row[0] for row in tx.all("SELECT id FROM bastion_session WHERE erased_at IS NOT NULL"))


# The door's own key


def host_key(tx: Transaction) -> bytes | None:
    """The raw public key of the door, or None before its first start."""
    row = tx.one("SELECT public_key FROM bastion_host")
    return None if row is None else bytes(row[0])


def set_host_key(tx: Transaction, public: bytes) -> None:
    """From now on the door is known by this key."""
    tx.execute(
        "INSERT INTO bastion_host VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET public_key = excluded.public_key",
        (public,),
    )


# Second persons


def cut(tx: Transaction, session_id: str, person: str) -> bool:
    """Ask for the end of a session; False if it has ended."""
    return (
        tx.execute("UPDATE bastion_session SET cut_by = ? WHERE id = ? AND ended_at IS NULL", (person, session_id)) == 1
    )


READ_CUT = "SELECT cut_by FROM bastion_session WHERE id = ? AND cut_by IS NOT NULL"


def watch(tx: Transaction, session_id: str, person: str, name: str, now: Instant) -> None:
    """Somebody looks at a session now."""
    tx.execute(
        "INSERT INTO bastion_watch VALUES (?, ?, ?, ?) ON CONFLICT (session, person) DO UPDATE SET seen_at = excluded.seen_at",
        (session_id, person, name, now),
    )


def watchers(tx: Transaction, session_id: str, since: Instant) -> list[str]:
    """Names of those who have looked since a moment."""
    rows = tx.all(
        "SELECT name FROM bastion_watch WHERE session = ? AND seen_at >= ? ORDER BY person", (session_id, since)
    )
    return [name for (name,) in rows]


def forget_watchers(tx: Transaction, session_id: str) -> None:
    """Nobody can watch what is over."""
    tx.execute("DELETE FROM bastion_watch WHERE session = ?", (session_id,))


def _session(row: Row) -> ShellSession:
    ended = None if row[7] is None else Instant(row[7])
    end = None if row[8] is None else End(row[8])
    erased = None if row[12] is None else Instant(row[12])
    holder = Holder(*row[1:4])
    return ShellSession(row[0], holder, row[4], row[5], Instant(row[6]), ended, end, row[9], row[10], row[11], erased)
