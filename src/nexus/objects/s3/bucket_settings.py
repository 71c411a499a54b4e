"""What the configuration documents of a bucket mean to a decision, read once for each revision of the bucket."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.objects.buckets import Buckets, DocumentName
from nexus.objects.model import Bucket
from nexus.objects.s3 import grants, log_target, policy
from nexus.objects.s3.grants import Acl
from nexus.objects.s3.log_target import LogTarget
from nexus.objects.s3.policy import Policy
from nexus.objects.s3.ports import Sharing

MAX_REMEMBERED: Final = 1_024
"""Buckets whose settings a process remembers."""
ENFORCED, PREFERRED, WRITER = "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"
OWNERSHIPS: Final = (ENFORCED, PREFERRED, WRITER)


class PublicAccessBlock(msgspec.Struct, frozen=True):
    """The four switches of S3, in its order and by its names."""

    BlockPublicAcls: bool = False
    IgnorePublicAcls: bool = False
    BlockPublicPolicy: bool = False
    RestrictPublicBuckets: bool = False


ALL_BLOCKED: Final = PublicAccessBlock(True, True, True, True)
NOTHING_BLOCKED: Final = PublicAccessBlock()
_block = msgspec.json.Decoder(PublicAccessBlock)


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """`acl` None: the owner alone. `ownership`: who owns what is written; `enforced`: no lists at all."""

    policy: Policy | None
    acl: Acl | None
    block: PublicAccessBlock
    ownership: str
    log: LogTarget | None = None
    """Where the access log goes, if it has one."""
    policy_confirmed: bool = False
    """Whether who put the policy confirmed that it may shut him out."""
    readers_pay: bool = False
    """Whether others than the owner must say that they would pay."""

    @property
    def enforced(self) -> bool:
        return self.ownership == ENFORCED


class SettingsReader:
    """Reads and remembers settings. Where nothing may be shared, everything public is blocked and lists are off."""

    def __init__(self, buckets: Buckets, sharing: Sharing) -> None:
        self._buckets = buckets
        self._default = (
            BucketSettings(None, None, NOTHING_BLOCKED, WRITER)
            if sharing.possible
            else BucketSettings(None, None, ALL_BLOCKED, ENFORCED)
        )
        self._possible = sharing.possible
        self._known: OrderedDict[str, tuple[int, BucketSettings]] = OrderedDict()

    def of(self, bucket: Bucket) -> BucketSettings:
        """The settings of a bucket, as of its row; a bucket without documents costs nothing."""
        if not bucket.revision:
            return self._default
        known = self._known.get(bucket.id)
        if known is None or known[0] != bucket.revision:
            known = (bucket.revision, self._read(bucket))
            self._known[bucket.id] = known
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return known[1]

    def _read(self, bucket: Bucket) -> BucketSettings:
        documents = self._buckets.documents(bucket)
        body = documents.get(DocumentName.POLICY)
        found = None if body is None else policy.read(body, bucket.name, whole=True)
        log = documents.get(DocumentName.LOGGING)
        logged = None if log is None else log_target.decode(log)
        confirmed = DocumentName.POLICY_CONFIRMED in documents
        pay = DocumentName.REQUEST_PAYMENT in documents
        if not self._possible:
            return BucketSettings(found, None, ALL_BLOCKED, ENFORCED, logged, confirmed, pay)
        acl, block = documents.get(DocumentName.ACCESS_CONTROL), documents.get(DocumentName.PUBLIC_ACCESS)
        return BucketSettings(
            found,
            None if acl is None else grants.stored(acl),
            NOTHING_BLOCKED if block is None else _block.decode(block),
            documents.get(DocumentName.OWNERSHIP, WRITER.encode()).decode(),
            logged,
            confirmed,
            pay,
        )
