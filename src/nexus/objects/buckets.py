"""Buckets: create, find, list, delete, versioning, and the configuration documents that doors keep with them."""

from collections.abc import Sequence
from enum import StrEnum

from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket, BucketKind, Versioning


class DocumentName(StrEnum):
    """The configuration documents that a bucket may carry; their content is the door's affair."""

    TAGGING = "tagging"
    CORS = "cors"
    LIFECYCLE = "lifecycle"
    POLICY = "policy"
    ACCESS_CONTROL = "access-control"
    OWNERSHIP = "ownership"
    PUBLIC_ACCESS = "public-access"
    OBJECT_LOCK = "object-lock"
    NOTIFICATION = "notification"
    LOGGING = "logging"
    WEBSITE = "website"
    REQUEST_PAYMENT = "request-payment"
    ACCELERATE = "accelerate"


class Buckets:
    """Stories about buckets."""

    def find(self, name: str) -> Bucket:
        """The bucket of this name. Raises NotFound. Neither waits nor records: doors need it to name a resource."""
        raise NotImplementedError

    async def create(
        self,
        op: Operation,
        name: str,
        *,
        site: str,
        key_id: str,
        project: str = "",
        kind: BucketKind = BucketKind.STANDARD,
    ) -> Bucket:
        """A new, empty bucket with a bucket key of its own under `key_id`.

        Raises Invalid (name), Conflict `objects.bucket-is-yours` or `objects.bucket-exists`, and what the key service
        raises.
        """
        raise NotImplementedError

    async def head(self, op: Operation, bucket: Bucket) -> None:
        """Record that somebody looked whether the bucket is there."""
        raise NotImplementedError

    async def list(self, op: Operation) -> Sequence[Bucket]:
        """Every bucket, by name. The door leaves out those that the actor may not list."""
        raise NotImplementedError

    async def delete(self, op: Operation, bucket: Bucket) -> None:
        """Remove an empty bucket, unfinished uploads included. Raises Conflict `objects.bucket-not-empty`."""
        raise NotImplementedError

    async def set_versioning(self, op: Operation, bucket: Bucket, state: Versioning) -> None:
        """Turn versioning on or suspend it; it is never off again (Invalid)."""
        raise NotImplementedError

    async def put_document(self, op: Operation, bucket: Bucket, name: DocumentName, body: bytes) -> None:
        """Store or replace a configuration document."""
        raise NotImplementedError

    async def document(self, op: Operation, bucket: Bucket, name: DocumentName) -> bytes:
        """A configuration document. Raises NotFound `objects.no-such-document`."""
        raise NotImplementedError

    def peek_document(self, bucket: Bucket, name: DocumentName) -> bytes | None:
        """The same without wait and without an entry, for decisions that the door makes (CORS, default retention)."""
        raise NotImplementedError

    async def delete_document(self, op: Operation, bucket: Bucket, name: DocumentName) -> None:
        """Remove a configuration document; succeeds if there is none."""
        raise NotImplementedError
