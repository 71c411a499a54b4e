"""Preconditions (RFC 9110) and ranges, from headers to the values of the object store."""

import re
from calendar import timegm
from email.utils import parsedate_to_datetime

from nexus.kernel.clock import SECOND, Instant
from nexus.objects.model import ALWAYS_READ, ALWAYS_WRITE, ByteRange, ReadConditions, WriteConditions
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal

_READ_HEADERS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s",]+)')
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_COPY_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")


def of_read(call: Call, prefix: str = "") -> ReadConditions:
    """The preconditions of a read; `prefix` is `x-amz-copy-source-` for the source side of a copy."""
    headers = call.request.headers
    if not any(f"{prefix}{name}" in headers for name in _READ_HEADERS):
        return ALWAYS_READ
    return ReadConditions(
        if_match=_etags(headers.get(f"{prefix}if-match")),
        if_none_match=_etags(headers.get(f"{prefix}if-none-match")),
        if_modified_since=date(headers.get(f"{prefix}if-modified-since")),
        if_unmodified_since=date(headers.get(f"{prefix}if-unmodified-since")),
    )


def of_write(call: Call) -> WriteConditions:
    """The preconditions of a write: If-Match, or If-None-Match: *."""
    if_match, if_none_match = _etags(call.header("if-match")), _etags(call.header("if-none-match"))
    if not (if_match or if_none_match):
        return ALWAYS_WRITE
    if if_match and if_none_match:
        raise Refusal(errors.INVALID_REQUEST, "If-Match and If-None-Match exclude each other")
    return WriteConditions(if_match=if_match, if_none_match=if_none_match)


def of_delete(call: Call) -> WriteConditions:
    """The preconditions of a delete: ETag, modification time and size, as S3 has them."""
    size = call.header("x-amz-if-match-size")
    if size is not None and not re.fullmatch("[0-9]{1,19}", size):
        raise Refusal(
            errors.INVALID_ARGUMENT, "x-amz-if-match-size is not a number", ArgumentName="x-amz-if-match-size"
        )
    return WriteConditions(
        if_match=_etags(call.header("if-match")),
        if_last_modified=date(call.header("x-amz-if-match-last-modified-time")),
        if_size=None if size is None else int(size),
    )


def byte_range(call: Call) -> ByteRange | None:
    """The range of a read. One that is not `bytes=first-last`, or several, is ignored, as RFC 9110 allows and S3 does."""
    header = call.header("range")
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is not None and last is not None and first > last:
        return None
    return ByteRange(first, last)


def copy_range(call: Call) -> ByteRange | None:
    """The range of UploadPartCopy; it must be exact. Raises Refusal with InvalidArgument otherwise."""
    header = call.header("x-amz-copy-source-range")
    if header is None:
        return None
    match = _COPY_RANGE.fullmatch(header)
    if match is None or int(match[1]) > int(match[2]):
        raise Refusal(
            errors.INVALID_ARGUMENT,
            "x-amz-copy-source-range must be bytes=first-last",
            ArgumentName="x-amz-copy-source-range",
        )
    return ByteRange(int(match[1]), int(match[2]))


def _etags(header: str | None) -> tuple[str, ...]:
    if header is None:
        return ()
    return tuple(quoted or bare for quoted, bare in _ETAG.findall(header))


def date(header: str | None) -> Instant | None:
    """An HTTP date; anything else is ignored, as RFC 9110 asks."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    return Instant(timegm(moment.utctimetuple()) * SECOND)
