"""ListObjectVersions."""

from nexus.objects.model import ObjectVersion
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.paging import Names, limit
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import Node, owner, render


async def list_object_versions(call: Call) -> Response:
    """ListObjectVersions: versions and delete markers, by key and then newest first."""
    names, size = Names(call), limit(call, "max-keys")
    key_marker, version_marker = call.query("key-marker") or "", call.query("version-id-marker")
    if version_marker is not None and not key_marker:
        raise Refusal(errors.INVALID_ARGUMENT, "A version-id marker cannot be specified without a key marker.")
    page = await call.door.objects.listing.versions(
        call.op,
        call.bucket,
        prefix=call.query("prefix") or "",
        delimiter=call.query("delimiter") or "",
        key_marker=key_marker,
        version_id_marker=version_marker or None,
        limit=size,
    )
    nodes: list[Node] = [
        ("Name", call.bucket_name),
        ("Prefix", names(call.query("prefix") or "")),
        ("KeyMarker", names(key_marker)),
        ("VersionIdMarker", version_marker or ""),
        ("NextKeyMarker", names(page.next_key)),
        ("NextVersionIdMarker", page.next_version_id),
        ("Delimiter", names(call.query("delimiter") or None)),
        ("MaxKeys", size),
        ("EncodingType", names.encoding),
        ("IsTruncated", page.next_key is not None),
    ]
    nodes += [_element(call, names, version) for version in page.versions]
    nodes += names.prefixes(page.prefixes)
    return xml(render("ListVersionsResult", nodes))


def _element(call: Call, names: Names, version: ObjectVersion) -> Node:
    nodes: list[Node] = [
        ("Key", names(version.key)),
        ("VersionId", version.version_id),
        ("IsLatest", version.is_latest),
        ("LastModified", xml_time(version.last_modified)),
    ]
    if not version.is_delete_marker:
        nodes += [("ETag", f'"{version.etag}"'), ("Size", version.size), ("StorageClass", "STANDARD")]
    nodes.append(("Owner", owner(call.bucket.owner)))
    return ("DeleteMarker" if version.is_delete_marker else "Version", nodes)
