"""Directories, their groups and members, and persons as a directory sees them."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from nexus.iam.model import PRIVILEGED_ROLES, IdentityState, Role
from nexus.iam.supervision import DirectoryGroup, DirectoryPerson
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_PRIVILEGED = ", ".join(f"'{role.value}'" for role in sorted(PRIVILEGED_ROLES))
_IS_PRIVILEGED = (
    "(EXISTS (SELECT 1 FROM iam_grant g WHERE g.identity = i.id AND g.revoked_at IS NULL AND g.ends_at > ?1"
    f" AND g.role IN ({_PRIVILEGED})) OR EXISTS (SELECT 1 FROM iam_eligibility e WHERE e.person = i.id"
    f" AND e.revoked_at IS NULL AND e.ends_at > ?1 AND e.role IN ({_PRIVILEGED})))"
)
_PERSON = (
    "SELECT i.id, p.login, i.name, p.email, i.state, d.external_id, i.created_at, coalesce(d.changed_at, i.created_at),"
    " d.stopped_at IS NOT NULL FROM iam_identity i JOIN iam_person p USING (id)"
    " LEFT JOIN iam_directory_person d ON d.person = i.id"
    f" WHERE i.state <> 'deleted' AND d.left_at IS NULL AND NOT {_IS_PRIVILEGED}"
    " AND i.id NOT IN (SELECT person FROM iam_patient)"
)


# Directories


def register(tx: Transaction, machine: str, ends_at: Instant, by: str, now: Instant) -> None:
    """Make a machine a directory, or prolong it."""
    tx.execute(
        "INSERT INTO iam_directory VALUES (?, ?, ?, ?, NULL) ON CONFLICT (machine) DO UPDATE SET"
        " ends_at = excluded.ends_at, registered_by = excluded.registered_by, registered_at = excluded.registered_at,"
        " revoked_at = NULL",
        (machine, ends_at, by, now),
    )


def revoke(tx: Transaction, machine: str, now: Instant) -> bool:
    """A machine is a directory no more; False if it was none."""
    return (
        tx.execute("UPDATE iam_directory SET revoked_at = ? WHERE machine = ? AND revoked_at IS NULL", (now, machine))
        == 1
    )


def directories(tx: Transaction, now: Instant) -> list[tuple[str, Instant, str]]:
    """Directories in force: machine, end, who registered it."""
    rows = tx.all(
        "SELECT machine, ends_at, registered_by FROM iam_directory WHERE revoked_at IS NULL AND ends_at > ?"
        " ORDER BY machine",
        (now,),
    )
    return [(row[0], Instant(row[1]), row[2]) for row in rows]


# Groups


def add_group(tx: Transaction, new: DirectoryGroup, by: str, now: Instant) -> None:
    """Store what membership in a group gives."""
    tx.execute(
        "INSERT INTO iam_directory_group VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.id, new.name, new.role.value, new.scope, new.ends_at, by, now),
    )


def group(tx: Transaction, group_id: str) -> DirectoryGroup | None:
    """One group, or None."""
    row = tx.one("SELECT id, name, role, scope, ends_at FROM iam_directory_group WHERE id = ?", (group_id,))
    return None if row is None else _group(row)


def groups(tx: Transaction) -> list[DirectoryGroup]:
    """Every group, by name."""
    return [
        _group(row) for row in tx.all("SELECT id, name, role, scope, ends_at FROM iam_directory_group ORDER BY name")
    ]


def name_taken(tx: Transaction, name: str) -> bool:
    """Whether a group has this name."""
    return tx.one("SELECT 1 FROM iam_directory_group WHERE name = ?", (name,)) is not None


def delete_group(tx: Transaction, group_id: str) -> None:
    """Remove a group and its list of members; what it gave is taken away by whoever calls this."""
    tx.execute("DELETE FROM iam_directory_member WHERE team = ?", (group_id,))
    tx.execute("DELETE FROM iam_directory_group WHERE id = ?", (group_id,))


def members(tx: Transaction, group_id: str) -> list[tuple[str, str, str]]:
    """Members: person, login, the grant that membership gave."""
    rows = tx.all(
        "SELECT m.person, p.login, m.grant_id FROM iam_directory_member m JOIN iam_person p ON p.id = m.person"
        " WHERE m.team = ? ORDER BY p.login",
        (group_id,),
    )
    return [(row[0], row[1], row[2]) for row in rows]


def membership(tx: Transaction, group_id: str, person: str) -> str | None:
    """The grant that membership gave, or None for no member."""
    row = tx.one("SELECT grant_id FROM iam_directory_member WHERE team = ? AND person = ?", (group_id, person))
    return None if row is None else str(row[0])


def add_member(tx: Transaction, group_id: str, person: str, grant_id: str) -> None:
    """Store a membership."""
    tx.execute("INSERT INTO iam_directory_member VALUES (?, ?, ?)", (group_id, person, grant_id))


def remove_member(tx: Transaction, group_id: str, person: str) -> None:
    """Forget a membership."""
    tx.execute("DELETE FROM iam_directory_member WHERE team = ? AND person = ?", (group_id, person))


def leave_groups(tx: Transaction, person: str) -> None:
    """Forget every membership of a person; her grants end besides."""
    tx.execute("DELETE FROM iam_directory_member WHERE person = ?", (person,))


# Persons


def privileged(tx: Transaction, person: str, now: Instant) -> bool:
    """Whether a person holds, will hold or may elevate a privileged role."""
    row = tx.one(f"SELECT {_IS_PRIVILEGED} FROM iam_identity i WHERE i.id = ?2", (now, person))
    return row is not None and bool(row[0])


def person(tx: Transaction, person_id: str, now: Instant) -> DirectoryPerson | None:
    """A person as a directory sees her; None for whom it may not see."""
    row = tx.one(f"{_PERSON} AND i.id = ?2", (now, person_id))
    return None if row is None else _person(row)


_MATCHING = f"{_PERSON} AND (?2 = '' OR p.login = ?2) AND (?3 = '' OR p.email = ?3) AND (?4 = '' OR d.external_id = ?4)"


def persons(  # noqa: PLR0917 - one statement, six parameters
    tx: Transaction, login: str, email: str, external_id: str, start: int, count: int, now: Instant
) -> tuple[int, list[DirectoryPerson]]:
    """How many persons match, and some of them from a position (0 is the first). An empty text matches everybody."""
    total = tx.one(f"SELECT count(*) FROM ({_MATCHING}) matching", (now, login, email, external_id))
    assert total is not None
    rows = tx.all(f"{_MATCHING} ORDER BY i.id LIMIT ?5 OFFSET ?6", (now, login, email, external_id, count, start))
    return int(total[0]), [_person(row) for row in rows]


def note(tx: Transaction, person_id: str, external_id: str | None, now: Instant, *, stopped: Instant | None) -> None:
    """Remember what a directory says of a person."""
    tx.execute(
        "INSERT INTO iam_directory_person (person, external_id, changed_at, stopped_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (person) DO UPDATE SET external_id = excluded.external_id, changed_at = excluded.changed_at,"
        " stopped_at = excluded.stopped_at",
        (person_id, external_id, now, stopped),
    )


def external_id_taken(tx: Transaction, external_id: str, but: str) -> bool:
    """Whether somebody else has this external id."""
    row = tx.one("SELECT 1 FROM iam_directory_person WHERE external_id = ? AND person <> ?", (external_id, but))
    return row is not None


def note_left(tx: Transaction, person_id: str, now: Instant) -> None:
    """A directory removed this person: it sees her no more."""
    tx.execute(
        "INSERT INTO iam_directory_person (person, changed_at, left_at) VALUES (?, ?, ?)"
        " ON CONFLICT (person) DO UPDATE SET external_id = NULL, changed_at = excluded.changed_at,"
        " left_at = excluded.left_at",
        (person_id, now, now),
    )


def _group(row: Row) -> DirectoryGroup:
    return DirectoryGroup(row[0], row[1], Role(row[2]), row[3], Instant(row[4]))


def _person(row: Row) -> DirectoryPerson:
    return DirectoryPerson(
        id=row[0],
        login=row[1],
        name=row[2],
        email=row[3],
        state=IdentityState(row[4]),
        external_id=row[5],
        created_at=Instant(row[6]),
        changed_at=Instant(row[7]),
        stopped=bool(row[8]),
    )
