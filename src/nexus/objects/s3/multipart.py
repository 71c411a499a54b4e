"""CreateMultipartUpload, CompleteMultipartUpload and AbortMultipartUpload."""

from collections.abc import Mapping, Sequence

from nexus.objects.completing import Combine
from nexus.objects.model import MAX_OBJECT_BYTES, MAX_PARTS, Part, PartReference, Upload
from nexus.objects.s3 import acl, conditions, encryption, errors, metadata, object_lock, stored, upload_note
from nexus.objects.s3.call import Call
from nexus.objects.s3.checksums import ALGORITHMS
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_new_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.payload import declared_length
from nexus.objects.s3.xml import Document, Node, render


async def create_multipart_upload(call: Call) -> Response:
    """CreateMultipartUpload."""
    checksum = upload_note.of_request(call)
    lock = object_lock.of_write(call)
    choice = await encryption.choose(call, acl.of_write(call, metadata.of_request(call.request.headers)))
    upload = await call.door.objects.uploads.create(
        call.op,
        choice.bucket,
        call.key,
        metadata=choice.like,
        note=upload_note.write(
            checksum, choice.like, client_key=choice.client_key is not None, owner=_owner(call, choice)
        ),
        lock=lock,
        client_key=choice.client_key,
    )
    response = xml(
        render(
            "InitiateMultipartUploadResult",
            [("Bucket", call.bucket_name), ("Key", call.key), ("UploadId", upload.id)],
        )
    )
    encryption.announce(response, choice, call.request.headers)
    if checksum.chosen:
        response.add("x-amz-checksum-algorithm", checksum.algorithm.name)
        response.add("x-amz-checksum-type", checksum.type)
    return response


def _owner(call: Call, choice: encryption.Choice) -> str:
    """Who will own the object, where it is not who begins the upload."""
    owner = choice.like.owner or call.bucket.owner
    return "" if owner == call.op.actor.id else owner


async def complete_multipart_upload(call: Call) -> Response:
    """CompleteMultipartUpload: asked again, it answers the same again."""
    # A checksum header here is that of the object to come, not of this request's document.
    document = await call.document("CompleteMultipartUpload", call.payload(own_checksum=False))
    written = await call.door.objects.uploads.complete(
        call.op,
        call.bucket,
        call.key,
        call.request.query["uploadId"],
        _parts(document, repeated=call.door.dialect.repeated_parts),
        conditions=conditions.of_write(call),
        combine=_combiner(call),
        client_key=encryption.client_key(call.request.headers),
    )
    nodes: list[Node] = [
        ("Location", f"/{call.bucket_name}/{call.key}"),
        ("Bucket", call.bucket_name),
        ("Key", call.key),
        ("ETag", f'"{written.etag}"'),
    ]
    response = xml(render("CompleteMultipartUploadResult", nodes + stored.elements(written.checksums)))
    add_new_version(response, call.bucket, written.version_id)
    encryption.announce_of(response, call.bucket, written.metadata, written.key_id, call.request.headers)
    return response


def _parts(document: Document, *, repeated: bool) -> list[PartReference]:
    """The parts in the order of the list. `repeated`: one that is named again at once counts as it is named last."""
    elements = document.all("Part")
    if not 1 <= len(elements) <= MAX_PARTS:
        raise Refusal(errors.MALFORMED_XML, f"CompleteMultipartUpload needs 1 to {MAX_PARTS} parts")
    parts = [_part(element) for element in elements]
    if not repeated:
        return parts
    following = [*(part.number for part in parts[1:]), None]
    return [part for part, after in zip(parts, following, strict=True) if part.number != after]


def _part(element: Document) -> PartReference:
    number = element.require("PartNumber").strip()
    if not number.isascii() or not number.isdigit() or len(number) > 5:
        raise Refusal(errors.MALFORMED_XML, "PartNumber is not a number")
    given = {name: element.find(algorithm.element) for name, algorithm in ALGORITHMS.items()}
    return PartReference(
        number=int(number),
        etag=element.require("ETag").strip().strip('"'),
        checksums={name.lower(): text.strip() for name, text in given.items() if text is not None},
    )


def _combiner(call: Call) -> Combine:
    """What the store calls before it commits: size and checksum are those that the client expects."""
    headers = call.request.headers
    size = declared_length(headers, "x-amz-mp-object-size", most=MAX_OBJECT_BYTES)
    kind = headers.get("x-amz-checksum-type")

    def combine(upload: Upload, parts: Sequence[Part]) -> Mapping[str, str]:
        checksum = upload_note.of_upload(upload)
        if kind not in (None, checksum.type):
            raise Refusal(errors.INVALID_REQUEST, f"the upload was begun with checksum type {checksum.type}")
        if size not in (None, sum(part.size for part in parts)):
            raise Refusal(errors.INVALID_REQUEST, "x-amz-mp-object-size is not the size of the parts together")
        combined = checksum.combine(upload, parts)
        if headers.get(checksum.algorithm.header, combined[checksum.name]) != combined[checksum.name]:
            raise Refusal(
                errors.BAD_DIGEST, f"The {checksum.algorithm.name} you specified did not match the calculated checksum."
            )
        return combined

    return combine


async def abort_multipart_upload(call: Call) -> Response:
    """AbortMultipartUpload."""
    await call.door.objects.uploads.abort(call.op, call.bucket, call.key, call.request.query["uploadId"])
    return Response(204)
