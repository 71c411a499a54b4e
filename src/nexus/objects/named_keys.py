"""Objects under a key of the key service that their writer named, instead of the key of their bucket (SSE-KMS).

A bucket has a bucket key of its own under each key that was ever named in it, made at the first use: naming a key costs
the key service one call for each actor and some minutes, not one for each object. The right to use the key is asked at
every write and at every read, of the actor: who may write chooses no key that he has no right to, and who may read the
bucket, but has no right to the key, reads nothing that is under it.
"""

import msgspec

from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.committing import state_of
from nexus.objects.errors import NO_SUCH_KMS_KEY, damaged
from nexus.objects.keys import BucketKeys
from nexus.objects.model import Bucket
from nexus.objects.ports import KeyRights
from nexus.objects.store import named_keys as rows


class NoKeyRights:
    """Where nobody may name a key: there is none to name."""

    async def owner_of(self, key_id: str) -> str | None:
        return None

    def check(self, op: Operation, key_id: str, owner: str) -> None:
        raise Denied("keys cannot be named here", code="iam.denied")


class NamedKeys:
    """Buckets, seen under keys that requests name."""

    def __init__(self, database: Database, keys: BucketKeys, rights: KeyRights) -> None:
        self._database = database
        self._keys = keys
        self._rights = rights

    async def view(self, op: Operation, bucket: Bucket, key_id: str) -> Bucket:
        """The bucket under the key that a write names. Raises NotFound (key), Denied, and what the key service raises."""
        if key_id == bucket.key_id:
            return bucket
        row = rows.find(self._database, bucket, key_id)
        if row is None:
            owner = await self._rights.owner_of(key_id)
            if owner is None:
                raise NotFound("no such key", code=NO_SUCH_KMS_KEY)
            self._rights.check(op, key_id, owner)
            row = await self._make(op, bucket, rows.NamedKeyRow(key_id, owner, b""))
        else:
            self._rights.check(op, key_id, row.owner)
        return _under(bucket, row)

    def known(self, op: Operation, bucket: Bucket, key_id: str | None) -> Bucket:
        """The bucket under the key of a version (None: its own), which the actor may use. Raises Denied or Damaged."""
        if key_id is None:
            return bucket
        row = rows.find(self._database, bucket, key_id)
        if row is None:
            raise damaged("the key of an object")
        self._rights.check(op, key_id, row.owner)
        return _under(bucket, row)

    async def _make(self, op: Operation, bucket: Bucket, row: rows.NamedKeyRow) -> rows.NamedKeyRow:
        """A bucket key under another key; if two make one at once, the first stays."""
        wrapped = await self._keys.create(op, bucket.id, bucket.site, row.key_id)
        made = msgspec.structs.replace(row, wrapped_key=wrapped)
        entry = op.allowed("kms.key.use", rows.resource(made), bucket=bucket.id, new=True)

        def work(tx: Transaction) -> Recorded[rows.NamedKeyRow]:
            state_of(tx, bucket)
            return Recorded(rows.insert(tx, bucket, made), entry)

        return await self._database.write(work)


def _under(bucket: Bucket, row: rows.NamedKeyRow) -> Bucket:
    own_key = bucket.own_key or bucket.key_id
    return msgspec.structs.replace(
        bucket, key_id=row.key_id, wrapped_key=row.wrapped_key, named_key=row.key_id, own_key=own_key
    )
