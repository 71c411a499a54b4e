"""The object store as its doors see it: one attribute for each group of stories.

Every story takes `op` first. The door has authenticated and called `Gate.check(op, action, bucket.resource)` before it
calls one. A story that succeeds has left its audit entry, durable; a story that raises has left none: the door records
the refusal or failure that it answers with. Only an error from the middle of a body that is already being sent is
recorded here, by the body itself.

    bucket = objects.buckets.find(name)                      # raises NotFound; no entry, no wait
    gate.check(op, "objects.object.read", bucket.resource)
    read = await objects.reading.get(op, bucket, key)
    async for chunk in read.body: ...
"""

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.objects.access_logs import AccessLogs
from nexus.objects.batches import Batches
from nexus.objects.blobs.port import BlobStore
from nexus.objects.buckets import Buckets
from nexus.objects.capacity import Capacity
from nexus.objects.consenting import Consenting, NoSubjects
from nexus.objects.deleting import Deleting
from nexus.objects.erasing import Erasing
from nexus.objects.expiring import Expiring
from nexus.objects.finding import Finding
from nexus.objects.holdings import Holdings
from nexus.objects.keys import BucketKeys
from nexus.objects.listing import Listing
from nexus.objects.locking import Locking
from nexus.objects.named_keys import NamedKeys, NoKeyRights
from nexus.objects.ports import DataKeys, KeyRights, Subjects
from nexus.objects.reaching import Reaching
from nexus.objects.reading import Reading
from nexus.objects.replication import Replicas
from nexus.objects.revising import Revising
from nexus.objects.scrubbing import Scrubbing
from nexus.objects.subject_changing import SubjectChanging
from nexus.objects.tagging import Tagging
from nexus.objects.upkeep import Upkeep
from nexus.objects.uploads import Uploads
from nexus.objects.vaults import Vaults
from nexus.objects.writing import Writing


class ObjectService:
    """Buckets, objects and versions over one database and one engine for blobs."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        data_keys: DataKeys,
        clock: Clock,
        *,
        key_rights: KeyRights | None = None,
        subjects: Subjects | None = None,
    ) -> None:
        """`blobs` is closed with the service. The database has this service's migrations.

        Without `key_rights` no object is under another key than that of its bucket. Without `subjects` no bucket holds
        data of patients by name.
        """
        self._blobs = blobs
        self._keys = keys = BucketKeys(data_keys, clock)
        asked = subjects or NoSubjects()
        self.vaults = vaults = Vaults(database, keys, data_keys, asked)
        self.finding = finding = Finding(database, vaults)
        self.consenting = consenting = Consenting(database, vaults, asked, clock)
        self.buckets = Buckets(database, blobs, keys, clock, consenting)
        self.named_keys = NamedKeys(database, keys, key_rights or NoKeyRights())
        self.reading = Reading(database, blobs, keys, self.named_keys, consenting)
        batches = Batches()
        self.writing = Writing(database, blobs, keys, clock, self.reading, vaults=vaults, batches=batches)
        self.deleting = Deleting(database, blobs, clock)
        self.listing = Listing(consenting)
        self.uploads = Uploads(database, blobs, keys, clock, self.reading, consenting=consenting, batches=batches)
        self.revising = Revising(database, self.reading)
        self.subject_changing = SubjectChanging(database, self.reading, vaults)
        self.erasing = Erasing(database, blobs, clock, asked, finding)
        self.reaching = Reaching(database, blobs, clock, asked, finding)
        self.holdings = Holdings(database, finding)
        self.tagging = Tagging(self.reading, self.revising)
        self.locking = Locking(database, clock, consenting)
        self.expiring = Expiring(database, clock, self.reading, self.deleting, self.uploads)
        self.access_logs = AccessLogs(database, self.buckets, self.writing, clock)
        self.capacity = Capacity(database, clock)
        self.replicas = Replicas(blobs)
        self.scrubbing = Scrubbing(database, blobs, clock)
        self.upkeep = Upkeep(database, blobs, data_keys, clock)

    def close(self) -> None:
        """Wipe every key and end the disk threads; streams under way fail."""
        self._keys.revoke()
        self.vaults.wipe()
        self._blobs.close()
