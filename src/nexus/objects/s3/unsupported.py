"""Request headers that ask for what this store does not do: refused, never ignored."""

from collections.abc import Mapping

from nexus.objects.model import Bucket
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

_NOT_IMPLEMENTED = (
    "x-amz-server-side-encryption-context",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-mfa",
)
_HARMLESS_ACLS = frozenset({"private", "bucket-owner-full-control"})
"""Canned ACLs that grant nothing to anybody else."""


def refuse_unsupported(headers: Mapping[str, str], *, lists: bool = False) -> None:
    """Raise Refusal if a header asks for something that would not happen. `lists`: access control lists count here."""
    for name, value in headers.items():
        if not name.startswith("x-amz-"):
            continue
        if name.startswith(_NOT_IMPLEMENTED) and value.lower() != "false":
            raise Refusal(errors.NOT_IMPLEMENTED, f"{name} is not implemented", Header=name)
        if not lists and (name.startswith("x-amz-grant-") or (name == "x-amz-acl" and value not in _HARMLESS_ACLS)):
            raise Refusal(errors.NO_ACLS)
        if name == "x-amz-storage-class" and value != "STANDARD":
            raise Refusal(errors.INVALID_STORAGE_CLASS)


def require_owner(headers: Mapping[str, str], bucket: Bucket, name: str = "x-amz-expected-bucket-owner") -> None:
    """Raise Refusal if the client expects the bucket to be somebody else's."""
    if headers.get(name, bucket.owner) != bucket.owner:
        raise Refusal(errors.ACCESS_DENIED, "the bucket does not belong to the expected owner")
