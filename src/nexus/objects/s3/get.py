"""GetObject and HeadObject."""

from nexus.objects import naming
from nexus.objects.declaration import is_secondary
from nexus.objects.model import Bucket, Metadata, ObjectInfo, Versioning
from nexus.objects.s3 import conditions, encryption, errors, lifecycle, metadata, object_lock, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response
from nexus.objects.s3.times import http_date


async def get_object(call: Call) -> Response:
    """GetObject: a version, a range of it or one of its parts. The entry is durable before this returns."""
    _refuse_encryption(call)
    wanted, part_number = conditions.byte_range(call), _part_number(call)
    overrides = metadata.overrides(call.request.query)
    read = await call.door.objects.reading.get(
        call.op,
        call.bucket,
        call.key,
        version_id=call.version_id,
        wanted=wanted,
        part_number=part_number,
        conditions=conditions.of_read(call),
        client_key=encryption.client_key(call.request.headers),
    )
    partial = wanted is not None or part_number is not None
    response = _describe(call, read.info, read.first, read.length, partial=partial, overrides=overrides)
    response.body = read.body.whole() or read.body.pieces()
    return response


async def head_object(call: Call) -> Response:
    """HeadObject: the headers of GetObject."""
    _refuse_encryption(call)
    wanted, part_number = conditions.byte_range(call), _part_number(call)
    overrides = metadata.overrides(call.request.query)
    info, first, length = await call.door.objects.reading.head(
        call.op,
        call.bucket,
        call.key,
        version_id=call.version_id,
        wanted=wanted,
        part_number=part_number,
        conditions=conditions.of_read(call),
        client_key=encryption.client_key(call.request.headers),
    )
    partial = wanted is not None or part_number is not None
    return _describe(call, info, first, length, partial=partial, overrides=overrides)


def _describe(
    call: Call, info: ObjectInfo, first: int, length: int, *, partial: bool, overrides: dict[str, str]
) -> Response:
    version = info.version
    response = Response(206 if partial else 200, length=length)
    response.add("etag", f'"{version.etag}"')
    response.add("last-modified", http_date(version.last_modified))
    response.add("accept-ranges", "bytes")
    if partial:
        response.add("content-range", f"bytes {first}-{first + length - 1}/{version.size}")
    if info.part_count and "partNumber" in call.request.query:
        response.add("x-amz-mp-parts-count", info.part_count)
    add_version(response, call.bucket, version.version_id)
    encryption.announce_of(response, call.bucket, info.metadata, info.key_id, call.request.headers)
    object_lock.add_headers(response, info.lock)
    if version.is_latest:
        lifecycle.add_expiration(call, response, version.size, info.metadata.tags, version.last_modified)
    metadata.add(response, info.metadata, overrides)
    add_subject(call, response, info.metadata)
    if call.header("x-amz-checksum-mode") == "ENABLED":
        _add_checksums(response, info, partial=partial)
    return response


def _add_checksums(response: Response, info: ObjectInfo, *, partial: bool) -> None:
    """Those of what is sent: of the object, of the part that was asked for, of a range none."""
    if not partial:
        stored.add_headers(response, info.checksums)
    elif info.part_checksums is not None:
        shown = {name for name in info.checksums if name != stored.TYPE}
        part = {name: text for name, text in info.part_checksums.items() if name in shown}
        stored.add_headers(response, {**part, stored.TYPE: stored.kind(info.checksums)})


def add_subject(call: Call, response: Response, found: Metadata) -> None:
    """Name the subject, but not for secondary use: there, nobody is to join the data of one patient by his name."""
    if found.subject and not is_secondary(call.op.purpose):
        response.add(f"{metadata.PREFIX}{naming.USER}", found.subject)


def add_version(response: Response, bucket: Bucket, version_id: str | None) -> None:
    """Name the version, unless the bucket was never versioned."""
    if version_id is not None and bucket.versioning is not Versioning.OFF:
        response.add("x-amz-version-id", version_id)


def add_new_version(response: Response, bucket: Bucket, version_id: str | None) -> None:
    """Name the version that a write made. While versioning is suspended it has no name of its own to tell."""
    if bucket.versioning is Versioning.ENABLED:
        response.add("x-amz-version-id", version_id)


def _refuse_encryption(call: Call) -> None:
    """How an object is encrypted was settled when it was written: a read that says it is a mistake."""
    if encryption.HEADER in call.request.headers:
        raise Refusal(
            errors.INVALID_ARGUMENT, f"{encryption.HEADER} has no meaning here", ArgumentName=encryption.HEADER
        )


def _part_number(call: Call) -> int | None:
    text = call.query("partNumber")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 10_000:
        raise Refusal(errors.INVALID_ARGUMENT, "partNumber must be between 1 and 10,000", ArgumentName="partNumber")
    return int(text)
