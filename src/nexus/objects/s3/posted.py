"""Admits a form: its fields become the headers of a request, its signature says who signed its policy."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from nexus.kernel.clock import Instant
from nexus.objects.s3 import errors, post_policy, tag_documents
from nexus.objects.s3.address import MAX_KEY_BYTES, Address
from nexus.objects.s3.authenticate import Authenticator, Caller
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.form import Form, boundary_of
from nexus.objects.s3.http import Request
from nexus.objects.s3.metadata import CONTENT_HEADERS
from nexus.objects.s3.post_policy import Range
from nexus.objects.s3.stream import BodyStream
from nexus.objects.s3.xml import parse

_KEPT = ("host", "origin", "user-agent", "referer")
_NOT_HEADERS = frozenset(
    {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-security-token"}
)


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that was admitted. `chunks` is its file; `allowed` what its policy says about the size of that."""

    fields: Mapping[str, str]
    allowed: Range | None
    form: Form

    def chunks(self) -> AsyncIterator[bytes]:
        return self.form.chunks()


async def admit(
    request: Request, address: Address, stream: BodyStream, authenticator: Authenticator, now: Instant
) -> tuple[Caller, Posted, Request, Address]:
    """Read the fields of a form, verify its policy, and make a request of it. Raises Refusal."""
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        raise Refusal(errors.PRECONDITION_FAILED, "Bucket POST must be of the enclosure-type multipart/form-data")
    form = Form(stream, boundary)
    await form.read()
    fields, key = form.fields, form.fields.get("key", "").replace("${filename}", form.filename)
    if not key:
        raise Refusal(errors.INVALID_ARGUMENT, "Bucket POST must contain a field named 'key'.", ArgumentName="key")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise Refusal(errors.KEY_TOO_LONG)
    caller = authenticator.authenticate_form(fields)
    allowed = None
    if "policy" in fields:
        allowed = post_policy.check(fields["policy"], {**fields, "key": key}, address.bucket or "", now)
    made = msgspec.structs.replace(request, headers=_headers(request.headers, fields, form.file_type))
    return caller, Posted(fields, allowed, form), made, Address(address.bucket, key)


def _headers(headers: Mapping[str, str], fields: Mapping[str, str], file_type: str) -> dict[str, str]:
    """The headers that a PUT of the same meaning would have. What the browser takes its file for counts least."""
    made = {name: headers[name] for name in _KEPT if name in headers}
    if file_type:
        made["content-type"] = file_type
    for name, value in fields.items():
        if name in CONTENT_HEADERS or (name.startswith(("x-amz-", "x-nexus-")) and name not in _NOT_HEADERS):
            made[name] = value
    if "acl" in fields:
        made["x-amz-acl"] = fields["acl"]
    if "tagging" in fields:
        made["x-amz-tagging"] = urlencode(tag_documents.read(parse(fields["tagging"].encode(), "Tagging")))
    return made
