"""Vaults: what is known of the subjects of a site, sealed under a key of its own, and the key of each subject.

A vault has a data key of the key service, under the same key as the buckets whose subjects it keeps: destroying that key
destroys both. The database shows no subject: it finds one by a keyed index, and names it by a number.

    key of the key service -> vault key --XAES-256-GCM--> key of the index, ids of subjects, manifests
                                                      --> key of a subject --AES-256-GCM--> object keys (and the bucket key over it)
"""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation
from nexus.kernel.secret import Secret
from nexus.kms.model import KeyEvent, KeyEventKind
from nexus.objects.errors import (
    BAD_SUBJECT,
    MANIFEST_EXISTS,
    NO_SUBJECTS_HERE,
    NO_SUCH_MANIFEST,
    SUBJECT_ERASED,
    SUBJECT_NEEDED,
    damaged,
)
from nexus.objects.keys import BucketKeys
from nexus.objects.model import Bucket, BucketKind, Versioning
from nexus.objects.naming import MAX_MANIFEST_SUBJECTS, checked, is_manifest
from nexus.objects.ports import DataKeys, Subjects
from nexus.objects.sealing import SUBJECT_ID, SUBJECT_INDEX, SUBJECT_KEY, SUBJECT_LIST, BucketKey, Place, SubjectKey
from nexus.objects.store import subjects as rows
from nexus.objects.store.subjects import ManifestRow, SubjectRow, VaultRow

T = TypeVar("T")

