"""Access keys, service tokens, sessions, known devices, enrolment codes and failed attempts."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass

from nexus.iam.model import Factor, IdentityKind, IdentityState, Session
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who stands behind a credential. `in_force` is false as soon as the identity, or who answers for it, is not active."""

    identity: str
    kind: IdentityKind
    name: str
    person: str
    in_force: bool
    break_glass: tuple[str, Instant] | None = None
    """The emergency access that the person has open, and its end."""


@dataclass(frozen=True, slots=True)
class AccessKeyRow:
    """An access key as stored: its secret is sealed."""

    id: str
    identity: str
    secret_sealed: bytes
    purpose: str
    created_at: Instant
    expires_at: Instant
    revoked: bool
    narrowing: str | None = None
    """JSON (iam/narrowing.py); None takes nothing away."""
    follows: str | None = None
    """The key that this one took over from."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A service token as stored, without its hash."""

    id: str
    identity: str
    label: str
    created_at: Instant
    expires_at: Instant
    revoked: bool


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """An enrolment under way; the factors are those chosen so far."""

    person: str
    code_hash: bytes
    expires_at: Instant
    password_hash: str | None
    totp_sealed: bytes | None


BEARER = (
    "i.id, i.kind, i.name, i.person, i.state, o.state, (SELECT e.id || ' ' || e.ends_at FROM iam_elevation e"
    " WHERE e.person = i.person AND e.kind = 'emergency' AND e.ended_at IS NULL ORDER BY e.ends_at DESC LIMIT 1)"
)
"""Who stands behind a credential: `i` is the identity, `o` the person who answers for it. `bearer_of` reads it."""
_BEARER_JOIN = "JOIN iam_identity i ON i.id = c.{column} JOIN iam_identity o ON o.id = i.person"

# Access keys

_ACCESS_KEY = (
    "c.id, c.identity, c.secret_sealed, c.purpose, c.created_at, c.expires_at, c.revoked_at IS NOT NULL,"
    " c.narrowing, c.follows"
)
BEARER_OF_ACCESS_KEY = (
    f"SELECT {_ACCESS_KEY}, {BEARER} FROM iam_access_key c {_BEARER_JOIN.format(column='identity')} WHERE c.id = ?"
)


def add_access_key(tx: Transaction, new: AccessKeyRow) -> None:
    """Store a new access key."""
    tx.execute(
        "INSERT INTO iam_access_key (id, identity, secret_sealed, purpose, created_at, expires_at, narrowing, follows)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            new.identity,
            new.secret_sealed,
            new.purpose,
            new.created_at,
            new.expires_at,
            new.narrowing,
            new.follows,
        ),
    )


def shorten_access_key(tx: Transaction, key_id: str, ends_at: Instant) -> None:
    """Let an access key end then, if it would not end sooner."""
    tx.execute("UPDATE iam_access_key SET expires_at = ?1 WHERE id = ?2 AND expires_at > ?1", (ends_at, key_id))


def access_key(tx: Transaction, key_id: str) -> AccessKeyRow | None:
    """One access key, or None."""
    row = tx.one(f"SELECT {_ACCESS_KEY} FROM iam_access_key c WHERE c.id = ?", (key_id,))
    return None if row is None else access_key_of(row)


def access_keys(tx: Transaction, identity_id: str) -> list[AccessKeyRow]:
    """The access keys of an identity, oldest first."""
    rows = tx.all(
        f"SELECT {_ACCESS_KEY} FROM iam_access_key c WHERE c.identity = ? ORDER BY c.created_at", (identity_id,)
    )
    return [access_key_of(row) for row in rows]


