"""S3's checksums: computed while a payload streams by, compared, written in base 64.

A multipart object's checksum is either `FULL_OBJECT` (as if it had come in one piece: cyclic redundancy checks can be
combined from those of the parts) or `COMPOSITE` (the checksum of the parts' checksums, followed by their number).
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from awscrt import checksums as crt

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal

HEADER = "x-amz-checksum-"
COMPOSITE = "COMPOSITE"
FULL_OBJECT = "FULL_OBJECT"


class Digest(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A running cyclic redundancy check, big-endian when written."""

    __slots__ = ("_compute", "_size", "_value")

    def __init__(self, compute: Callable[[bytes, int], int], size: int) -> None:
        self._compute = compute
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._compute(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


Combine = Callable[[int, int, int], int]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of S3's checksum algorithms. `combine` is None where two checksums cannot be joined."""

    name: str
    size: int
    start: Callable[[], Digest]
    combine: Combine | None = None

    @property
    def header(self) -> str:
        return HEADER + self.name.lower()

    @property
    def element(self) -> str:
        return "Checksum" + self.name

    def types(self) -> tuple[str, ...]:
        """The multipart checksum types that S3 allows, its default first."""
        if self.name == "CRC64NVME":
            return (FULL_OBJECT,)
        return (COMPOSITE, FULL_OBJECT) if self.combine else (COMPOSITE,)


CRC64NVME = Algorithm("CRC64NVME", 8, lambda: _Crc(crt.crc64nvme, 8), crt.combine_crc64nvme)
ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("CRC32", 4, lambda: _Crc(crt.crc32, 4), crt.combine_crc32),
        Algorithm("CRC32C", 4, lambda: _Crc(crt.crc32c, 4), crt.combine_crc32c),
        CRC64NVME,
        Algorithm("SHA1", 20, lambda: hashlib.sha1(usedforsecurity=False)),
        Algorithm("SHA256", 32, hashlib.sha256),
    )
}
BY_HEADER: Mapping[str, Algorithm] = {algorithm.header: algorithm for algorithm in ALGORITHMS.values()}
_NOT_CHECKSUMS = frozenset({HEADER + "mode", HEADER + "type", HEADER + "algorithm"})


@dataclass(frozen=True, slots=True)
class Expected:
    """A checksum that a client announced. `value` is None while it is still to come, in a trailer."""

    algorithm: Algorithm
    value: bytes | None


def named(name: str, *, argument: str = "x-amz-checksum-algorithm") -> Algorithm:
    """The algorithm of this name, in either case. Raises Refusal if S3 has none."""
    algorithm = ALGORITHMS.get(name.upper())
    if algorithm is None:
        raise Refusal(errors.INVALID_REQUEST, f"{argument} names no supported checksum algorithm")
    return algorithm


def decode(algorithm: Algorithm, text: str) -> bytes:
    """A checksum from its header or element. Raises Refusal with BadDigest unless it is base 64 of the right length."""
    try:
        value = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != algorithm.size:
        raise Refusal(errors.BAD_DIGEST, f"Value for {algorithm.header} header is invalid.")
    return value


def encode(value: bytes) -> str:
    """A checksum as S3 writes it."""
    return b64encode(value).decode()


def announced(headers: Mapping[str, str]) -> Expected | None:
    """The checksum that a request announces, in a header or for its trailer. Raises Refusal on two of them."""
    found = [name for name in headers if name.startswith(HEADER) and name not in _NOT_CHECKSUMS]
    trailer = headers.get("x-amz-trailer")
    if trailer is not None:
        found.append(trailer.strip().lower())
    if not found:
        return None
    if len(found) > 1:
        raise Refusal(
            errors.INVALID_REQUEST,
            "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
        )
    algorithm = BY_HEADER.get(found[0])
    if algorithm is None:
        raise Refusal(errors.INVALID_REQUEST, "The algorithm type you specified in x-amz-checksum- header is invalid.")
    _agree_with_sdk(headers, algorithm)
    return Expected(algorithm, None if trailer is not None else decode(algorithm, headers[found[0]]))


def _agree_with_sdk(headers: Mapping[str, str], algorithm: Algorithm) -> None:
    declared = headers.get("x-amz-sdk-checksum-algorithm")
    if declared is not None and declared.upper() != algorithm.name:
        raise Refusal(errors.INVALID_REQUEST, "Value for x-amz-sdk-checksum-algorithm header is invalid.")


def verify(expected: bytes, computed: bytes, algorithm: Algorithm) -> None:
    """Raise Refusal with BadDigest unless both are the same."""
    if not hmac.compare_digest(expected, computed):
        raise Refusal(errors.BAD_DIGEST, f"The {algorithm.name} you specified did not match the calculated checksum.")


def content_md5(text: str) -> bytes:
    """The 16 bytes of a Content-MD5 header. Raises Refusal with InvalidDigest otherwise."""
    try:
        value = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != 16:
        raise Refusal(errors.INVALID_DIGEST)
    return value


def composite(algorithm: Algorithm, parts: Sequence[bytes]) -> str:
    """The checksum of the parts' checksums, as S3 writes it: `base64-N`."""
    digest = algorithm.start()
    digest.update(b"".join(parts))
    return f"{encode(digest.digest())}-{len(parts)}"


def combined(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> bytes:
    """The checksum of the whole object from (checksum, length in bytes) of its parts, in order."""
    if algorithm.combine is None:
        raise Refusal(errors.INVALID_REQUEST, f"{algorithm.name} cannot be computed over a whole multipart object.")
    total = 0
    for value, length in parts:
        total = algorithm.combine(total, int.from_bytes(value, "big"), length)
    return total.to_bytes(algorithm.size, "big")
