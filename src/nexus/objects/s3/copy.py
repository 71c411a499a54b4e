"""CopyObject."""

from collections.abc import Callable, Mapping

from nexus.objects.model import BodyFacts, Metadata
from nexus.objects.s3 import acl, checksums, conditions, copy_source, encryption, errors, metadata, object_lock, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.checksums import CRC64NVME
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_new_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import render
from nexus.objects.writing import Verify

_DIRECTIVES = ("COPY", "REPLACE")


async def copy_object(call: Call) -> Response:
    """CopyObject: opened and sealed again under a key of its own; answered once durable."""
    replaced, tags = _replacements(call)
    source = await copy_source.find(call)
    lock = object_lock.of_write(call)
    choice = await encryption.choose(call, acl.of_write(call, Metadata()))
    observe, verify = checksum_of_copy(call)
    copied = await call.door.objects.writing.copy(
        call.op,
        source,
        choice.bucket,
        call.key,
        source_conditions=conditions.of_read(call, "x-amz-copy-source-"),
        conditions=conditions.of_write(call),
        metadata=replaced,
        tags=tags,
        like=choice.like,
        lock=lock,
        source_client_key=encryption.client_key(call.request.headers, encryption.SOURCE_CLIENT),
        client_key=choice.client_key,
        observe=observe,
        verify=verify,
    )
    written = copied.written
    body = [("LastModified", xml_time(written.last_modified)), ("ETag", f'"{written.etag}"')]
    response = xml(render("CopyObjectResult", [*body, *stored.elements(written.checksums)]))
    add_new_version(response, call.bucket, written.version_id)
    response.add("x-amz-copy-source-version-id", copied.source_version_id)
    encryption.announce(response, choice, call.request.headers)
    return response


def checksum_of_copy(call: Call) -> tuple[Callable[[bytes], None], Verify]:
    """Computes the checksum that the client asked for, or CRC64NVME, while the store copies."""
    name = call.header("x-amz-checksum-algorithm")
    algorithm = checksums.named(name) if name else CRC64NVME
    digest = algorithm.start()

    def verify(facts: BodyFacts) -> Mapping[str, str]:
        return stored.keep(algorithm, digest.digest())

    return digest.update, verify


def _replacements(call: Call) -> tuple[Metadata | None, Mapping[str, str] | None]:
    """The metadata and the tags that replace those of the source; None keeps them."""
    given = metadata.of_request(call.request.headers)
    replace_metadata = _directive(call, "x-amz-metadata-directive") == "REPLACE"
    replace_tags = _directive(call, "x-amz-tagging-directive") == "REPLACE"
    return given if replace_metadata else None, given.tags if replace_tags else None


def _directive(call: Call, name: str) -> str:
    value = call.header(name) or "COPY"
    if value not in _DIRECTIVES:
        raise Refusal(errors.INVALID_ARGUMENT, f"{name} must be COPY or REPLACE", ArgumentName=name)
    return value
