"""Certificates of devices, by their fingerprint. None is ever deleted: a revoked one stays known as revoked."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from dataclasses import dataclass

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction

_COLUMNS = "id, identity, name, fingerprint, enrolled_by, enrolled_at, ends_at, revoked_at"
FIND_USABLE = (
    "SELECT id, identity FROM iam_device_certificate WHERE fingerprint = ?1 AND revoked_at IS NULL AND ends_at > ?2"
)
"""Parameters: fingerprint, now."""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as stored."""

    id: str
    identity: str
    name: str
    fingerprint: bytes
    enrolled_by: str
    enrolled_at: Instant
    ends_at: Instant
    revoked_at: Instant | None


def add(tx: Transaction, new: DeviceRow) -> None:
    """Store a device; the database refuses a certificate that is there already."""
    tx.execute(
        f"INSERT INTO iam_device_certificate ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (new.id, new.identity, new.name, new.fingerprint, new.enrolled_by, new.enrolled_at, new.ends_at),
    )


def find(tx: Transaction, device: str) -> DeviceRow | None:
    """One device, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM iam_device_certificate WHERE id = ?", (device,))
    return None if row is None else _device(row)


def known(tx: Transaction, fingerprint: bytes) -> bool:
    """Whether a certificate was ever enrolled."""
    return tx.one("SELECT 1 FROM iam_device_certificate WHERE fingerprint = ?", (fingerprint,)) is not None


def count(tx: Transaction, identity: str) -> int:
    """How many certificates of an identity were not revoked."""
    row = tx.one(
        "SELECT count(*) FROM iam_device_certificate WHERE identity = ? AND revoked_at IS NULL",
        (identity,),
    )
    return 0 if row is None else int(row[0])


def of_identity(tx: Transaction, identity: str) -> list[DeviceRow]:
    """The devices of an identity, the newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM iam_device_certificate WHERE identity = ? ORDER BY id DESC",
        (identity,),
    )
    return [_device(row) for row in rows]


def revoke(tx: Transaction, device: str, now: Instant) -> None:
    """Let a device's certificate count no more."""
    tx.execute("UPDATE iam_device_certificate SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, device))


def revoke_all_of(tx: Transaction, person: str, now: Instant) -> None:
    """The same of every device of a person and of the machines that she answers for."""
    tx.execute(
        "UPDATE iam_device_certificate SET revoked_at = ? WHERE revoked_at IS NULL"
        " AND identity IN (SELECT id FROM iam_identity WHERE person = ?)",
        (now, person),
    )


def _device(row: Row) -> DeviceRow:
    revoked = None if row[7] is None else Instant(row[7])
    return DeviceRow(row[0], row[1], row[2], row[3], row[4], Instant(row[5]), Instant(row[6]), revoked)
