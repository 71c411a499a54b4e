"""Which addresses a client may register. What is registered is later compared character by character, nothing else.

Pure: no database, no clock.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from nexus.kernel.errors import Invalid

MAX_URI: Final = 512
"""Characters of an address."""
_ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()+,;=%")
"""Characters of a URI (RFC 3986) but `#`, which would be a fragment, and `*`, which somebody might take for a pattern."""


def check_uri(uri: str, what: str) -> str:
    """The address, unchanged. Raises Invalid, naming `what`, unless it is absolute and plain.

    https to anywhere, or http to this very machine by its loopback address; no fragment, no user, no dots that climb.
    """
    if not 1 <= len(uri) <= MAX_URI or not _ALLOWED.issuperset(uri):
        raise _refused(what, "it is empty, too long, or holds a character that has no place in it")
    try:
        parts, _ = urlsplit(uri), urlsplit(uri).port
    except ValueError as error:
        raise _refused(what, "it does not parse") from error
    if "@" in parts.netloc or not parts.hostname:
        raise _refused(what, "it names no host, or a user")
    if parts.scheme != "https" and not _loopback(parts):
        raise _refused(what, "https, or http to a loopback address such as http://127.0.0.1:8000/callback")
    if any(segment in {".", ".."} for segment in parts.path.replace("%2e", ".").replace("%2E", ".").split("/")):
        raise _refused(what, "its path climbs")
    if not uri.startswith((f"{parts.scheme}://{parts.netloc}/", f"{parts.scheme}://{parts.netloc}?")):
        raise _refused(what, "it has no path; end it with a slash if it has none")
    return uri


def origin_of(uri: str) -> str:
    """`https://host:port`: what is shown to a person who decides where she is sent."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _loopback(parts: SplitResult) -> bool:
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _refused(what: str, why: str) -> Invalid:
    return Invalid(f"{what} is not an address that a client may have: {why}", code="iam.redirect-uri")
