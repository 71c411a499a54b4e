"""UploadPart and UploadPartCopy."""

from collections.abc import Callable, Mapping

from nexus.objects.model import MAX_PARTS, BodyFacts, Upload
from nexus.objects.s3 import conditions, copy_source, encryption, errors, stored, upload_note
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.payload import Payload
from nexus.objects.s3.put import require_length, verifier
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.upload_note import UploadChecksum
from nexus.objects.s3.xml import render
from nexus.objects.writing import Verify


async def upload_part(call: Call) -> Response:
    """UploadPart: a part of the same number is replaced."""
    number, upload_id = _part_number(call), call.request.query["uploadId"]
    upload = await call.door.objects.uploads.find(call.op, call.bucket, call.key, upload_id)
    checksum = upload_note.of_upload(upload)
    payload = call.payload(also=checksum.algorithm)
    require_length(payload)
    _require_same_algorithm(payload, checksum)
    part = await call.door.objects.uploads.put_part(
        call.op,
        call.bucket,
        call.key,
        payload.chunks(),
        upload_id=upload_id,
        number=number,
        length=payload.how.length,
        want_md5=call.door.dialect.digests or payload.how.md5 is not None,
        verify=_with_second(payload, checksum),
        client_key=encryption.client_key(call.request.headers),
    )
    response = Response()
    response.add("etag", f'"{part.etag}"')
    response.add(payload.algorithm.header, part.checksums[payload.algorithm.name.lower()])
    _announce(call, response, upload)
    return response


async def upload_part_copy(call: Call) -> Response:
    """UploadPartCopy: a part from a range of another object."""
    number, upload_id = _part_number(call), call.request.query["uploadId"]
    wanted = conditions.copy_range(call)
    source = await copy_source.find(call)
    upload = await call.door.objects.uploads.find(call.op, call.bucket, call.key, upload_id)
    checksum = upload_note.of_upload(upload)
    observe, verify = _observer(checksum)
    part, source_version_id = await call.door.objects.uploads.copy_part(
        call.op,
        source,
        call.bucket,
        call.key,
        upload_id=upload_id,
        number=number,
        wanted=wanted,
        source_conditions=conditions.of_read(call, "x-amz-copy-source-"),
        observe=observe,
        verify=verify,
        source_client_key=encryption.client_key(call.request.headers, encryption.SOURCE_CLIENT),
        client_key=encryption.client_key(call.request.headers),
    )
    body = [("LastModified", xml_time(part.last_modified)), ("ETag", f'"{part.etag}"')]
    response = xml(render("CopyPartResult", [*body, *stored.elements(part.checksums, with_type=False)]))
    response.add("x-amz-copy-source-version-id", source_version_id)
    _announce(call, response, upload)
    return response


def _announce(call: Call, response: Response, upload: Upload) -> None:
    kind = upload_note.encryption_of(upload)
    encryption.announce_of(response, call.bucket, kind, upload.key_id, call.request.headers)


def _part_number(call: Call) -> int:
    text = call.query("partNumber") or ""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= MAX_PARTS:
        raise Refusal(
            errors.INVALID_ARGUMENT,
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
        )
    return int(text)


def _require_same_algorithm(payload: Payload, checksum: UploadChecksum) -> None:
    announced = payload.how.expected
    if checksum.chosen and announced is not None and announced.algorithm is not checksum.algorithm:
        raise Refusal(
            errors.INVALID_REQUEST,
            f"Checksum Type mismatch occurred, expected checksum Type: {checksum.name},"
            f" actual checksum Type: {announced.algorithm.name.lower()}",
        )


def _with_second(payload: Payload, checksum: UploadChecksum) -> Verify:
    """Keeps the checksum that the client sent, and the one that the whole object will need."""
    first = verifier(payload)

    def verify(facts: BodyFacts) -> Mapping[str, str]:
        return {**first(facts), **stored.keep(checksum.algorithm, payload.second)}

    return verify


def _observer(checksum: UploadChecksum) -> tuple[Callable[[bytes], None], Verify]:
    digest = checksum.algorithm.start()

    def verify(facts: BodyFacts) -> Mapping[str, str]:
        return stored.keep(checksum.algorithm, digest.digest())

    return digest.update, verify
