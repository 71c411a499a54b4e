"""AWS Signature Version 4: the arithmetic, and nothing about who may do what.

Pure functions over what a client sent. The canonical forms are those of the AWS documentation "Authenticating Requests
(AWS Signature Version 4)": S3 encodes the path once, and never normalises it.
"""

import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import quote_from_bytes

from nexus.kernel.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "s3"
EMPTY_SHA256 = sha256(b"").hexdigest()
SIGNATURE_LENGTH = 64
"""Hexadecimal digits of a signature."""
MAX_CACHED_KEYS = 4_096
"""Signing keys kept in memory, each 32 bytes; one for each access key and day."""

Pairs = Sequence[tuple[bytes, bytes]]


_UNRESERVED = re.compile(rb"[A-Za-z0-9._~/-]*")
_SPACES = re.compile(" +")


def uri_encode(raw: bytes, *, keep_slash: bool = False) -> str:
    """Percent-encode every byte but unreserved ones (A-Z a-z 0-9 - . _ ~) and, if kept, the slash."""
    if _UNRESERVED.fullmatch(raw) and (keep_slash or b"/" not in raw):
        return raw.decode()
    return quote_from_bytes(raw, safe="/~" if keep_slash else "~")


def canonical_query(parameters: Pairs) -> str:
    """Parameters encoded, then sorted by name and value; the signature itself is never among them."""
    encoded = sorted((uri_encode(name), uri_encode(value)) for name, value in parameters)
    return "&".join([f"{name}={value}" for name, value in encoded])


def canonical_request(
    method: str,
    path: str,
    parameters: Pairs,
    *,
    headers: Mapping[str, str],
    signed: Sequence[str],
    payload_hash: str,
) -> bytes:
    """What a client signs, as bytes.

    `path` is percent-encoded; `headers` have lower-case names and latin-1 text; `signed` is in the client's order.
    """
    lines = [method, path, canonical_query(parameters) if parameters else ""]
    for name in signed:
        # Only ASCII blanks are folded: str.split() would also take bytes of UTF-8 letters for spaces.
        value = headers.get(name, "").strip(" \t")
        if "  " in value:
            value = _SPACES.sub(" ", value)
        lines.append(f"{name}:{value}")
    lines.append("")
    lines.append(";".join(signed))
    lines.append(payload_hash)
    return "\n".join(lines).encode("latin-1")


def string_to_sign(timestamp: str, scope: str, canonical: bytes) -> bytes:
    """`timestamp` as in x-amz-date; `scope` is `date/region/s3/aws4_request`."""
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical).hexdigest()}".encode()


def chunk_string_to_sign(timestamp: str, scope: str, previous: str, chunk_sha256: str) -> bytes:
    """What the signature of one chunk of a signed stream covers; `previous` is the signature before it."""
    return f"{ALGORITHM}-PAYLOAD\n{timestamp}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{chunk_sha256}".encode()


def trailer_string_to_sign(timestamp: str, scope: str, previous: str, trailer: bytes) -> bytes:
    """What the signature of the trailer covers: `trailer` is its `name:value` lines, each ended by a line feed."""
    return f"{ALGORITHM}-TRAILER\n{timestamp}\n{scope}\n{previous}\n{sha256(trailer).hexdigest()}".encode()


def signing_key(secret: bytes, date: str, region: str, service: str = SERVICE) -> bytes:
    """The key of one day, region and service, derived from an access key's secret."""
    key = hmac.digest(b"AWS4" + secret, date.encode(), "sha256")
    for part in (region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class SigningKey:
    """A derived key, ready to sign. It keeps the state after the key has been taken in, and gives out signatures only.

    Copying that state is not only cheaper than starting anew: `hmac.digest` lets go of the interpreter's lock each time,
    which other threads make us wait to get back.
    """

    __slots__ = ("_state",)

    def __init__(self, key: bytes) -> None:
        self._state = hmac.new(key, digestmod="sha256")

    def sign(self, message: bytes) -> str:
        """A signature: 64 lower-case hexadecimal digits."""
        state = self._state.copy()
        state.update(message)
        return state.hexdigest()


class SigningKeys:
    """Derived keys, so that an access key's secret is worked on once a day. One for each worker, wiped at the seal."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, str, str, str], tuple[Secret, SigningKey]] = OrderedDict()

    def derive(self, access_key_id: str, secret: Secret, date: str, region: str, service: str = SERVICE) -> SigningKey:
        """The signing key; derived again whenever the secret is another one, so that none outlives its access key."""
        name = (access_key_id, date, region, service)
        known = self._keys.get(name)
        if known is not None and len(secret) and known[0] == secret:
            self._keys.move_to_end(name)
            return known[1]
        key = SigningKey(signing_key(secret.reveal(), date, region, service))
        self._keys[name] = (secret, key)
        if len(self._keys) > MAX_CACHED_KEYS:
            self._keys.popitem(last=False)
        return key

    def wipe(self) -> None:
        """Forget every derived key: the platform was sealed."""
        self._keys.clear()
