"""Which subject of which outside issuer is which person here."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction


@dataclass(frozen=True, slots=True)
class Link:
    """A link as stored."""

    id: str
    issuer: str
    subject: str
    person: str
    linked_at: Instant
    last_used_at: Instant | None


_COLUMNS = "id, issuer, subject, person, linked_at, last_used_at"


def add(tx: Transaction, new: Link) -> None:
    """Store a link; the database refuses a second one of the same subject."""
    tx.execute(
        f"INSERT INTO iam_federation_link ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL)",
        (new.id, new.issuer, new.subject, new.person, new.linked_at),
    )


def find(tx: Transaction, link_id: str) -> Link | None:
    """One link, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM iam_federation_link WHERE id = ?", (link_id,))
    return None if row is None else _link(row)


def of_subject(tx: Transaction, issuer: str, subject: str) -> Link | None:
    """The link of an issuer's subject, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM iam_federation_link WHERE issuer = ? AND subject = ?", (issuer, subject))
    return None if row is None else _link(row)


def of_person(tx: Transaction, person: str) -> list[Link]:
    """The links of a person, the oldest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM iam_federation_link WHERE person = ? ORDER BY id", (person,))
    return [_link(row) for row in rows]


def used(tx: Transaction, link_id: str, now: Instant) -> bool:
    """Write down that a link was used; False if it is not there any more."""
    return tx.execute("UPDATE iam_federation_link SET last_used_at = ? WHERE id = ?", (now, link_id)) == 1


def remove(tx: Transaction, link_id: str) -> bool:
    """Remove a link; False if it is not there."""
    return tx.execute("DELETE FROM iam_federation_link WHERE id = ?", (link_id,)) == 1


def remove_of(tx: Transaction, person: str) -> None:
    """Remove every link of a person."""
    tx.execute("DELETE FROM iam_federation_link WHERE person = ?", (person,))


@dataclass(frozen=True, slots=True)
class CameFrom:
    """Who vouched for a session: the issuer, whom it spoke of, and its own session, empty where it does not say."""

    issuer: str
    subject: str
    sid: str


def came_from(tx: Transaction, session: str, origin: CameFrom) -> None:
    """Remember who vouched for a session."""
    tx.execute(
        "INSERT INTO iam_federation_session VALUES (?, ?, ?, ?)",
        (session, origin.issuer, origin.subject, origin.sid),
    )


def sessions_from(tx: Transaction, issuer: str, subject: str, sid: str) -> list[tuple[str, str]]:
    """Open sessions that an issuer vouched for, with their persons: of a subject, of a session of its own, or of both."""
    rows = tx.all(
        "SELECT f.session, s.person FROM iam_federation_session f JOIN iam_session s ON s.id = f.session"
        " WHERE f.issuer = ? AND (? = '' OR f.subject = ?) AND (? = '' OR f.sid = ?)",
        (issuer, subject, subject, sid, sid),
    )
    return [(session, person) for session, person in rows]


def sweep(tx: Transaction) -> None:
    """Forget who vouched for sessions that have ended."""
    tx.execute("DELETE FROM iam_federation_session WHERE session NOT IN (SELECT id FROM iam_session)")


def _link(row: Row) -> Link:
    used_at = None if row[5] is None else Instant(row[5])
    return Link(row[0], row[1], row[2], row[3], Instant(row[4]), used_at)
