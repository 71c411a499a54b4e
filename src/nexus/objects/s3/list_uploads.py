"""ListMultipartUploads and ListParts."""

from nexus.objects.model import Part, Upload
from nexus.objects.s3 import errors, upload_note
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.paging import Names, limit
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.upload_note import UploadChecksum
from nexus.objects.s3.xml import Node, owner, render


async def list_multipart_uploads(call: Call) -> Response:
    """ListMultipartUploads: by key and then by age."""
    names, size = Names(call), limit(call, "max-uploads")
    key_marker, id_marker = call.query("key-marker") or "", call.query("upload-id-marker") or ""
    page = await call.door.objects.uploads.list(
        call.op,
        call.bucket,
        prefix=call.query("prefix") or "",
        delimiter=call.query("delimiter") or "",
        key_marker=key_marker,
        upload_id_marker=id_marker if key_marker else "",
        limit=size,
    )
    nodes: list[Node] = [
        ("Bucket", call.bucket_name),
        ("KeyMarker", names(key_marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", names(page.next_key)),
        ("NextUploadIdMarker", page.next_upload_id),
        ("Prefix", names(call.query("prefix") or "")),
        ("Delimiter", names(call.query("delimiter") or None)),
        ("MaxUploads", size),
        ("EncodingType", names.encoding),
        ("IsTruncated", page.next_key is not None),
    ]
    nodes += [("Upload", _upload(names, upload)) for upload in page.uploads]
    nodes += names.prefixes(page.prefixes)
    return xml(render("ListMultipartUploadsResult", nodes))


async def list_parts(call: Call) -> Response:
    """ListParts: by number."""
    names, size = Names(call), limit(call, "max-parts")
    after = _part_marker(call)
    page = await call.door.objects.uploads.parts(
        call.op, call.bucket, call.key, call.request.query["uploadId"], after=after, limit=size
    )
    checksum = upload_note.of_upload(page.upload)
    nodes: list[Node] = [
        ("Bucket", call.bucket_name),
        ("Key", names(call.key)),
        ("UploadId", page.upload.id),
        ("PartNumberMarker", after),
        ("NextPartNumberMarker", page.next_number),
        ("MaxParts", size),
        ("EncodingType", names.encoding),
        ("IsTruncated", page.next_number is not None),
        ("Initiator", owner(page.upload.initiator)),
        ("Owner", owner(upload_note.owner_of(page.upload))),
        ("StorageClass", "STANDARD"),
        *_checksum(checksum),
    ]
    nodes += [("Part", _part(part, checksum)) for part in page.parts]
    return xml(render("ListPartsResult", nodes))


def _upload(names: Names, upload: Upload) -> list[Node]:
    return [
        ("Key", names(upload.key)),
        ("UploadId", upload.id),
        ("Initiator", owner(upload.initiator)),
        ("Owner", owner(upload_note.owner_of(upload))),
        ("StorageClass", "STANDARD"),
        ("Initiated", xml_time(upload.initiated_at)),
        *_checksum(upload_note.of_upload(upload)),
    ]


def _part(part: Part, checksum: UploadChecksum) -> list[Node]:
    nodes: list[Node] = [
        ("PartNumber", part.number),
        ("LastModified", xml_time(part.last_modified)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
    ]
    if checksum.chosen:
        nodes.append((checksum.algorithm.element, part.checksums.get(checksum.name)))
    return nodes


def _checksum(checksum: UploadChecksum) -> list[Node]:
    if not checksum.chosen:
        return []
    return [("ChecksumAlgorithm", checksum.algorithm.name), ("ChecksumType", checksum.type)]


def _part_marker(call: Call) -> int:
    text = call.query("part-number-marker") or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise Refusal(errors.INVALID_ARGUMENT, "part-number-marker is not a number", ArgumentName="part-number-marker")
    return int(text)
