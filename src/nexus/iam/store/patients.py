"""Which accounts are patients', and the one-time codes by which they come by their factors."""

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Conflict


@dataclass(frozen=True, slots=True)
class PatientCode:
    """A code that was not used yet. `fact`: the keyed hash of the second fact. `tries`: how often it was presented."""

    person: str
    login: str
    code_hash: bytes
    fact: bytes
    tries: int
    expires_at: Instant


def add(tx: Transaction, person: str, now: Instant) -> None:
    """From now on, and for good, this account is a patient's."""
    tx.execute("INSERT INTO iam_patient (person, since) VALUES (?, ?)", (person, now))


def is_patient(tx: Transaction, person: str) -> bool:
    """Whether the account is a patient's."""
    return tx.one("SELECT 1 FROM iam_patient WHERE person = ?", (person,)) is not None


def require_staff(tx: Transaction, person: str) -> None:
    """Raise Conflict for a patient's account: it takes no right, no machine and no second name."""
    if is_patient(tx, person):
        raise Conflict(
            "this is the account of a patient",
            code="iam.patient-account",
            hint="whoever works here has an account of work, apart from the one as a patient",
        )


def put_code(tx: Transaction, person: str, code_hash: bytes, fact: bytes, expires_at: Instant) -> None:
    """Store a new code; an earlier one of the same person ends."""
    end_code(tx, person)
    tx.execute(
        "INSERT INTO iam_patient_code (person, code_hash, fact, tries, expires_at) VALUES (?, ?, ?, 0, ?)",
        (person, code_hash, fact, expires_at),
    )


def code(tx: Transaction, code_hash: bytes) -> PatientCode | None:
    """The code with this hash, of somebody who was invited and has no factors yet."""
    row = tx.one(
        "SELECT c.person, p.login, c.code_hash, c.fact, c.tries, c.expires_at FROM iam_patient_code c"
        " JOIN iam_person p ON p.id = c.person JOIN iam_identity i ON i.id = c.person"
        " WHERE c.code_hash = ? AND i.state = 'invited'",
        (code_hash,),
    )
    return None if row is None else PatientCode(row[0], row[1], row[2], row[3], row[4], Instant(row[5]))


def count_try(tx: Transaction, code_hash: bytes, by: int) -> None:
    """Count a presentation of a code; -1 gives back one that was right."""
    tx.execute("UPDATE iam_patient_code SET tries = tries + ? WHERE code_hash = ?", (by, code_hash))


def end_code(tx: Transaction, person: str) -> bool:
    """A code is used up, or replaced; False if there is none."""
    return tx.execute("DELETE FROM iam_patient_code WHERE person = ?", (person,)) == 1


def sweep(tx: Transaction, now: Instant) -> None:
    """Remove codes that have ended."""
    tx.execute("DELETE FROM iam_patient_code WHERE expires_at <= ?", (now,))
