"""Which accounts belong to one human being, as far as somebody has recorded it.

Accounts of one human share a group (`human`); an account that stands in no group is a human of its own.
"""

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


def human(tx: Transaction, person: str) -> str:
    """The human behind a person's account."""
    row = tx.one("SELECT human FROM iam_same_person WHERE person = ?", (person,))
    return person if row is None else str(row[0])


def same(tx: Transaction, one: str, other: str) -> bool:
    """Whether two accounts belong to one human being: the same account, or recorded as hers."""
    return one == other or human(tx, one) == human(tx, other)


def join(tx: Transaction, one: str, other: str, by: str, now: Instant) -> None:
    """Record that two accounts, with all that were joined to them before, belong to one human being."""
    group, absorbed = human(tx, one), human(tx, other)
    tx.execute("UPDATE iam_same_person SET human = ? WHERE human = ?", (group, absorbed))
    for person in (one, other):
        tx.execute(
            "INSERT INTO iam_same_person VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE SET human = excluded.human",
            (person, group, by, now),
        )


def part(tx: Transaction, person: str) -> bool:
    """Take an account out of its group; a group of one is none. False if it stands in none."""
    row = tx.one("SELECT human FROM iam_same_person WHERE person = ?", (person,))
    if row is None:
        return False
    tx.execute("DELETE FROM iam_same_person WHERE person = ?", (person,))
    left = tx.one("SELECT count(*) FROM iam_same_person WHERE human = ?", row)
    if left is not None and left[0] < 2:
        tx.execute("DELETE FROM iam_same_person WHERE human = ?", row)
    return True


def groups(tx: Transaction) -> list[tuple[str, str, str, Instant]]:
    """Every account in a group: human, person, who recorded it, when."""
    rows = tx.all("SELECT human, person, recorded_by, recorded_at FROM iam_same_person ORDER BY human, person")
    return [(row[0], row[1], row[2], Instant(row[3])) for row in rows]
