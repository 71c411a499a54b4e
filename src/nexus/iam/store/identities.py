"""Identities, persons, machines and their grants."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nexus.iam.model import Grant, Identity, IdentityKind, IdentityState, Machine, Person, Role
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_IDENTITY = "id, kind, name, state, person, created_by, created_at"
_PERSON = "i.id, p.login, i.name, p.email, i.state, i.created_by, i.created_at"
_GRANT = "id, identity, role, scope, starts_at, ends_at, granted_by"
READ_VERSION = "SELECT version FROM iam_version"
"""The version of all rights: every change of an identity, a grant or an access key moves it."""


def any_person(tx: Transaction) -> bool:
    """Whether anybody was ever created."""
    return tx.one("SELECT 1 FROM iam_person LIMIT 1") is not None


def identity(tx: Transaction, identity_id: str) -> Identity | None:
    """A person or a machine, or None."""
    row = tx.one(f"SELECT {_IDENTITY} FROM iam_identity WHERE id = ?", (identity_id,))
    return None if row is None else _identity(row)


def add_identity(tx: Transaction, new: Identity) -> None:
    """Store a new identity."""
    tx.execute(
        f"INSERT INTO iam_identity ({_IDENTITY}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (new.id, new.kind.value, new.name, new.state.value, new.person, new.created_by, new.created_at),
    )


def set_state(tx: Transaction, identity_id: str, state: IdentityState) -> None:
    """Change the state; which changes are allowed is decided above."""
    tx.execute("UPDATE iam_identity SET state = ? WHERE id = ?", (state.value, identity_id))


def set_owner(tx: Transaction, machine_id: str, person: str) -> None:
    """Somebody else answers for a machine from now on."""
    tx.execute("UPDATE iam_identity SET person = ? WHERE id = ? AND kind = 'machine'", (person, machine_id))


def rename(tx: Transaction, identity_id: str, name: str) -> None:
    """Change a name."""
    tx.execute("UPDATE iam_identity SET name = ? WHERE id = ?", (name, identity_id))


def machines_of(tx: Transaction, person: str) -> list[str]:
    """Ids of the machines that a person answers for, but deleted ones."""
    rows = tx.all("SELECT id FROM iam_identity WHERE person = ? AND kind = 'machine' AND state <> 'deleted'", (person,))
    return [machine for (machine,) in rows]


# What a decision needs, in one statement (and so in one snapshot)


@dataclass(frozen=True, slots=True)
class Standing:
    """An identity as a decision sees it. `active` is false as soon as the person who answers for it is not."""

    version: int
    kind: str
    """One of `IdentityKind`; empty if there is no such identity."""
    person: str
    active: bool
    grants: Sequence[tuple[str, str, int, int]]
    """Role, scope, start and end of each grant that holds now or will hold."""
    grant_ids: Sequence[str]
    """The id of each of them, in the same order."""
    elevations: Sequence[tuple[str, str, int, int]]
    """The same of each elevation that is open."""
    directory_until: int | None = None
    """Until when it is a directory of people, if it is one."""
    patient: bool = False
    """Whether it is the account of a patient."""


_GRANTED = msgspec.json.Decoder(list[tuple[str, str, int, int, str]])
_ELEVATED = msgspec.json.Decoder(list[tuple[str, str, int, int]])

_NOBODY = ("", "", "", "")
_STANDS = msgspec.json.Decoder(tuple[str, str, str, str])

READ_STANDING = (
    "SELECT v.version,"
    " (SELECT json_array(i.kind, i.person, i.state, CASE WHEN i.person = i.id THEN i.state ELSE"
    " (SELECT o.state FROM iam_identity o WHERE o.id = i.person) END) FROM iam_identity i WHERE i.id = ?2),"
    " (SELECT json_group_array(json_array(g.role, g.scope, g.starts_at, g.ends_at, g.id)) FROM iam_grant g"
    " WHERE g.identity = ?2 AND g.revoked_at IS NULL AND g.ends_at > ?1),"
    " (SELECT json_group_array(json_array(e.role, e.scope, e.starts_at, e.ends_at)) FROM iam_elevation e"
    " WHERE e.person = ?2 AND e.ended_at IS NULL AND e.ends_at > ?1),"
    " (SELECT d.ends_at FROM iam_directory d WHERE d.machine = ?2 AND d.revoked_at IS NULL),"
    " (SELECT 1 FROM iam_patient t WHERE t.person = ?2)"
    " FROM iam_version v WHERE v.one = 1"
)
"""Parameters: now, id of the identity. Subqueries by its id: joined, the same rows cost five times as much."""


def standing_of(row: Row) -> Standing:
    """The row of `READ_STANDING`."""
    version_, stands, grants_, elevations, directory, patient = row
    kind, answering, state, person_state = _STANDS.decode(stands) if stands else _NOBODY
    active = state == IdentityState.ACTIVE and person_state == IdentityState.ACTIVE
    granted = _GRANTED.decode(grants_)
    return Standing(
        version=version_,
        kind=kind,
        person=answering,
        active=active,
        grants=[grant[:4] for grant in granted],
        grant_ids=[grant[4] for grant in granted],
        elevations=_ELEVATED.decode(elevations),
        directory_until=directory,
        patient=patient is not None,
    )


# Persons


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person proves herself with. `totp_step` is the last time step whose code was used."""

    person: str
    name: str
    state: IdentityState
    password_hash: str | None
    totp_sealed: bytes | None
    totp_step: int


