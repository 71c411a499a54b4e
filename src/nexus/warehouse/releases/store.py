"""All SQL of releases."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Collection
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.warehouse.releases.model import Progress, ReleaseRecord, ReleaseState

_RELEASE: Final = (
    "id, project, bucket, state, key_id, cohort, requested_by, requested_at, changed_by, changed_at, digest, risk, found, code,"
    " message, destroyed"
)


def add(tx: Transaction, new: ReleaseRecord) -> None:
    """Store a release that was asked for."""
    tx.execute(
        f"INSERT INTO releases_release ({_RELEASE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, new.project, new.bucket, new.state.value, new.key_id, new.cohort),
            *(new.requested_by, new.requested_at),
            *(new.changed_by, new.changed_at, new.digest, new.risk, new.found, new.code, new.message, new.destroyed),
        ),
    )


def update(tx: Transaction, now: ReleaseRecord) -> None:
    """What has become of a release."""
    tx.execute(
        "UPDATE releases_release SET state = ?, changed_by = ?, changed_at = ?, digest = ?, risk = ?, found = ?, code = ?,"
        " message = ?, destroyed = ? WHERE id = ?",
        (
            *(now.state.value, now.changed_by, now.changed_at, now.digest, now.risk, now.found, now.code),
            *(now.message, now.destroyed, now.id),
        ),
    )


def release(tx: Transaction, project: str, release_id: str) -> ReleaseRecord | None:
    """A release of a project."""
    row = tx.one(f"SELECT {_RELEASE} FROM releases_release WHERE project = ? AND id = ?", (project, release_id))
    return None if row is None else _release(row)


def by_id(tx: Transaction, release_id: str) -> ReleaseRecord | None:
    """A release, whatever its project."""
    row = tx.one(f"SELECT {_RELEASE} FROM releases_release WHERE id = ?", (release_id,))
    return None if row is None else _release(row)


def of_bucket(tx: Transaction, bucket: str) -> tuple[str, ReleaseState] | None:
    """Which project's release lies in a bucket, and in which state it is."""
    row = tx.one("SELECT project, state FROM releases_release WHERE bucket = ?", (bucket,))
    return None if row is None else (row[0], ReleaseState(row[1]))


def of_project(tx: Transaction, project: str, before: str, limit: int) -> list[ReleaseRecord]:
    """The releases of a project, the newest first; `before`: the last of the page before, or nothing."""
    rows = tx.all(
        f"SELECT {_RELEASE} FROM releases_release WHERE project = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
        (project, before, before, limit),
    )
    return [_release(row) for row in rows]


def in_states(tx: Transaction, states: Collection[ReleaseState]) -> list[ReleaseRecord]:
    """Every release in one of these states, the oldest first."""
    found = [
        _release(row)
        for state in states
        for row in tx.all(f"SELECT {_RELEASE} FROM releases_release WHERE state = ? ORDER BY id", (state.value,))
    ]
    return sorted(found, key=lambda each: each.id)


def note_progress(tx: Transaction, release_id: str, now: Progress) -> None:
    """How far a build is."""
    tx.execute(
        "INSERT INTO releases_progress (release, step, done, total) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (release) DO UPDATE SET step = excluded.step, done = excluded.done, total = excluded.total",
        (release_id, now.step, now.done, now.total),
    )


def progress(tx: Transaction, release_id: str) -> Progress | None:
    """How far a build is, where it has begun."""
    row = tx.one("SELECT step, done, total FROM releases_progress WHERE release = ?", (release_id,))
    return None if row is None else Progress(*row)


def add_manifest(tx: Transaction, release_id: str, digest: str, manifest: bytes, now: Instant) -> None:
    """Keep a manifest, as the newest of its release."""
    tx.execute(
        "INSERT INTO releases_manifest (digest, release, number, made_at, manifest)"
        " SELECT ?, ?, coalesce(max(number), 0) + 1, ?, ? FROM releases_manifest WHERE release = ?",
        (digest, release_id, now, manifest, release_id),
    )


def manifest(tx: Transaction, digest: str) -> bytes | None:
    """A manifest, by the digest of what it says."""
    row = tx.one("SELECT manifest FROM releases_manifest WHERE digest = ?", (digest,))
    return None if row is None else bytes(row[0])


def digests(tx: Transaction, release_id: str) -> tuple[str, ...]:
    """The manifests of a release, the oldest first: it, and what followed it without somebody."""
    rows = tx.all("SELECT digest FROM releases_manifest WHERE release = ? ORDER BY number", (release_id,))
    return tuple(digest for (digest,) in rows)


def _release(row: Row) -> ReleaseRecord:
    id_, project, bucket, state, *rest = row
    return ReleaseRecord(id_, project, bucket, ReleaseState(state), *rest)
