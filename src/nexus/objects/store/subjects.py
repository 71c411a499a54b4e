"""Rows of vaults, subjects and manifests: whose data objects are, in a form that says nothing without a vault's key."""

from collections.abc import Iterable, Sequence

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Transaction
from nexus.objects.declaration import Declaration, decode
from nexus.objects.store.named_keys import Wrapped


class VaultRow(msgspec.Struct, frozen=True):
    """A row of `objects_vault`. `sealed_index` is the key of its blind index, sealed under the vault's own."""

    number: int
    id: str
    site: str
    key_id: str
    wrapped_key: bytes
    sealed_index: bytes


class SubjectRow(msgspec.Struct, frozen=True):
    """A row of `objects_subject`. `sealed_key` is None once the subject was erased."""

    number: int
    vault: int
    sealed_id: bytes
    sealed_key: bytes | None
    blind: bytes


class ManifestRow(msgspec.Struct, frozen=True):
    """A row of `objects_manifest`: the ids of its subjects, sealed."""

    number: int
    id: str
    vault: int
    sealed: bytes


_VAULT = "SELECT number, id, site, key_id, wrapped_key, sealed_index FROM objects_vault"
_SUBJECT = "SELECT number, vault, sealed_id, sealed_key, blind FROM objects_subject"
_MANIFEST = "SELECT number, id, vault, sealed FROM objects_manifest"


def vault_of(database: Database, site: str, key_id: str) -> VaultRow | None:
    """The vault of a site under a key, as of now."""
    row = database.peek(f"{_VAULT} WHERE site = ? AND key_id = ?", (site, key_id))
    return VaultRow(*row) if row else None


def vaults(tx: Transaction) -> list[VaultRow]:
    """Every vault."""
    return [VaultRow(*row) for row in tx.all(f"{_VAULT} ORDER BY number")]


def insert_vault(tx: Transaction, row: VaultRow) -> VaultRow:
    """Store a vault unless its site has one under this key; returns the one that is stored."""
    tx.execute(
        "INSERT INTO objects_vault (id, site, key_id, wrapped_key, sealed_index) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (row.id, row.site, row.key_id, row.wrapped_key, row.sealed_index),
    )
    stored = tx.one(f"{_VAULT} WHERE site = ? AND key_id = ?", (row.site, row.key_id))
    assert stored is not None
    return VaultRow(*stored)


def under_key(tx: Transaction, key_id: str, after: int, limit: int) -> list[Wrapped]:
    """Vaults whose key is wrapped under `key_id`, by number, from the one after `after`."""
    rows = tx.all(
        "SELECT number, id, site, wrapped_key FROM objects_vault WHERE key_id = ? AND number > ? ORDER BY number LIMIT ?",
        (key_id, after, limit),
    )
    return [Wrapped(*row) for row in rows]


def set_wrapped_key(tx: Transaction, row: Wrapped, wrapped: bytes) -> bool:
    """Replace the wrapped key of a vault, unless somebody else did meanwhile."""
    return bool(
        tx.execute(
            "UPDATE objects_vault SET wrapped_key = ? WHERE number = ? AND wrapped_key = ?",
            (wrapped, row.number, row.wrapped_key),
        )
    )


def find(database: Database, vault: int, blind: bytes) -> SubjectRow | None:
    """A subject by its blind index, as of now."""
    row = database.peek(f"{_SUBJECT} WHERE vault = ? AND blind = ?", (vault, blind))
    return SubjectRow(*row) if row else None


def peek(database: Database, number: int) -> SubjectRow | None:
    """A subject by its number, as of now."""
    row = database.peek(f"{_SUBJECT} WHERE number = ?", (number,))
    return SubjectRow(*row) if row else None


def by_number(tx: Transaction, number: int) -> SubjectRow | None:
    """A subject by its number."""
    row = tx.one(f"{_SUBJECT} WHERE number = ?", (number,))
    return SubjectRow(*row) if row else None


def insert(tx: Transaction, row: SubjectRow) -> SubjectRow:
    """Store a subject unless it is there; returns the one that is stored."""
    tx.execute(
        "INSERT INTO objects_subject (vault, blind, sealed_id, sealed_key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (row.vault, row.blind, row.sealed_id, row.sealed_key),
    )
    stored = tx.one(f"{_SUBJECT} WHERE vault = ? AND blind = ?", (row.vault, row.blind))
    assert stored is not None
    return SubjectRow(*stored)


def is_erased(tx: Transaction, number: int) -> bool:
    """Whether the key of a subject is gone (or the subject was never there)."""
    row = tx.one("SELECT sealed_key IS NULL FROM objects_subject WHERE number = ?", (number,))
    return row is None or bool(row[0])


def destroy_key(tx: Transaction, number: int, now: Instant) -> bool:
    """Destroy the key of a subject; False if it was gone already."""
    return bool(
        tx.execute(
            "UPDATE objects_subject SET sealed_key = NULL, erased_at = ? WHERE number = ? AND sealed_key IS NOT NULL",
            (now, number),
        )
    )


def manifest(database: Database, vault: int, manifest_id: str) -> ManifestRow | None:
    """A manifest by its id, as of now."""
    row = database.peek(f"{_MANIFEST} WHERE vault = ? AND id = ?", (vault, manifest_id))
    return ManifestRow(*row) if row else None


def manifest_by_number(tx: Transaction, number: int) -> ManifestRow | None:
    """A manifest by its number."""
    row = tx.one(f"{_MANIFEST} WHERE number = ?", (number,))
    return ManifestRow(*row) if row else None


