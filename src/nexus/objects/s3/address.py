"""Where a request points: a bucket and a key, from the path (path style) or the host (virtual-host style)."""

import re
from collections.abc import Sequence

import msgspec

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import percent_decode

MAX_KEY_BYTES = 1_024
"""Bytes of a key in UTF-8."""

_PORT = re.compile(r":[0-9]{1,5}\Z")


class Address(msgspec.Struct, frozen=True):
    """`bucket` and `key` are decoded and otherwise exactly as sent: `..`, `//` and slashes at the ends have no meaning."""

    bucket: str | None = None
    key: str | None = None
    site: str | None = None
    """The site that the bucket must belong to, where the address names one."""


def locate(path: bytes, host: str, domains: Sequence[str], *, tenants: bool = False) -> Address:
    """The address of a request. `path` is as sent; `domains` are those whose first label names a bucket.

    `tenants`: a bucket in the path may be written `site:bucket`, or `:bucket`.
    """
    if not path.startswith(b"/"):
        raise Refusal(errors.INVALID_URI)
    bucket = _bucket_of_host(host, domains) if domains else None
    if bucket is not None:
        return Address(bucket, _key(path[1:]))
    raw_bucket, _, raw_key = path[1:].partition(b"/")
    if not raw_bucket and not raw_key and len(path) == 1:
        return Address()
    name, site = _text(raw_bucket), None
    if tenants and ":" in name:
        site, _, name = name.partition(":")
    return Address(name, _key(raw_key), site or None)


def _bucket_of_host(host: str, domains: Sequence[str]) -> str | None:
    name = _PORT.sub("", host).lower()
    for domain in domains:
        if name.endswith("." + domain):
            return name[: -len(domain) - 1]
    return None


def _key(raw: bytes) -> str | None:
    if not raw:
        return None
    key = _text(raw)
    if len(key.encode()) > MAX_KEY_BYTES:
        raise Refusal(errors.KEY_TOO_LONG)
    return key


def _text(raw: bytes) -> str:
    try:
        return percent_decode(raw).decode()
    except UnicodeDecodeError as error:
        raise Refusal(errors.INVALID_URI, "the path is not UTF-8") from error