def revoke_access_key(tx: Transaction, key_id: str, now: Instant) -> bool:
    """Revoke an access key; False if there is none in force."""
    return (
        tx.execute("UPDATE iam_access_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, key_id)) == 1
    )


# Service tokens

_SERVICE_TOKEN = "c.id, c.identity, c.label, c.created_at, c.expires_at, c.revoked_at IS NOT NULL"  # noqa: S105 - columns
BEARER_OF_TOKEN = f"SELECT {_SERVICE_TOKEN}, {BEARER} FROM iam_token c {_BEARER_JOIN.format(column='identity')} WHERE c.token_hash = ?"


def add_token(tx: Transaction, new: TokenRow, token_hash: bytes) -> None:
    """Store a new service token by its hash."""
    tx.execute(
        "INSERT INTO iam_token (id, identity, token_hash, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (new.id, new.identity, token_hash, new.label, new.created_at, new.expires_at),
    )


def token(tx: Transaction, token_id: str) -> TokenRow | None:
    """One service token, or None."""
    row = tx.one(f"SELECT {_SERVICE_TOKEN} FROM iam_token c WHERE c.id = ?", (token_id,))
    return None if row is None else token_of(row)


def tokens(tx: Transaction, identity_id: str) -> list[TokenRow]:
    """The service tokens of an identity, oldest first."""
    rows = tx.all(
        f"SELECT {_SERVICE_TOKEN} FROM iam_token c WHERE c.identity = ? ORDER BY c.created_at", (identity_id,)
    )
    return [token_of(row) for row in rows]


def revoke_token(tx: Transaction, token_id: str, now: Instant) -> bool:
    """Revoke a service token; False if there is none in force."""
    return tx.execute("UPDATE iam_token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, token_id)) == 1


def revoke_all_of(tx: Transaction, identity_ids: list[str], now: Instant) -> None:
    """Revoke every access key, temporary or not, and every service token of some identities."""
    rows = [(now, identity_id) for identity_id in identity_ids]
    for table in ("iam_access_key", "iam_token", "iam_temporary_key"):
        tx.execute_many(f"UPDATE {table} SET revoked_at = ? WHERE identity = ? AND revoked_at IS NULL", rows)


# Sessions

_SESSION = "c.id, c.person, c.origin, c.client, c.created_at, c.last_used_at, c.expires_at, c.factors, c.proved_at"
BEARER_OF_SESSION = (
    f"SELECT {_SESSION}, {BEARER} FROM iam_session c {_BEARER_JOIN.format(column='person')} WHERE c.token_hash = ?"
)


def bearer_of_session(tx: Transaction, session_id: str) -> tuple[Session, Bearer] | None:
    """A session by its id, and who stands behind it; None if there is none."""
    row = tx.one(
        f"SELECT {_SESSION}, {BEARER} FROM iam_session c {_BEARER_JOIN.format(column='person')} WHERE c.id = ?",
        (session_id,),
    )
    return None if row is None else (session_of(row), bearer_of(row))


def add_session(tx: Transaction, new: Session, token_hash: bytes, keep: int) -> None:
    """Open a session and close the oldest ones beyond `keep`."""
    tx.execute(
        "INSERT INTO iam_session (id, token_hash, person, origin, client, created_at, last_used_at, expires_at,"
        " factors, proved_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.id,
            token_hash,
            new.person,
            new.origin,
            new.client,
            new.created_at,
            new.last_used_at,
            new.expires_at,
            " ".join(sorted(new.factors)),
            new.proved_at,
        ),
    )
    tx.execute(
        "DELETE FROM iam_session WHERE person = ? AND id NOT IN"
        " (SELECT id FROM iam_session WHERE person = ? ORDER BY created_at DESC, id DESC LIMIT ?)",
        (new.person, new.person, keep),
    )


def session(tx: Transaction, session_id: str) -> Session | None:
    """One session, or None."""
    row = tx.one(f"SELECT {_SESSION} FROM iam_session c WHERE c.id = ?", (session_id,))
    return None if row is None else session_of(row)


def sessions(tx: Transaction, person: str) -> list[Session]:
    """The sessions of a person, oldest first."""
    rows = tx.all(f"SELECT {_SESSION} FROM iam_session c WHERE c.person = ? ORDER BY c.created_at", (person,))
    return [session_of(row) for row in rows]


def touch_session(tx: Transaction, session_id: str, now: Instant) -> None:
    """Remember the last use of a session."""
    tx.execute("UPDATE iam_session SET last_used_at = ? WHERE id = ? AND last_used_at < ?", (now, session_id, now))


def end_session(tx: Transaction, session_id: str) -> bool:
    """Remove a session; False if there is none."""
    return tx.execute("DELETE FROM iam_session WHERE id = ?", (session_id,)) == 1


def prove_in_session(tx: Transaction, session_id: str, factor: Factor, now: Instant) -> bool:
    """Remember that a factor was proved in a session; False if it has ended."""
    found = session(tx, session_id)
    if found is None:
        return False
    proved = " ".join(sorted({*found.factors, factor}))
    return tx.execute("UPDATE iam_session SET factors = ?, proved_at = ? WHERE id = ?", (proved, now, session_id)) == 1


def end_sessions_of(tx: Transaction, person: str, *, but: str | None = None) -> None:
    """Remove the sessions of a person, but one."""
    tx.execute("DELETE FROM iam_session WHERE person = ? AND id <> ?", (person, but or ""))


# Devices that a person signed in from


def known_device(tx: Transaction, token_hash: bytes, person: str, now: Instant) -> bool:
    """Whether this device token was given to this person."""
    row = tx.one(
        "SELECT 1 FROM iam_device WHERE token_hash = ? AND person = ? AND expires_at > ?", (token_hash, person, now)
    )
    return row is not None


def replace_device(
    tx: Transaction, old: bytes | None, new: bytes, person: str, *, now: Instant, ends: Instant, keep: int
) -> None:
    """Remember a device under a fresh token; forget its old token, and the oldest devices beyond `keep`."""
    if old is not None:
        tx.execute("DELETE FROM iam_device WHERE token_hash = ? AND person = ?", (old, person))
    tx.execute("INSERT INTO iam_device VALUES (?, ?, ?, ?)", (new, person, now, ends))
    tx.execute(
        "DELETE FROM iam_device WHERE person = ? AND token_hash NOT IN"
        " (SELECT token_hash FROM iam_device WHERE person = ? ORDER BY created_at DESC LIMIT ?)",
        (person, person, keep),
    )


def forget_devices_of(tx: Transaction, person: str) -> None:
    """Forget where a person signed in from."""
    tx.execute("DELETE FROM iam_device WHERE person = ?", (person,))


# Enrolment


def invite(tx: Transaction, person: str, code_hash: bytes, expires_at: Instant) -> None:
    """Store the code of a new enrolment; an earlier one ends."""
    tx.execute(
        "INSERT INTO iam_enrolment (person, code_hash, expires_at) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE"
        " SET code_hash = excluded.code_hash, expires_at = excluded.expires_at, password_hash = NULL, totp_sealed = NULL",
        (person, code_hash, expires_at),
    )


def enrolment(tx: Transaction, login: str) -> EnrolmentRow | None:
    """The enrolment under way for a login, or None."""
    row = tx.one(
        "SELECT e.person, e.code_hash, e.expires_at, e.password_hash, e.totp_sealed FROM iam_enrolment e"
        " JOIN iam_person p ON p.id = e.person JOIN iam_identity i ON i.id = e.person"
        " WHERE p.login = ? AND i.state = 'invited'",
        (login,),
    )
    return None if row is None else EnrolmentRow(row[0], row[1], Instant(row[2]), row[3], row[4])


def choose_factors(tx: Transaction, person: str, code_hash: bytes, password_hash: str, totp_sealed: bytes) -> bool:
    """Store the factors chosen under a code; False if it is no longer that code."""
    changed = tx.execute(
        "UPDATE iam_enrolment SET password_hash = ?, totp_sealed = ? WHERE person = ? AND code_hash = ?",
        (password_hash, totp_sealed, person, code_hash),
    )
    return changed == 1


def end_enrolment(tx: Transaction, person: str) -> bool:
    """Remove an enrolment; False if there is none."""
    return tx.execute("DELETE FROM iam_enrolment WHERE person = ?", (person,)) == 1


# Failed attempts


def failures(tx: Transaction, bucket: bytes, now: Instant) -> tuple[int, Instant]:
    """How many failures stand against a bucket, and until when."""
    row = tx.one("SELECT failures, ends_at FROM iam_attempt WHERE bucket = ? AND ends_at > ?", (bucket, now))
    return (0, now) if row is None else (row[0], Instant(row[1]))


def count_failure(tx: Transaction, bucket: bytes, now: Instant, ends_at: Instant, by: int) -> int:
    """Add failures to a bucket whose window starts with its first; returns how many stand against it now."""
    standing, ends = failures(tx, bucket, now)
    ends = ends if standing else ends_at
    tx.execute(
        "INSERT INTO iam_attempt VALUES (?, ?, ?) ON CONFLICT (bucket)"
        " DO UPDATE SET failures = excluded.failures, ends_at = excluded.ends_at",
        (bucket, standing + by, ends),
    )
    return standing + by


def forgive(tx: Transaction, buckets: list[bytes]) -> None:
    """Forget the failures in some buckets."""
    tx.execute_many("DELETE FROM iam_attempt WHERE bucket = ?", [(bucket,) for bucket in buckets])


def sweep(tx: Transaction, now: Instant, idle_since: Instant) -> None:
    """Remove what has ended by its own recorded date."""
    tx.execute("DELETE FROM iam_session WHERE expires_at <= ? OR last_used_at <= ?", (now, idle_since))
    tx.execute("DELETE FROM iam_device WHERE expires_at <= ?", (now,))
    tx.execute("DELETE FROM iam_enrolment WHERE expires_at <= ?", (now,))
    tx.execute("DELETE FROM iam_attempt WHERE ends_at <= ?", (now,))


# Rows to values


def access_key_of(row: Row) -> AccessKeyRow:
    """The access key in the first columns of a row."""
    return AccessKeyRow(row[0], row[1], row[2], row[3], Instant(row[4]), Instant(row[5]), bool(row[6]), row[7], row[8])


def token_of(row: Row) -> TokenRow:
    """The service token in the first columns of a row."""
    return TokenRow(row[0], row[1], row[2], Instant(row[3]), Instant(row[4]), bool(row[5]))


def session_of(row: Row) -> Session:
    """The session in the first columns of a row."""
    factors = frozenset(Factor(name) for name in row[7].split())
    times = (Instant(row[4]), Instant(row[5]), Instant(row[6]))
    return Session(row[0], row[1], row[2], row[3], *times, factors, Instant(row[8]))


def bearer_of(row: Row) -> Bearer:
    """The last seven columns of a row read through one of the `BEARER_OF_…` statements."""
    identity, kind, name, person, state, person_state, emergency = row[-7:]
    in_force = state == IdentityState.ACTIVE and person_state == IdentityState.ACTIVE
    access = None if emergency is None else emergency.split(" ")
    opened = None if access is None else (access[0], Instant(int(access[1])))
    return Bearer(identity, IdentityKind(kind), name, person, in_force, opened)
