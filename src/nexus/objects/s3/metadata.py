"""An object's metadata and tags: from request headers to the store, and back into response headers."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import parse_qsl

from nexus.objects.model import Metadata
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Response, fits_header

MAX_USER_METADATA = 2 * 1024
"""Bytes of all user metadata names and values together, as in S3."""
MAX_TAG_FIELDS = 64
"""Tags that are looked at before they are counted against the limit of an object."""
PREFIX = "x-amz-meta-"
CONTENT_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
DEFAULT_TYPE = "binary/octet-stream"


def of_request(headers: Mapping[str, str]) -> Metadata:
    """The metadata that a write brings. Raises Refusal beyond MAX_USER_METADATA or for malformed tags."""
    content = {name: headers[name] for name in CONTENT_HEADERS if name in headers}
    if "content-encoding" in content:
        content["content-encoding"] = _without_framing(content["content-encoding"])
        if not content["content-encoding"]:
            del content["content-encoding"]
    return Metadata(headers=content, user=_user(headers), tags=tags_of_header(headers) or {})


def add(response: Response, metadata: Metadata, overrides: Mapping[str, str]) -> None:
    """Give metadata back. `overrides` are response-* parameters, by content header."""
    content = {"content-type": DEFAULT_TYPE, **metadata.headers, **overrides}
    for name, value in content.items():
        response.add(name, value)
    for name, value in metadata.user.items():
        response.add(PREFIX + name, presentable(value))
    if metadata.tags:
        response.add("x-amz-tagging-count", len(metadata.tags))


def overrides(query: Mapping[str, str]) -> dict[str, str]:
    """The content headers that a GET asks to answer with. Raises Refusal for a value that cannot be a header."""
    if not query:
        return {}
    chosen = {name: query[f"response-{name}"] for name in CONTENT_HEADERS if f"response-{name}" in query}
    for name, value in chosen.items():
        if not fits_header(value):
            raise Refusal(errors.INVALID_ARGUMENT, f"the value of {name} cannot be a header")
    return chosen


def presentable(value: str) -> str:
    """A value as a header: as it is where possible, else an encoded word (RFC 2047), as S3 does."""
    return value if fits_header(value) else f"=?UTF-8?B?{b64encode(value.encode()).decode()}?="


def tags_of_header(headers: Mapping[str, str]) -> dict[str, str] | None:
    """The tags of x-amz-tagging (a URL query); None without the header."""
    text = headers.get("x-amz-tagging")
    if text is None:
        return None
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_TAG_FIELDS, errors="strict")
    except ValueError as error:
        raise Refusal(
            errors.INVALID_ARGUMENT, "The header x-amz-tagging shall be encoded as URL query parameters"
        ) from error
    if len(dict(pairs)) != len(pairs):
        raise Refusal(errors.INVALID_TAG, "Cannot provide multiple Tags with the same key")
    return dict(pairs)


def _user(headers: Mapping[str, str]) -> dict[str, str]:
    user = {name[len(PREFIX) :]: value for name, value in headers.items() if name.startswith(PREFIX)}
    size = sum(len(name) + len(value) for name, value in user.items())
    if size > MAX_USER_METADATA:
        raise Refusal(errors.METADATA_TOO_LARGE, Size=size, MaxSizeAllowed=MAX_USER_METADATA)
    return user


def _without_framing(encoding: str) -> str:
    """`aws-chunked` names the framing of the request, not of the object; what is around it stays as it was."""
    kept = [item for item in encoding.split(",") if item.strip() != "aws-chunked"]
    return ",".join(kept).strip()
