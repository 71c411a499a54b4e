"""The SFTP door: what stands behind its ports."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.iam.authenticator import Authenticator
from nexus.iam.gate import Gate
from nexus.kernel.clock import SECOND
from nexus.kernel.database import Database
from nexus.kernel.errors import Denied, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.objects.buckets import DocumentName
from nexus.objects.model import Bucket, BucketKind, Versioning
from nexus.objects.service import ObjectService
from nexus.warehouse.intake import store as intake
from nexus.warehouse.sftp.deposit import Desk
from nexus.warehouse.sftp.gateway import Gateway
from nexus.warehouse.sftp.model import MAX_LISTED
from nexus.warehouse.sftp.ports import Name

KEYS: Final = (Part.IDENTITY, Part.SFTP_HOST)
"""Which of the platform's keys this process holds, besides the database's, and no other."""


class IngressStores:
    """The port `warehouse.sftp.ports.Stores`, over intake's providers and the object store."""

    def __init__(self, database: Database, objects: ObjectService) -> None:
        self._database, self._objects = database, objects

    def buckets(self) -> Sequence[str]:
        with self._database.read() as tx:
            return intake.buckets_delivered_into(tx)

    def resource(self, bucket: str, key: str) -> Resource:
        return self._bucket(bucket).resource.within(key)

    async def names(self, op: Operation, bucket: str, prefix: str) -> Sequence[Name]:
        found: list[Name] = []
        token: str | None = None
        while len(found) < MAX_LISTED:
            page = await self._objects.listing.objects(
                op, self._bucket(bucket), prefix=prefix, delimiter="/", token=token
            )
            found += [Name(one.removeprefix(prefix).rstrip("/"), folder=True) for one in page.prefixes]
            found += [
                Name(one.key.removeprefix(prefix), folder=False, bytes=one.size, modified_s=one.last_modified // SECOND)
                for one in page.versions
                if one.key != prefix
            ]
            token = page.next
            if token is None:
                break
        return found

    async def put(self, op: Operation, bucket: str, key: str, body: AsyncIterator[bytes]) -> None:
        await self._objects.writing.put(op, self._bucket(bucket), key, body)

    def _bucket(self, name: str) -> Bucket:
        """Raises NotFound unless a provider delivers into it, Denied where a policy of S3 decides, which is not asked here."""
        if name not in self.buckets():
            raise NotFound("there is no such bucket", code="objects.no-bucket")
        found = self._objects.buckets.find(name)
        if found.kind is not BucketKind.INGRESS or found.versioning is not Versioning.ENABLED:
            raise NotFound("there is no such bucket", code="objects.no-bucket")
        if DocumentName.POLICY.value in self._objects.buckets.documents(found):
            raise Denied("this bucket has a policy of its own: deliver over S3", code="sftp.bucket-policy")
        return found


def door(ground: Ground, objects: ObjectService) -> Gateway:
    """The door. Every connection ends when the lease on the keys ends."""
    authenticator = Authenticator(ground.database, ground.clock, ground.hold.secrets[Part.IDENTITY])
    desk = Desk(
        access_keys=authenticator,
        gate=Gate(ground.database, ground.clock, ground.settings.conditions()),
        lease=ground.hold,
        audit=ground.database,
        stores=IngressStores(ground.database, objects),
        clock=ground.clock,
    )
    gateway = Gateway(desk, ground.hold.secrets[Part.SFTP_HOST], idle_s=ground.settings.sftp_idle_minutes * 60.0)
    ground.hold.on_wipe(authenticator.forget)
    ground.hold.on_wipe(gateway.end_all)
    return gateway
