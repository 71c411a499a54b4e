"""Buckets that declare subjects, and objects of patients in them."""

from dataclasses import replace

from nexus.kernel.clock import HOUR, Instant
from nexus.kernel.operation import Entry
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket, Metadata, Versioning, Written
from simulators.object_store import Store
from simulators.operations import operation

IMAGING = Declaration(categories=("imaging",), source="pacs")
RESEARCH = operation("per_researcher", purpose="research")
CARE = operation("per_doctor", purpose="care")
EMERGENCY = replace(CARE, actor=replace(CARE.actor, break_glass="elv_1", break_glass_until=Instant(CARE.at + HOUR)))


async def declared(store: Store, name: str = "scans", *, versioning: bool = False) -> Bucket:
    """A bucket that holds images of patients."""
    bucket = await store.bucket(name)
    await store.objects.buckets.declare_subjects(store.op, bucket, IMAGING)
    if versioning:
        await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
    return store.objects.buckets.find(name)


def of(subject: str) -> Metadata:
    """Metadata of an object of this subject."""
    return Metadata(tags={"nexus:subject": subject, "kind": "ct"}, user={"a": "b"})


async def put(store: Store, bucket: Bucket, key: str, subject: str, body: bytes = b"bytes") -> Written:
    """An object of a subject."""
    return await store.put(bucket, key, body, metadata=of(subject))


def last(store: Store) -> Entry:
    """The newest entry of the log."""
    return store.entries[-1]
