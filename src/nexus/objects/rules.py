"""Pure decisions: names, tags, conditions, ranges, ETags, and the order of keys. No clock, no randomness, no I/O."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.errors import Invalid
from nexus.objects.errors import (
    INVALID_BUCKET_NAME,
    INVALID_KEY,
    INVALID_TAG,
    KEY_TOO_LONG,
    METADATA_TOO_LARGE,
    NotModified,
    PreconditionFailed,
    RangeNotSatisfiable,
    no_such_key,
)
from nexus.objects.model import (
    ALWAYS_READ,
    ALWAYS_WRITE,
    MAX_KEY_BYTES,
    MAX_METADATA_BYTES,
    MAX_TAG_KEY_CHARS,
    MAX_TAG_VALUE_CHARS,
    MAX_TAGS,
    ByteRange,
    Metadata,
    ObjectVersion,
    ReadConditions,
    WriteConditions,
)

_BUCKET_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?![.-])){1,61}[a-z0-9]")
_RESERVED_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_ANY: Final = ("*",)
_LAST_CODE_POINT: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)

END: Final = chr(_LAST_CODE_POINT) * (MAX_KEY_BYTES // 4 + 1)
"""Sorts after every key: it begins with the greatest one that there can be."""


def check_bucket_name(name: str) -> None:
    """3 to 63 lower-case letters, digits, dots and hyphens, as DNS labels are. Raises Invalid."""
    if (
        _BUCKET_NAME.fullmatch(name)
        and ".." not in name
        and "-." not in name
        and not name.startswith(_RESERVED_PREFIXES)
        and not name.endswith(_RESERVED_SUFFIXES)
        and not _is_address(name)
    ):
        return
    raise Invalid(
        "this is not a valid bucket name",
        code=INVALID_BUCKET_NAME,
        hint="use 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit",
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_key(key: str) -> None:
    """1 to 1,024 bytes of UTF-8. Raises Invalid."""
    try:
        length = len(key) if key.isascii() else len(key.encode())
    except UnicodeEncodeError:
        raise Invalid("an object key is Unicode text", code=INVALID_KEY) from None
    if length > MAX_KEY_BYTES:
        raise Invalid(f"an object key has at most {MAX_KEY_BYTES} bytes", code=KEY_TOO_LONG)
    if not key:
        raise Invalid("an object key is not empty", code=INVALID_KEY)


def check_metadata(metadata: Metadata) -> None:
    """Named limits on headers, user metadata and tags. Raises Invalid."""
    size = 0
    for names in (metadata.headers, metadata.user):
        for name, value in names.items():
            size += len(name.encode()) + len(value.encode())
    if size > MAX_METADATA_BYTES:
        raise Invalid(f"the metadata of an object has at most {MAX_METADATA_BYTES} bytes", code=METADATA_TOO_LARGE)
    if metadata.tags:
        check_tags(metadata.tags)


def check_tags(tags: Mapping[str, str], *, limit: int = MAX_TAGS) -> None:
    """Number and lengths of tags. Raises Invalid."""
    if len(tags) > limit:
        raise Invalid(f"at most {limit} tags", code=INVALID_TAG)
    for name, value in tags.items():
        if not 1 <= len(name) <= MAX_TAG_KEY_CHARS or len(value) > MAX_TAG_VALUE_CHARS:
            raise Invalid(
                f"a tag has a name of 1 to {MAX_TAG_KEY_CHARS} characters and a value of at most {MAX_TAG_VALUE_CHARS}",
                code=INVALID_TAG,
            )


def check_read(conditions: ReadConditions, etag: str, modified_at: Instant) -> None:
    """RFC 9110, 13.2.2, in its order; times count in whole seconds. Raises PreconditionFailed or NotModified."""
    if conditions is ALWAYS_READ:
        return
    modified = modified_at // SECOND
    if conditions.if_match:
        if not _matches(etag, conditions.if_match):
            raise PreconditionFailed("if-match")
    elif conditions.if_unmodified_since is not None and modified > conditions.if_unmodified_since // SECOND:
        raise PreconditionFailed("if-unmodified-since")
    if conditions.if_none_match:
        unchanged = _matches(etag, conditions.if_none_match)
    else:
        since = conditions.if_modified_since
        unchanged = since is not None and modified <= since // SECOND
    if unchanged:
        raise NotModified(etag=etag, last_modified=modified_at)


def check_write(conditions: WriteConditions, current: ObjectVersion | None) -> None:
    """Whether `current` (None: nothing there, or hidden by a delete marker) may be replaced or removed.

    Raises PreconditionFailed, or NotFound where a condition asks for an object that is not there.
    """
    if conditions is ALWAYS_WRITE:
        return
    if current is None:
        if conditions.if_match:
            raise no_such_key()
        return
    if conditions.if_match and not _matches(current.etag, conditions.if_match):
        raise PreconditionFailed("if-match")
    if conditions.if_none_match and _matches(current.etag, conditions.if_none_match):
        raise PreconditionFailed("if-none-match")
    wanted = conditions.if_last_modified
    if wanted is not None and current.last_modified // SECOND != wanted // SECOND:
        raise PreconditionFailed("if-match-last-modified-time")
    if conditions.if_size is not None and current.size != conditions.if_size:
        raise PreconditionFailed("if-match-size")


def check_hidden(conditions: WriteConditions) -> None:
    """Whether what a delete marker hides may be hidden once more: no condition about an object holds of a marker.

    Raises PreconditionFailed.
    """
    asked = {
        "if-match": bool(conditions.if_match),
        "if-match-last-modified-time": conditions.if_last_modified is not None,
        "if-match-size": conditions.if_size is not None,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise PreconditionFailed(name)


def _matches(etag: str, wanted: tuple[str, ...]) -> bool:
    return wanted == _ANY or etag in wanted


def resolve(wanted: ByteRange | None, size: int) -> tuple[int, int]:
    """(first, length) of a range in an object of `size` bytes. Raises RangeNotSatisfiable."""
    if wanted is None:
        return 0, size
    if wanted.first is None:
        length = min(wanted.last or 0, size)
        if length == 0:
            raise RangeNotSatisfiable(size)
        return size - length, length
    last = size - 1 if wanted.last is None else min(wanted.last, size - 1)
    if wanted.first > last:
        raise RangeNotSatisfiable(size)
    return wanted.first, last - wanted.first + 1


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """What `key` is rolled up into, or None if it stands for itself."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def after_key(key: str) -> str:
    """The smallest text that sorts after `key`."""
    return key + "\0"


def after_prefix(prefix: str) -> str:
    """The smallest text that sorts after everything that begins with `prefix`; END if there is none."""
    while prefix:
        point = ord(prefix[-1]) + 1
        if point in _SURROGATES:
            point = _SURROGATES.stop
        if point <= _LAST_CODE_POINT:
            return prefix[:-1] + chr(point)
        prefix = prefix[:-1]
    return END
