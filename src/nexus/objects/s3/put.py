"""PutObject."""

import hmac
from collections.abc import Mapping

from nexus.objects.model import BodyFacts
from nexus.objects.s3 import conditions, encryption, errors, metadata, stored
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_new_version
from nexus.objects.s3.http import Response
from nexus.objects.s3.payload import Payload
from nexus.objects.writing import Verify


async def put_object(call: Call) -> Response:
    """PutObject: sealed, verified, durable, then answered."""
    encryption.check(call.request.headers, call.bucket)
    payload = call.payload()
    require_length(payload)
    written = await call.door.objects.writing.put(
        call.op,
        call.bucket,
        call.key,
        payload.chunks(),
        length=payload.how.length,
        metadata=metadata.of_request(call.request.headers),
        conditions=conditions.of_write(call),
        want_md5=payload.how.md5 is not None,
        verify=verifier(payload),
    )
    response = Response()
    response.add("etag", f'"{written.etag}"')
    add_new_version(response, call.bucket, written.version_id)
    encryption.announce(response, call.bucket)
    stored.add_headers(response, written.checksums)
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
