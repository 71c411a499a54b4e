"""All SQL of consent. Decisions are inserted and read; nothing here updates or deletes one."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.consent.model import Capacity, Decision, DecisionKind, Provision, Scan, Subject
from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_PROVISIONS: Final = msgspec.json.Decoder(tuple[Provision, ...])
_SCAN: Final = msgspec.json.Decoder(Scan)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_TOGETHER: Final = 500
"""Subjects asked for in one statement."""
_SUBJECT: Final = "id, site, version, created_at, majority_at, voice_at"
_DECISION: Final = (
    "id, subject, number, kind, provisions, about, capacity, account, recorded_by, decided_at, recorded_at, approval,"
    " scan, reason, change"
)
_COLUMNS: Final = len(_DECISION.split(","))


@dataclass(frozen=True, slots=True)
class Listing:
    """Which decisions of a register: from the one after `after`, recorded since a moment, of some kinds."""

    site: str
    after: int
    limit: int
    since: Instant | None = None
    kinds: tuple[DecisionKind, ...] = ()


# Versions


def version(tx: Transaction) -> int:
    """The version of all decisions."""
    row = tx.one("SELECT version FROM consent_version")
    assert row is not None
    return int(row[0])


def raise_version(tx: Transaction) -> int:
    """Whatever was ruled before is to be ruled anew. Returns the new version."""
    tx.execute("UPDATE consent_version SET version = version + 1")
    return version(tx)


def deciders(tx: Transaction, since: int, until: int) -> list[str]:
    """The subject of each version after `since`, up to `until`, that a decision made. Other causes leave theirs out."""
    sql = "SELECT subject FROM consent_decision WHERE change > ? AND change <= ?"
    return [str(row[0]) for row in tx.all(sql, (since, until))]


# Subjects


def add_subject(tx: Transaction, subject: Subject, blind: bytes, sealed: bytes) -> None:
    """Store a new subject."""
    tx.execute(
        "INSERT INTO consent_subject (id, site, blind, sealed, version, majority_at, voice_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(subject.id, subject.site, blind, sealed, subject.version),
            *(subject.majority_at, subject.voice_at, subject.created_at),
        ),
    )


def subject(tx: Transaction, subject_id: str) -> Subject | None:
    """One subject."""
    row = tx.one(f"SELECT {_SUBJECT} FROM consent_subject WHERE id = ?", (subject_id,))
    return None if row is None else _subject(row)


def subject_by_blind(tx: Transaction, site: str, blind: bytes) -> Subject | None:
    """The subject of a site whose reference has this blind index."""
    row = tx.one(f"SELECT {_SUBJECT} FROM consent_subject WHERE site = ? AND blind = ?", (site, blind))
    return None if row is None else _subject(row)


def subjects_by_blind(tx: Transaction, site: str, blinds: Sequence[bytes]) -> Mapping[bytes, str]:
    """The subjects of a site whose references have these blind indices: index, id."""
    found: dict[bytes, str] = {}
    for start in range(0, len(blinds), _TOGETHER):
        part = tuple(blinds[start : start + _TOGETHER])
        sql = f"SELECT blind, id FROM consent_subject WHERE site = ? AND blind IN ({_marks(part)})"
        found.update((bytes(blind), str(name)) for blind, name in tx.all(sql, (site, *part)))
    return found


def count_subjects(tx: Transaction) -> int:
    """How many subjects there are."""
    row = tx.one("SELECT count(*) FROM consent_subject")
    assert row is not None
    return int(row[0])


def sealed_reference(tx: Transaction, subject_id: str) -> bytes | None:
    """What the site knows a subject by, sealed."""
    row = tx.one("SELECT sealed FROM consent_subject WHERE id = ?", (subject_id,))
    return None if row is None else bytes(row[0])


def known(tx: Transaction, subjects: Sequence[str]) -> frozenset[str]:
    """Which of these are subjects."""
    found: set[str] = set()
    for part in _parts(subjects):
        found.update(row[0] for row in tx.all(f"SELECT id FROM consent_subject WHERE id IN ({_marks(part)})", part))
    return frozenset(found)


def count_decision(tx: Transaction, subject_id: str, before: int) -> bool:
    """The subject has one decision more; False if somebody counted since `before`."""
    return (
        tx.execute(
            "UPDATE consent_subject SET version = version + 1 WHERE id = ? AND version = ?", (subject_id, before)
        )
        == 1
    )


# Decisions


def add_decision(tx: Transaction, decision: Decision, idempotency: str, digest: str, operation: str) -> None:
    """Append to a history. `digest`: of what was asked, to tell a repetition from another request under its key."""
    tx.execute(
        f"INSERT INTO consent_decision ({_DECISION}, idempotency, digest, operation) VALUES ({_marks(range(_COLUMNS + 3))})",
        (
            decision.id,
            decision.subject,
            decision.number,
            decision.kind.value,
            _ENCODER.encode(decision.provisions),
            " ".join(decision.about),
            decision.capacity.value,
            decision.account,
            decision.recorded_by,
            decision.decided_at,
            decision.recorded_at,
            decision.approval,
            _ENCODER.encode(decision.scan).decode() if decision.scan else "",
            decision.reason,
            decision.change,
            idempotency,
            digest,
            operation,
        ),
    )


def operation_of(tx: Transaction, decision_id: str) -> str:
    """The operation that recorded a decision; empty if there is no such decision."""
    row = tx.one("SELECT operation FROM consent_decision WHERE id = ?", (decision_id,))
    return "" if row is None else str(row[0])


def history(tx: Transaction, subject_id: str) -> list[Decision]:
    """Every decision of a subject, oldest first."""
    rows = tx.all(f"SELECT {_DECISION} FROM consent_decision WHERE subject = ? ORDER BY number", (subject_id,))
    return [_decision(row) for row in rows]


def histories(tx: Transaction, subjects: Sequence[str]) -> Mapping[str, list[Decision]]:
    """The same for many; a subject without decisions is not in it."""
    found: dict[str, list[Decision]] = {}
    for part in _parts(subjects):
        sql = f"SELECT {_DECISION} FROM consent_decision WHERE subject IN ({_marks(part)}) ORDER BY subject, number"
        for row in tx.all(sql, part):
            found.setdefault(row[1], []).append(_decision(row))
    return found


def decision(tx: Transaction, decision_id: str) -> Decision | None:
    """One decision."""
    row = tx.one(f"SELECT {_DECISION} FROM consent_decision WHERE id = ?", (decision_id,))
    return None if row is None else _decision(row)


def changes(tx: Transaction, listing: Listing) -> list[Decision]:
    """Decisions of a site, or of all, in the order of their commits."""
    where: list[str]
    values: list[object]
    where, values = ["d.change > ?"], [listing.after]
    if listing.site:
        where.append("s.site = ?")
        values.append(listing.site)
    if listing.since is not None:
        where.append("d.recorded_at >= ?")
        values.append(listing.since)
    if listing.kinds:
        where.append(f"d.kind IN ({_marks(listing.kinds)})")
        values.extend(kind.value for kind in listing.kinds)
    columns = ", ".join(f"d.{name.strip()}" for name in _DECISION.split(","))
    rows = tx.all(
        f"SELECT {columns} FROM consent_decision d JOIN consent_subject s ON s.id = d.subject"
        f" WHERE {' AND '.join(where)} ORDER BY d.change LIMIT ?",
        (*values, listing.limit),
    )
    return [_decision(row) for row in rows]


def repeated(tx: Transaction, subject_id: str, idempotency: str) -> tuple[Decision, str] | None:
    """The decision of a subject that was recorded under this key, and the digest of what was asked."""
    row = tx.one(
        f"SELECT {_DECISION}, digest FROM consent_decision WHERE subject = ? AND idempotency = ?",
        (subject_id, idempotency),
    )
    return None if row is None else (_decision(row[:-1]), str(row[-1]))


# Holders


@dataclass(frozen=True, slots=True)
class Holding:
    """That an account decides for a subject, from a moment until another (None: without end)."""

    account: str
    subject: str
    capacity: Capacity
    starts_at: Instant
    until: Instant | None
    proof: str
    appointed_by: str
    ended_at: Instant | None = None
    ended_by: str | None = None

    def holds(self, at: Instant) -> bool:
        """Whether it holds at a moment."""
        ends = [end for end in (self.until, self.ended_at) if end is not None]
        return self.starts_at <= at and all(at < end for end in ends)


_HOLDING: Final = "account, subject, capacity, starts_at, until, proof, appointed_by, ended_at, ended_by"


def add_holding(tx: Transaction, holding: Holding) -> None:
    """Store that an account decides for a subject from now on."""
    tx.execute(
        f"INSERT INTO consent_holder ({_HOLDING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            holding.account,
            holding.subject,
            holding.capacity.value,
            holding.starts_at,
            holding.until,
            holding.proof,
            holding.appointed_by,
            holding.ended_at,
            holding.ended_by,
        ),
    )


def holdings_of_subject(tx: Transaction, subject_id: str) -> list[Holding]:
    """Who decides and decided for a subject, oldest first."""
    rows = tx.all(f"SELECT {_HOLDING} FROM consent_holder WHERE subject = ? ORDER BY starts_at, account", (subject_id,))
    return [_holding(row) for row in rows]


def holdings_of_account(tx: Transaction, account: str) -> list[Holding]:
    """For whom an account decides and decided, oldest first."""
    rows = tx.all(f"SELECT {_HOLDING} FROM consent_holder WHERE account = ? ORDER BY starts_at, subject", (account,))
    return [_holding(row) for row in rows]


def end_holding(tx: Transaction, holding: Holding, at: Instant, by: str) -> bool:
    """It holds no more; False if it had ended."""
    return (
        tx.execute(
            "UPDATE consent_holder SET ended_at = ?, ended_by = ?"
            " WHERE subject = ? AND account = ? AND starts_at = ? AND ended_at IS NULL",
            (at, by, holding.subject, holding.account, holding.starts_at),
        )
        == 1
    )


def _parts(names: Sequence[str]) -> Iterable[tuple[str, ...]]:
    return (tuple(names[start : start + _TOGETHER]) for start in range(0, len(names), _TOGETHER))


def _marks(part: Sequence[object]) -> str:
    return ", ".join("?" * len(part))


def _subject(row: Row) -> Subject:
    return Subject(*row)


def _decision(row: Row) -> Decision:
    return Decision(
        row[0],
        row[1],
        row[2],
        DecisionKind(row[3]),
        _PROVISIONS.decode(row[4]),
        tuple(row[5].split()),
        Capacity(row[6]),
        row[7],
        row[8],
        Instant(row[9]),
        Instant(row[10]),
        row[11],
        _SCAN.decode(row[12]) if row[12] else None,
        row[13],
        row[14],
    )


def _holding(row: Row) -> Holding:
    return Holding(row[0], row[1], Capacity(row[2]), *row[3:])
