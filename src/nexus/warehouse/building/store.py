"""All SQL of builds: by which names consent knows the persons of the warehouse."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Iterable, Sequence
from typing import Final

from nexus.kernel.database import Migration, Transaction

SCHEMA: Final = Migration(
    "warehouse",
    1,
    (
        "CREATE TABLE warehouse_subject (pseudonym TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (pseudonym, subject))"
        " WITHOUT ROWID, STRICT",
        "CREATE INDEX warehouse_subject_by_subject ON warehouse_subject (subject)",
    ),
)
_TOGETHER: Final = 500


def replace_subjects(tx: Transaction, pairs: Iterable[tuple[str, str]]) -> None:
    """What a build found: pseudonyms in the warehouse, and subjects of consent."""
    tx.execute("DELETE FROM warehouse_subject")
    tx.execute_many("INSERT INTO warehouse_subject (pseudonym, subject) VALUES (?, ?)", list(pairs))


def subjects_of(tx: Transaction, pseudonyms: Sequence[str]) -> dict[str, list[str]]:
    """By which names consent knows these; whom it does not know is not in it."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(pseudonyms), _TOGETHER):
        part = tuple(pseudonyms[start : start + _TOGETHER])
        sql = f"SELECT pseudonym, subject FROM warehouse_subject WHERE pseudonym IN ({_marks(part)})"
        for pseudonym, subject in tx.all(sql, part):
            found.setdefault(str(pseudonym), []).append(str(subject))
    return found


def _marks(part: Sequence[object]) -> str:
    return ", ".join("?" * len(part))
