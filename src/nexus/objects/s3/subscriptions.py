"""What a bucket tells to whom, as its document keeps it, and which events that is. Pure."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec

from nexus.kernel.clock import rfc3339
from nexus.kernel.operation import Entry

CREATED_PUT: Final = "s3:ObjectCreated:Put"
CREATED_COPY: Final = "s3:ObjectCreated:Copy"
CREATED_UPLOAD: Final = "s3:ObjectCreated:CompleteMultipartUpload"
REMOVED: Final = "s3:ObjectRemoved:Delete"
HIDDEN: Final = "s3:ObjectRemoved:DeleteMarkerCreated"
EVENTS: Final = frozenset({CREATED_PUT, CREATED_COPY, CREATED_UPLOAD, REMOVED, HIDDEN})
PATTERNS: Final = EVENTS | {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}
_ACTIONS: Final = frozenset(
    {"objects.object.write", "objects.upload.write", "objects.object.delete", "objects.version.delete"}
)


class NoDestinations:
    """Nobody is told anything."""

    def takes(self, name: str, site: str) -> bool:
        return False


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One destination, and what it hears of. `arn` is as its author wrote it."""

    id: str
    kind: str
    """`Topic` or `Queue`: the word that its author used; it means nothing here."""
    arn: str
    destination: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def hears(self, event: str, key: str) -> bool:
        """Whether it is told of an event on a key."""
        group = event.rpartition(":")[0] + ":*"
        wanted = event in self.events or group in self.events
        return wanted and key.startswith(self.prefix) and key.endswith(self.suffix)


class Subscriptions(msgspec.Struct, frozen=True, kw_only=True):
    """All of a bucket."""

    region: str
    each: tuple[Subscription, ...]


_subscriptions = msgspec.json.Decoder(Subscriptions)


def encode(subscriptions: Subscriptions) -> bytes:
    """The stored form."""
    return msgspec.json.encode(subscriptions)


def decode(body: bytes) -> Subscriptions:
    """The inverse of `encode`."""
    return _subscriptions.decode(body)


def event_of(entry: Entry) -> str:
    """The event that an entry tells of; empty for none. What failed or was denied is none."""
    if entry.action not in _ACTIONS or entry.outcome.value != "allowed" or entry.resource.type != "Bucket":
        return ""
    details = entry.details
    if "key" not in details or "version" not in details:
        return ""
    if entry.action == "objects.upload.write":
        return CREATED_UPLOAD if details.get("complete") else ""
    if entry.action == "objects.object.write":
        return CREATED_COPY if "source_bucket" in details else CREATED_PUT if "size" in details else ""
    hidden = entry.action == "objects.object.delete" and bool(details.get("marker"))
    return HIDDEN if hidden else REMOVED


def body_of(
    entry: Entry, event: str, subscription: Subscription, *, region: str, owner: str, etag: str, versioned: bool
) -> bytes:
    """The document that is sent, in the form of S3's event message (version 2.1)."""
    op, details = entry.operation, entry.details
    about: dict[str, Any] = {"key": quote_plus(str(details["key"]), safe="/"), "sequencer": f"{op.at:016X}"}
    if "size" in details:
        about |= {"size": details["size"], "eTag": etag}
    if versioned and details.get("version"):
        about["versionId"] = details["version"]
    bucket = entry.resource.id
    record: Mapping[str, Any] = {
        "eventVersion": "2.1",
        "eventSource": "nexus:s3",
        "awsRegion": region,
        "eventTime": rfc3339(op.at),
        "eventName": event.removeprefix("s3:"),
        "userIdentity": {"principalId": op.actor.id},
        "requestParameters": {"sourceIPAddress": op.origin},
        "responseElements": {"x-amz-request-id": op.id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": subscription.id,
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": owner}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": about,
        },
    }
    return msgspec.json.encode({"Records": [record]})