def add_person(tx: Transaction, person_id: str, login: str, email: str) -> None:
    """Store what a person has beyond an identity."""
    tx.execute("INSERT INTO iam_person (id, login, email) VALUES (?, ?, ?)", (person_id, login, email))


def taken(tx: Transaction, login: str, email: str) -> bool:
    """Whether a login or an address belongs to somebody."""
    return tx.one("SELECT 1 FROM iam_person WHERE login = ? OR email = ?", (login, email)) is not None


def person(tx: Transaction, person_id: str) -> Person | None:
    """One person, or None."""
    row = tx.one(f"SELECT {_PERSON} FROM iam_person p JOIN iam_identity i USING (id) WHERE i.id = ?", (person_id,))
    return None if row is None else _person(row)


def persons(tx: Transaction, after: str, limit: int) -> list[Person]:
    """Persons of staff that are not deleted, after an id: patients are in no list of people."""
    rows = tx.all(
        f"SELECT {_PERSON} FROM iam_person p JOIN iam_identity i USING (id)"
        " WHERE i.id > ? AND i.state <> 'deleted' AND i.id NOT IN (SELECT person FROM iam_patient)"
        " ORDER BY i.id LIMIT ?",
        (after, limit),
    )
    return [_person(row) for row in rows]


def factors(tx: Transaction, login: str) -> Factors | None:
    """What the person with this login proves herself with, or None."""
    return _factors(tx, "p.login", login)


def factors_of(tx: Transaction, person_id: str) -> Factors | None:
    """What this person proves herself with, or None."""
    return _factors(tx, "p.id", person_id)


def set_factors(tx: Transaction, person_id: str, password_hash: str, totp_sealed: bytes, totp_step: int) -> None:
    """Store both factors at the end of enrolment."""
    tx.execute(
        "UPDATE iam_person SET password_hash = ?, totp_sealed = ?, totp_step = ? WHERE id = ?",
        (password_hash, totp_sealed, totp_step, person_id),
    )


def set_password(tx: Transaction, person_id: str, password_hash: str) -> None:
    """Replace the password hash."""
    tx.execute("UPDATE iam_person SET password_hash = ? WHERE id = ?", (password_hash, person_id))


def forget_password(tx: Transaction, person_id: str) -> None:
    """Forget password and second factor of somebody who signs in with passkeys."""
    tx.execute("UPDATE iam_person SET password_hash = NULL, totp_sealed = NULL WHERE id = ?", (person_id,))


def use_totp_step(tx: Transaction, person_id: str, step: int) -> bool:
    """Burn a time step; False if it, or a later one, was burnt before."""
    return (
        tx.execute("UPDATE iam_person SET totp_step = ? WHERE id = ? AND totp_step < ?", (step, person_id, step)) == 1
    )


def forget_factors(tx: Transaction, person_id: str) -> None:
    """Erase what a person proves herself with: she has to enrol again."""
    tx.execute("UPDATE iam_person SET password_hash = NULL, totp_sealed = NULL WHERE id = ?", (person_id,))


def forget_person(tx: Transaction, person_id: str) -> None:
    """Erase what names a deleted person; the id stays, because the log speaks of it."""
    tx.execute("UPDATE iam_identity SET name = '' WHERE id = ?", (person_id,))
    tx.execute(
        "UPDATE iam_person SET login = id, email = id, password_hash = NULL, totp_sealed = NULL WHERE id = ?",
        (person_id,),
    )


# Machines


def machine(tx: Transaction, machine_id: str) -> Machine | None:
    """One machine, or None."""
    found = identity(tx, machine_id)
    return None if found is None or found.kind is not IdentityKind.MACHINE else _machine(found)