def insert_manifest(tx: Transaction, row: ManifestRow, members: Iterable[int]) -> ManifestRow:
    """Store a manifest with its members, unless the vault has it; returns the one that is stored."""
    added = tx.execute(
        "INSERT INTO objects_manifest (id, vault, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (row.id, row.vault, row.sealed),
    )
    stored = tx.one(f"{_MANIFEST} WHERE vault = ? AND id = ?", (row.vault, row.id))
    assert stored is not None
    found = ManifestRow(*stored)
    if added:
        pairs = [(found.number, member) for member in members]
        tx.execute_many("INSERT INTO objects_manifest_subject VALUES (?, ?) ON CONFLICT DO NOTHING", pairs)
    return found


def manifests_with(tx: Transaction, number: int) -> list[int]:
    """Numbers of the manifests that name a subject."""
    found = tx.all("SELECT manifest FROM objects_manifest_subject WHERE subject = ? ORDER BY manifest", (number,))
    return [manifest for (manifest,) in found]


def name_of_manifest(tx: Transaction, number: int) -> str:
    """The id of a manifest that is there."""
    row = tx.one("SELECT id FROM objects_manifest WHERE number = ?", (number,))
    assert row is not None
    return str(row[0])


def manifests_named(tx: Transaction, name: str) -> list[ManifestRow]:
    """The manifest of an id, in each vault that has it."""
    return [ManifestRow(*row) for row in tx.all(f"{_MANIFEST} WHERE id = ? ORDER BY number", (name,))]


def names_erased(tx: Transaction, manifest: int) -> bool:
    """Whether a manifest names somebody who was erased."""
    found = tx.one(
        "SELECT 1 FROM objects_manifest_subject m JOIN objects_subject s ON s.number = m.subject"
        " WHERE m.manifest = ? AND s.sealed_key IS NULL LIMIT 1",
        (manifest,),
    )
    return found is not None


class Held(msgspec.Struct, frozen=True):
    """A version of some subject, and what its bucket says of its data."""

    bucket: str
    site: str
    project: str
    declared: Declaration | None
    key: str
    version: str
    size: int
    since: Instant


_HELD = (
    "SELECT b.name, b.site, b.project, b.subjects, v.key, v.id, v.size, v.modified_at FROM objects_version v"
    " JOIN objects_bucket b ON b.number = v.bucket WHERE v.subject = ? AND v.marker = 0 AND v.id > ?"
    " ORDER BY v.id LIMIT ?"
)


def versions_of(tx: Transaction, subject: int, after: str, limit: int) -> list[Held]:
    """Versions of a subject or a manifest, by internal id."""
    return [
        Held(bucket, site, project, decode(declared), key, version, size, since)
        for bucket, site, project, declared, key, version, size, since in tx.all(_HELD, (subject, after, limit))
    ]


def rows_of(tx: Transaction, subject: int, limit: int) -> Sequence[tuple[int, str, str]]:
    """Some versions and markers of a subject, as (number of the bucket, key, id)."""
    found = tx.all("SELECT bucket, key, id FROM objects_version WHERE subject = ? LIMIT ?", (subject, limit))
    return [(bucket, key, id_) for bucket, key, id_ in found]


def uploads_of(tx: Transaction, subject: int) -> Sequence[tuple[int, str, str]]:
    """Unfinished uploads of a subject, as (number of the bucket, key, id)."""
    found = tx.all("SELECT bucket, key, id FROM objects_upload WHERE subject = ?", (subject,))
    return [(bucket, key, id_) for bucket, key, id_ in found]


def held_locks(tx: Transaction, subject: int, now: Instant) -> int:
    """How many versions of a subject are retained or held at this moment."""
    row = tx.one(
        "SELECT COUNT(*) FROM objects_version v JOIN objects_lock l ON l.version = v.id"
        " WHERE v.subject = ? AND (l.held = 1 OR (l.mode <> '' AND l.until > ?))",
        (subject, now),
    )
    return int(row[0]) if row else 0


class ReachedRow(msgspec.Struct, frozen=True):
    """A row of `objects_reached`: what a decision of a subject reached in a bucket."""

    subject: int
    decision: str
    bucket: int
    versions: int
    erased: int
    kept: int
    at: Instant


def note_reached(tx: Transaction, row: ReachedRow) -> bool:
    """Write down what was reached; False if it was before: what is told twice is told as it was first."""
    added = tx.execute(
        "INSERT INTO objects_reached (subject, decision, bucket, versions, erased, kept, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        msgspec.structs.astuple(row),
    )
    return bool(added)


def reached(tx: Transaction, subject: int, limit: int) -> list[ReachedRow]:
    """What the decisions of a subject have reached, newest first."""
    found = tx.all(
        "SELECT subject, decision, bucket, versions, erased, kept, at FROM objects_reached WHERE subject = ?"
        " ORDER BY at DESC, bucket LIMIT ?",
        (subject, limit),
    )
    return [ReachedRow(*row) for row in found]


def counted(tx: Transaction, owner: int) -> list[tuple[int, int]]:
    """How many versions of a subject or a manifest are in each bucket, by its number."""
    found = tx.all(
        "SELECT bucket, COUNT(*) FROM objects_version WHERE subject = ? AND marker = 0 GROUP BY bucket", (owner,)
    )
    return [(bucket, number) for bucket, number in found]


def in_bucket(tx: Transaction, owner: int, bucket: int, after: str, limit: int) -> list[tuple[str, str]]:
    """Versions and markers of a subject or a manifest in one bucket, as (key, id), by id."""
    found = tx.all(
        "SELECT key, id FROM objects_version WHERE subject = ? AND bucket = ? AND id > ? ORDER BY id LIMIT ?",
        (owner, bucket, after, limit),
    )
    return [(key, id_) for key, id_ in found]
