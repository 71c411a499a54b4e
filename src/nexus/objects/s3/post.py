"""POST Object: an upload by the form of a browser."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from nexus.objects.model import BodyFacts
from nexus.objects.s3 import acl, encryption, errors, metadata, object_lock
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.get import add_new_version
from nexus.objects.s3.http import Response, xml
from nexus.objects.s3.payload import MAX_PAYLOAD
from nexus.objects.s3.post_policy import Range
from nexus.objects.s3.put import verifier
from nexus.objects.s3.xml import render

STATUSES = {"200": 200, "201": 201, "204": 204}


async def post_object(call: Call) -> Response:
    """POST Object: the policy was checked when the form was admitted; its file is sealed like any other body."""
    form = call.form
    if form is None:
        raise Refusal(errors.MALFORMED_POST)
    payload = call.payload()
    lock = object_lock.of_write(call)
    choice = await encryption.choose(call, acl.of_write(call, metadata.of_request(call.request.headers)))
    verify, allowed = verifier(payload), form.allowed or Range(0, MAX_PAYLOAD)

    def within(facts: BodyFacts) -> Mapping[str, str]:
        allowed.check(facts.size)
        return verify(facts)

    written = await call.door.objects.writing.put(
        call.op,
        choice.bucket,
        call.key,
        payload.chunks(),
        metadata=choice.like,
        want_md5=call.door.dialect.digests or payload.how.md5 is not None,
        verify=within,
        lock=lock,
        client_key=choice.client_key,
    )
    response = _answer(call, form.fields, written.etag)
    response.add("etag", f'"{written.etag}"')
    add_new_version(response, call.bucket, written.version_id)
    encryption.announce(response, choice, call.request.headers)
    return response


def _answer(call: Call, fields: Mapping[str, str], etag: str) -> Response:
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect and urlsplit(redirect).scheme in ("http", "https"):
        mark = "&" if urlsplit(redirect).query else "?"
        query = (
            f"bucket={quote(call.bucket_name)}&key={quote(call.key, safe='')}&etag={quote(f'{chr(34)}{etag}{chr(34)}')}"
        )
        response = Response(303)
        response.add("location", f"{redirect}{mark}{query}")
        return response
    location = f"/{quote(call.bucket_name)}/{quote(call.key)}"
    if fields.get("success_action_status") == "201":
        nodes = [("Location", location), ("Bucket", call.bucket_name), ("Key", call.key), ("ETag", f'"{etag}"')]
        response = xml(render("PostResponse", nodes, namespace=""), 201)
    else:
        response = Response(STATUSES.get(fields.get("success_action_status", ""), 204))
    response.add("location", location)
    return response