def machines(tx: Transaction, after: str, limit: int) -> list[Machine]:
    """Machines that are not deleted, after an id."""
    rows = tx.all(
        f"SELECT {_IDENTITY} FROM iam_identity WHERE kind = 'machine' AND id > ? AND state <> 'deleted'"
        " ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [_machine(_identity(row)) for row in rows]


# Grants


def add_grant(tx: Transaction, new: Grant, granted_at: Instant) -> None:
    """Store a right."""
    tx.execute(
        f"INSERT INTO iam_grant ({_GRANT}, granted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new.id, new.identity, new.role.value, new.scope, new.starts_at, new.ends_at, new.granted_by, granted_at),
    )


def grant(tx: Transaction, grant_id: str) -> Grant | None:
    """One right that was not taken away, or None."""
    row = tx.one(f"SELECT {_GRANT} FROM iam_grant WHERE id = ? AND revoked_at IS NULL", (grant_id,))
    return None if row is None else _grant(row)


def grants_of(tx: Transaction, identity_id: str, now: Instant) -> list[Grant]:
    """The grants that hold now or will hold."""
    rows = tx.all(
        f"SELECT {_GRANT} FROM iam_grant WHERE identity = ? AND revoked_at IS NULL AND ends_at > ? ORDER BY id",
        (identity_id, now),
    )
    return [_grant(row) for row in rows]


def grants(tx: Transaction, after: str, limit: int, now: Instant) -> list[Grant]:
    """The rights of everybody that hold now or will hold, after an id."""
    rows = tx.all(
        f"SELECT {_GRANT} FROM iam_grant WHERE id > ? AND revoked_at IS NULL AND ends_at > ? ORDER BY id LIMIT ?",
        (after, now, limit),
    )
    return [_grant(row) for row in rows]


def grants_ending(tx: Transaction, now: Instant, before: Instant) -> list[Grant]:
    """The rights that end between two moments, the next one first."""
    rows = tx.all(
        f"SELECT {_GRANT} FROM iam_grant WHERE revoked_at IS NULL AND ends_at > ? AND ends_at <= ? ORDER BY ends_at",
        (now, before),
    )
    return [_grant(row) for row in rows]


def revoke_grant(tx: Transaction, grant_id: str, now: Instant) -> bool:
    """Take a right away; False if it is not there."""
    return tx.execute("UPDATE iam_grant SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, grant_id)) == 1


def revoke_grants_of(tx: Transaction, identity_ids: Sequence[str], now: Instant) -> None:
    """Take every right of some identities away."""
    tx.execute_many(
        "UPDATE iam_grant SET revoked_at = ? WHERE identity = ? AND revoked_at IS NULL",
        [(now, identity_id) for identity_id in identity_ids],
    )


def active_holders(tx: Transaction, role: Role, now: Instant) -> list[str]:
    """Persons who are active and hold a role for the whole platform now."""
    rows = tx.all(
        "SELECT DISTINCT g.identity FROM iam_grant g JOIN iam_identity i ON i.id = g.identity"
        " WHERE g.role = ? AND g.scope = 'platform' AND g.revoked_at IS NULL AND g.starts_at <= ? AND g.ends_at > ?"
        " AND i.kind = 'person' AND i.state = 'active' ORDER BY 1",
        (role.value, now, now),
    )
    return [identity_id for (identity_id,) in rows]


# Rows to values


def _factors(tx: Transaction, column: str, value: str) -> Factors | None:
    row = tx.one(
        "SELECT p.id, i.name, i.state, p.password_hash, p.totp_sealed, p.totp_step"
        f" FROM iam_person p JOIN iam_identity i USING (id) WHERE {column} = ?",
        (value,),
    )
    return None if row is None else Factors(row[0], row[1], IdentityState(row[2]), row[3], row[4], row[5])


def _identity(row: Row) -> Identity:
    return Identity(row[0], IdentityKind(row[1]), row[2], IdentityState(row[3]), row[4], row[5], Instant(row[6]))


def _person(row: Row) -> Person:
    return Person(row[0], row[1], row[2], row[3], IdentityState(row[4]), row[5], Instant(row[6]))


def _machine(found: Identity) -> Machine:
    return Machine(found.id, found.name, found.person, found.state, found.created_by, found.created_at)


def _grant(row: Row) -> Grant:
    return Grant(row[0], row[1], Role(row[2]), row[3], Instant(row[4]), Instant(row[5]), row[6])
