"""PutObject."""

import hmac
from collections.abc import Mapping

from nexus.objects.model import BodyFacts
from nexus.objects.s3 import acl, conditions, encryption, errors, lifecycle, metadata, object_lock, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_new_version
from nexus.objects.s3.http import Response
from nexus.objects.s3.payload import Payload
from nexus.objects.writing import Verify


async def put_object(call: Call) -> Response:
    """PutObject: sealed, verified, durable, then answered."""
    payload = call.payload()
    require_length(payload)
    lock = object_lock.of_write(call)
    choice = await encryption.choose(call, acl.of_write(call, metadata.of_request(call.request.headers)))
    written = await call.door.objects.writing.put(
        call.op,
        choice.bucket,
        call.key,
        payload.chunks(),
        length=payload.how.length,
        metadata=choice.like,
        conditions=conditions.of_write(call),
        want_md5=call.door.dialect.digests or payload.how.md5 is not None,
        verify=verifier(payload),
        lock=lock,
        client_key=choice.client_key,
    )
    response = Response()
    response.add("etag", f'"{written.etag}"')
    add_new_version(response, call.bucket, written.version_id)
    encryption.announce(response, choice, call.request.headers)
    stored.add_headers(response, written.checksums)
    lifecycle.add_expiration(call, response, written.size, written.metadata.tags, written.last_modified)
    return response


def require_length(payload: Payload) -> None:
    """A body must say how long it is before it is read."""
    if payload.how.length is None:
        raise Refusal(errors.MISSING_CONTENT_LENGTH)


def verifier(payload: Payload) -> Verify:
    """What the store calls before it commits: the MD5 is compared, the checksum is kept."""

    def verify(facts: BodyFacts) -> Mapping[str, str]:
        if payload.how.md5 is not None and not hmac.compare_digest(payload.how.md5, facts.md5 or b""):
            raise Refusal(errors.BAD_DIGEST, "The Content-MD5 you specified did not match what we received.")
        return stored.keep(payload.algorithm, payload.checksum)

    return verify