MAX_REMEMBERED: Final = 200_000
"""Names, manifests and keys that a process remembers; beyond, it forgets all and opens them again."""
WRITE: Final = "objects.object.write"
_KEY_BYTES: Final = 32
_list = msgspec.msgpack.Decoder(tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Named:
    """Whose data an object is: the number in its row, the id in its facts, and the key that its own is sealed under.

    `key` is None for a manifest: what belongs to many is under nobody's key.
    """

    number: int
    id: str
    key: SubjectKey | None


class Vault:
    """A vault whose key is at hand for one actor. It works as long as that key does, on the thread of the event loop."""

    __slots__ = ("_database", "_known", "key", "row")

    def __init__(self, row: VaultRow, key: BucketKey, remembered: "_Remembered", database: Database) -> None:
        self.row = row
        self.key = key
        self._known = remembered
        self._database = database

    def blind(self, subject: str) -> bytes:
        """What finds a subject in this vault: 32 bytes that tell nothing without the vault's key."""
        index = self._known.indexes.get(self.row.number)
        if index is None:
            index = Secret(self._open(self.row.sealed_index, SUBJECT_INDEX, ""))
            self._known.indexes[self.row.number] = index
        self.key.require()
        return hmac.digest(index.reveal(), subject.encode(), sha256)

    def find(self, subject: str) -> SubjectRow | None:
        """The row of a subject, as of now."""
        return rows.find(self._database, self.row.number, self.blind(subject))

    def subjects(self, tx: Transaction, number: int) -> tuple[str, ...]:
        """Whose data a number in a row stands for. Raises Damaged if it stands for nobody of this vault."""
        self.key.require()
        known = self._known.names.get(number)
        if known is None:
            if number < 0:
                name, known = self._manifest(tx, -number)
                self._known.keep(self._known.manifests, number, name)
            else:
                known = (self._subject(tx, number),)
            self._known.keep(self._known.names, number, known)
        return known

    def remembered(self, number: int) -> tuple[str, ...] | None:
        """`subjects`, if that was asked before."""
        self.key.require()
        return self._known.names.get(number)

    def known_name(self, number: int) -> str | None:
        """`name`, if that was asked before."""
        if number < 0:
            return self._known.manifests.get(number)
        known = self._known.names.get(number)
        return known[0] if known else None

    def name(self, tx: Transaction, number: int) -> str:
        """What the facts of an object with this number say: the id of the subject, or of the manifest."""
        if number > 0:
            return self.subjects(tx, number)[0]
        known = self._known.manifests.get(number)
        if known is None:
            known = self._manifest(tx, -number)[0]
            self._known.keep(self._known.manifests, number, known)
        return known

    def subject_key(self, number: int | None) -> SubjectKey | None:
        """The key that object keys of a subject are sealed under; None for a manifest or nobody. Raises NotFound (erased)."""
        if number is None or number < 0:
            return None
        self.key.require()
        known = self._known.keys.get(number)
        if known is None:
            row = rows.peek(self._database, number)
            if row is None or row.vault != self.row.number:
                raise damaged("the row of an object")
            if row.sealed_key is None:
                raise erased()
            known = SubjectKey(Secret(self._open(row.sealed_key, SUBJECT_KEY, row.blind.hex())))
            self._known.keep(self._known.keys, number, known)
        return known

    def fresh_subject(self, subject: str) -> SubjectRow:
        """A row for a subject that the vault does not know yet, with a fresh key."""
        blind = self.blind(subject)
        return SubjectRow(
            0,
            self.row.number,
            self._seal(subject.encode(), SUBJECT_ID, blind.hex()),
            self._seal(os.urandom(_KEY_BYTES), SUBJECT_KEY, blind.hex()),
            blind,
        )

    def fresh_manifest(self, manifest: str, subjects: Sequence[str]) -> ManifestRow:
        """A row for a manifest that names these subjects."""
        encoded = msgspec.msgpack.encode(tuple(subjects))
        return ManifestRow(0, manifest, self.row.number, self._seal(encoded, SUBJECT_LIST, manifest))

    def _subject(self, tx: Transaction, number: int) -> str:
        row = rows.by_number(tx, number)
        if row is None or row.vault != self.row.number:
            raise damaged("the row of an object")
        return self._open(row.sealed_id, SUBJECT_ID, row.blind.hex()).decode()

    def _manifest(self, tx: Transaction, number: int) -> tuple[str, tuple[str, ...]]:
        row = rows.manifest_by_number(tx, number)
        if row is None or row.vault != self.row.number:
            raise damaged("the row of an object")
        return row.id, _list.decode(self._open(row.sealed, SUBJECT_LIST, row.id))

    def _seal(self, plaintext: bytes, kind: bytes, name: str) -> bytes:
        return self.key.require().seal(plaintext, Place(self.row.id, name).bind(kind))

    def _open(self, sealed: bytes, kind: bytes, name: str) -> bytes:
        try:
            return self.key.require().open(sealed, Place(self.row.id, name).bind(kind))
        except Damaged:
            raise damaged("what is known of a subject") from None


class _Remembered:
    """What was opened before, by number. Wiped with the keys. What a number stands for never changes."""

    def __init__(self) -> None:
        self.indexes: dict[int, Secret] = {}
        self.names: dict[int, tuple[str, ...]] = {}
        self.manifests: dict[int, str] = {}
        self.keys: dict[int, SubjectKey] = {}

    @staticmethod
    def keep(known: dict[int, T], number: int, value: T) -> None:
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[number] = value

    def wipe(self) -> None:
        for index in self.indexes.values():
            index.wipe()
        for known in (self.indexes, self.names, self.manifests, self.keys):
            known.clear()


class Vaults:
    """Opens vaults, and makes what a write needs: the vault of a bucket, a subject, a manifest."""

    def __init__(self, database: Database, keys: BucketKeys, data_keys: DataKeys, subjects: Subjects) -> None:
        self._subjects = subjects
        self._database = database
        self._keys = keys
        self._known = _Remembered()
        self._rows: dict[tuple[str, str], tuple[VaultRow, Bucket]] = {}
        data_keys.subscribe(self._on_event)

    async def open(self, op: Operation, bucket: Bucket) -> Vault | None:
        """The vault of a bucket's subjects; None if none of its objects was ever given one."""
        where = (bucket.site, bucket.own_key or bucket.key_id)
        known = self._rows.get(where)
        if known is not None and (key := self._keys.at_hand(op, known[1])) is not None:
            return Vault(known[0], key, self._known, self._database)
        if (row := rows.vault_of(self._database, *where)) is None:  # asked anew: its key may have been wrapped anew
            return None
        self._rows[where] = row, as_bucket(row)
        return await self.open_row(op, row)

    async def open_row(self, op: Operation, row: VaultRow) -> Vault:
        """A vault that is known to be there. Raises what the key service raises."""
        return Vault(row, await self._keys.of(op, as_bucket(row)), self._known, self._database)

    async def admit(self, op: Operation, bucket: Bucket, name: str) -> Named | None:
        """Whose data a write to this bucket names; `name` is empty where it names nobody.

        Raises Invalid where a bucket needs a name or takes none, NotFound (manifest) and Conflict (erased subject).
        """
        if bucket.subjects is None:
            if name:
                raise Invalid(
                    "this bucket takes no data of subjects",
                    code=NO_SUBJECTS_HERE,
                    hint="declare first what data it holds",
                )
            return None
        if not name:
            raise Invalid(
                "an object in this bucket names its subject",
                code=SUBJECT_NEEDED,
                hint="set the tag nexus:subject, or the header x-amz-meta-nexus-subject",
            )
        vault = await self._vault(op, bucket)
        if is_manifest(checked(name)):
            found = rows.manifest(self._database, vault.row.number, name)
            if found is None:
                raise NotFound("no such manifest of subjects", code=NO_SUCH_MANIFEST, hint="put the manifest first")
            return Named(-found.number, name, None)
        row = vault.find(name) or await self._add(op, bucket, vault, name)
        if row.sealed_key is None:
            raise Conflict("the data of this subject were erased", code=SUBJECT_ERASED)
        return Named(row.number, name, vault.subject_key(row.number))

    async def named(self, op: Operation, bucket: Bucket, number: int | None) -> Named | None:
        """Whom the number in a row stands for. Raises Damaged, or NotFound (erased subject)."""
        vault = await self.open(op, bucket) if number is not None else None
        if vault is None or number is None:
            if number is not None:
                raise damaged("the row of an object")
            return None
        with self._database.read() as tx:
            name = vault.name(tx, number)
        return Named(number, name, vault.subject_key(number))

    async def put_manifest(self, op: Operation, bucket: Bucket, subjects: Sequence[str], manifest: str = "") -> Named:
        """A manifest of these subjects, for objects that hold data of all of them. It never changes.

        `manifest` is the id of one that another vault has, for a copy. A release says by one of nobody what is about nobody.
        Raises Invalid and Conflict.
        """
        distinct = sorted(set(subjects))
        of_nobody = not distinct and bucket.kind is BucketKind.RELEASE
        if not of_nobody and not 2 <= len(distinct) <= MAX_MANIFEST_SUBJECTS:
            raise Invalid(f"a manifest names 2 to {MAX_MANIFEST_SUBJECTS} subjects", code=BAD_SUBJECT)
        if bucket.subjects is None:
            raise Invalid("this bucket takes no data of subjects", code=NO_SUBJECTS_HERE)
        if any(is_manifest(checked(each)) for each in distinct):
            raise Invalid("a manifest names subjects, no manifests", code=BAD_SUBJECT)
        vault = await self._vault(op, bucket)
        manifest = manifest or new_id("smf")
        row, fresh = vault.fresh_manifest(manifest, distinct), [vault.fresh_subject(each) for each in distinct]
        entry = op.allowed(WRITE, bucket.resource, manifest=manifest, subjects=len(distinct))

        def work(tx: Transaction) -> Recorded[ManifestRow]:
            self._require_belonging(tx, bucket, distinct)
            members = [rows.insert(tx, each) for each in fresh]
            if any(member.sealed_key is None for member in members):
                raise Conflict("the data of one of these subjects were erased", code=SUBJECT_ERASED)
            return Recorded(rows.insert_manifest(tx, row, [member.number for member in members]), entry)

        stored = await self._database.write(work)
        with self._database.read() as tx:
            if vault.subjects(tx, -stored.number) != tuple(distinct):
                raise Conflict("the manifest names other subjects", code=MANIFEST_EXISTS)
        return Named(-stored.number, manifest, None)

    async def bring(self, op: Operation, source: Vault, number: int | None, bucket: Bucket) -> None:
        """Before a copy: let the vault of the target's subjects know the manifest of the source, if it has one."""
        if number is None or number > 0 or bucket.subjects is None:
            return
        with self._database.read() as tx:
            name, members = source.name(tx, number), source.subjects(tx, number)
        target = await self._vault(op, bucket)
        if rows.manifest(self._database, target.row.number, name) is None:
            await self.put_manifest(op, bucket, members, name)

    def wipe(self) -> None:
        """Forget whatever was opened."""
        self._known.wipe()

    def forget(self, number: int) -> None:
        """Drop the key of a subject that was erased."""
        self._known.keys.pop(number, None)

    async def _vault(self, op: Operation, bucket: Bucket) -> Vault:
        return await self.open(op, bucket) or await self._make(op, bucket)

    async def _make(self, op: Operation, bucket: Bucket) -> Vault:
        """A vault for the bucket's site and key; if two make one at once, the first stays."""
        vault_id, key_id = new_id("vlt"), bucket.own_key or bucket.key_id
        wrapped = await self._keys.create(op, vault_id, bucket.site, key_id)
        row = VaultRow(0, vault_id, bucket.site, key_id, wrapped, b"")
        fresh = Vault(row, await self._keys.of(op, as_bucket(row)), self._known, self._database)
        index = fresh._seal(os.urandom(_KEY_BYTES), SUBJECT_INDEX, "")
        made = msgspec.structs.replace(row, sealed_index=index)
        entry = op.allowed(WRITE, bucket.resource, vault=vault_id)

        def work(tx: Transaction) -> Recorded[VaultRow]:
            return Recorded(rows.insert_vault(tx, made), entry)

        return await self.open_row(op, await self._database.write(work))

    async def _add(self, op: Operation, bucket: Bucket, vault: Vault, subject: str) -> SubjectRow:
        """A subject that the vault did not know; if two add it at once, the first stays."""
        fresh = vault.fresh_subject(subject)
        entry = replace(op.allowed(WRITE, bucket.resource, new_subject=True), subject=subject)

        def work(tx: Transaction) -> Recorded[SubjectRow]:
            self._require_belonging(tx, bucket, (subject,))
            return Recorded(rows.insert(tx, fresh), entry)

        return await self._database.write(work)

    def _require_belonging(self, tx: Transaction, bucket: Bucket, subjects: Sequence[str]) -> None:
        """A subject is of one site, and its data come into no other's buckets by name but into releases. Raises Invalid."""
        site = "" if bucket.kind is BucketKind.RELEASE else bucket.site
        if not self._subjects.belong(tx, site, subjects):
            raise Invalid(
                "this is no subject of the site that the bucket belongs to",
                code=BAD_SUBJECT,
                hint="register the patient at the site first",
            )

    def _on_event(self, event: KeyEvent) -> None:
        if event.kind is not KeyEventKind.UNSEALED:
            self._known.wipe()


def as_bucket(row: VaultRow) -> Bucket:
    """A vault as `BucketKeys` knows it: the context of its key is that of a bucket with the vault's id and site."""
    return Bucket(
        number=0,
        id=row.id,
        name="",
        site=row.site,
        project="",
        kind=BucketKind.STANDARD,
        key_id=row.key_id,
        versioning=Versioning.OFF,
        owner="",
        created_at=Instant(0),
        wrapped_key=row.wrapped_key,
    )


def erased() -> NotFound:
    """The key of the subject is gone, and with it whatever it sealed."""
    return NotFound("the data of this subject were erased", code=SUBJECT_ERASED)


def concerning(entry: Entry, named: Named | None) -> Entry:
    """The entry of a write to an object of a patient stands under his key; of many, under that of their manifest."""
    if named is None:
        return entry
    more = {} if named.number > 0 else {"manifest": -named.number}
    return replace(entry, subject=named.id, details={**entry.details, **more})
