"""A line of S3's server access log: 26 fields, a dash for what is not known. The words are those of AWS's reference."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.operation import Actor, ActorKind
from nexus.objects.model import Bucket
from nexus.objects.s3.endpoint import Verb
from nexus.objects.s3.http import Request, Response

NOTHING: Final = "-"
MAX_TEXT: Final = 1_024
"""Characters of what a client wrote, in a line."""
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_RESOURCES: Final[Mapping[Verb, str]] = {
    Verb.COPY_OBJECT: "REST.COPY.OBJECT",
    Verb.UPLOAD_PART: "REST.PUT.PART",
    Verb.UPLOAD_PART_COPY: "REST.COPY.PART",
    Verb.CREATE_MULTIPART_UPLOAD: "REST.POST.UPLOADS",
    Verb.COMPLETE_MULTIPART_UPLOAD: "REST.POST.UPLOAD",
    Verb.ABORT_MULTIPART_UPLOAD: "REST.DELETE.UPLOAD",
    Verb.LIST_PARTS: "REST.GET.UPLOAD",
    Verb.LIST_MULTIPART_UPLOADS: "REST.GET.UPLOADS",
    Verb.LIST_OBJECT_VERSIONS: "REST.GET.BUCKETVERSIONS",
    Verb.DELETE_OBJECTS: "REST.POST.MULTI_OBJECT_DELETE",
    Verb.GET_BUCKET_POLICY: "REST.GET.BUCKETPOLICY",
    Verb.PUT_BUCKET_POLICY: "REST.PUT.BUCKETPOLICY",
    Verb.DELETE_BUCKET_POLICY: "REST.DELETE.BUCKETPOLICY",
    Verb.GET_OBJECT_TAGGING: "REST.GET.OBJECT_TAGGING",
    Verb.PUT_OBJECT_TAGGING: "REST.PUT.OBJECT_TAGGING",
    Verb.DELETE_OBJECT_TAGGING: "REST.DELETE.OBJECT_TAGGING",
    Verb.GET_BUCKET_LOGGING: "REST.GET.LOGGING_STATUS",
    Verb.PUT_BUCKET_LOGGING: "REST.PUT.LOGGING_STATUS",
}
"""Names of operations that do not follow from the method and the sub-resource."""


def line(
    request: Request,
    response: Response,
    *,
    bucket: Bucket,
    verb: Verb,
    key: str,
    actor: Actor,
    request_id: str,
    origin: str,
    at: Instant,
    now: Instant,
    code: str,
    listed: bool = False,
) -> str:
    """The line of a request. `code`: of the error; empty without one. `at`: when it arrived, `now`: when it was answered.

    `listed`: an access control list let it in.
    """
    headers = request.headers
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    sent = (
        response.length
        if response.length is not None
        else len(response.body)
        if isinstance(response.body, bytes)
        else 0
    )
    anonymous = actor.kind is ActorKind.ANONYMOUS
    milliseconds = max(0, now - at) // 1_000
    target = request.path.decode("latin-1")
    if request.parameters:
        target += "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in _told(request))
    return " ".join(
        (
            bucket.owner,
            bucket.name,
            f"[{datetime.fromtimestamp(at // SECOND, UTC).strftime('%d/%b/%Y:%H:%M:%S +0000')}]",
            origin or NOTHING,
            NOTHING if anonymous else actor.id,
            request_id,
            _operation(request, verb),
            quote(key, safe="") or NOTHING,
            _quoted(f"{request.method} {target} HTTP/1.1"),
            str(response.status),
            code or NOTHING,
            str(sent) if sent else NOTHING,
            found.get("content-length") or (str(sent) if verb is Verb.GET_OBJECT and not code else NOTHING),
            str(milliseconds),
            str(milliseconds),
            _quoted(headers.get("referer", NOTHING)),
            _quoted(headers.get("user-agent", NOTHING)),
            request.query.get("versionId") or NOTHING,
            NOTHING,  # host id
            NOTHING if anonymous else "SigV4",
            NOTHING,  # cipher suite: the server does not tell
            NOTHING if anonymous else "QueryString" if "X-Amz-Signature" in request.query else "AuthHeader",
            _word(headers.get("host", NOTHING)),
            "TLSv1.3" if request.secure else NOTHING,
            NOTHING,  # access point
            "Yes" if listed else NOTHING,
        )
    )


def _told(request: Request) -> list[tuple[bytes, bytes]]:
    """The query, without what would let a reader of the log repeat the request."""
    hidden = (b"X-Amz-Signature", b"X-Amz-Security-Token")
    return [(name, b"..." if name in hidden else value) for name, value in request.parameters]


def _operation(request: Request, verb: Verb) -> str:
    named = _RESOURCES.get(verb)
    if named is not None:
        return named
    if verb.title.endswith(("Object", "Objects", "ObjectsV2")):
        resource = "BUCKET" if verb.title.startswith("List") else "OBJECT"
        return f"REST.{request.method}.{resource}"
    subresource = next((name for name, value in request.query.items() if not value), "bucket")
    return f"REST.{request.method}.{subresource.upper().replace('-', '_')}"


def _quoted(text: str) -> str:
    """A text of the client's, between quotation marks: nothing in it ends them, or the line."""
    return '"' + _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}", text[:MAX_TEXT]) + '"'


def _word(text: str) -> str:
    return re.sub(r"[^!-~]", "?", text[:MAX_TEXT]) or NOTHING
