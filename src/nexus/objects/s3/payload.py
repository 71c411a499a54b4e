"""A request's payload: the body without its framing, verified in full before anybody commits it.

Six ways of protecting a payload, told by x-amz-content-sha256:

    <64 hex digits>                                 its SHA-256, inside the signature
    UNSIGNED-PAYLOAD                                nothing but TLS
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD              aws-chunked, each chunk signed
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER      the same, and a signed checksum after the last chunk
    STREAMING-UNSIGNED-PAYLOAD-TRAILER              aws-chunked, TLS, and a checksum after the last chunk
    (absent, presigned URLs)                        nothing but TLS
"""

import hmac
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from hashlib import md5, sha256
from typing import Protocol

from nexus.objects.s3 import checksums, errors
from nexus.objects.s3.authenticate import UNSIGNED_PAYLOAD, Caller
from nexus.objects.s3.checksums import CRC64NVME, Algorithm, Digest, Expected
from nexus.objects.s3.chunked import AwsChunkedDecoder
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Request
from nexus.objects.s3.signature import chunk_string_to_sign, trailer_string_to_sign

MAX_PAYLOAD = 5 * 1024**3
"""Bytes of one PUT or one part: 5 GiB, as in S3."""

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_CHUNKED = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER})
_UNSIGNED = frozenset({UNSIGNED_PAYLOAD, UNSIGNED_CHUNKS_TRAILER})
_SHA256_DIGITS = 64
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Framing:
    """How a payload is announced. `length` is its declared size in bytes, framing excluded; None if not declared."""

    mode: str
    length: int | None
    expected: Expected | None
    md5: bytes | None

    @property
    def chunked(self) -> bool:
        return self.mode in _CHUNKED

    @property
    def trailers(self) -> bool:
        return self.mode.endswith("-TRAILER")


def framing(request: Request, *, presigned: bool, own_checksum: bool = True) -> Framing:
    """What a request's headers say about its payload. Raises Refusal where they contradict each other or a limit.

    `own_checksum` False leaves x-amz-checksum headers alone: they speak of something else than this payload.
    """
    headers = request.headers
    mode = headers.get("x-amz-content-sha256")
    if mode is None:
        if not presigned:
            raise Refusal(errors.INVALID_REQUEST, "Missing required header for this request: x-amz-content-sha256")
        mode = UNSIGNED_PAYLOAD
    if mode not in _CHUNKED and mode != UNSIGNED_PAYLOAD and not _SHA256_HEX.fullmatch(mode):
        raise Refusal(
            errors.INVALID_ARGUMENT,
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a streaming mode of SigV4, or a SHA-256 in hexadecimal",
            ArgumentName="x-amz-content-sha256",
        )
    if mode in _UNSIGNED and not request.secure:
        raise Refusal(errors.INVALID_REQUEST, "An unsigned payload is accepted over TLS only")
    chunked = mode in _CHUNKED
    if not chunked and "aws-chunked" in headers.get("content-encoding", ""):
        raise Refusal(errors.INVALID_REQUEST, "The content encoding aws-chunked needs a streaming x-amz-content-sha256")
    length = declared_length(headers, "x-amz-decoded-content-length" if chunked else "content-length")
    if chunked and length is None:
        raise Refusal(errors.MISSING_CONTENT_LENGTH, "x-amz-decoded-content-length is needed")
    expected = checksums.announced(headers) if own_checksum else None
    if mode.endswith("-TRAILER") != ("x-amz-trailer" in headers):
        raise Refusal(errors.INVALID_REQUEST, "x-amz-trailer and a -TRAILER payload go together")
    raw_md5 = headers.get("content-md5")
    return Framing(mode, length, expected, None if raw_md5 is None else checksums.content_md5(raw_md5))


def declared_length(headers: Mapping[str, str], name: str, *, most: int = MAX_PAYLOAD) -> int | None:
    """A length from a header, in bytes; None without it. Raises Refusal on anything but a plain, allowed number."""
    text = headers.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise Refusal(errors.INVALID_ARGUMENT, f"{name} is not a number of bytes", ArgumentName=name)
    length = int(text)
    if length > most:
        raise Refusal(errors.ENTITY_TOO_LARGE, ProposedSize=length, MaxSizeAllowed=most)
    return length


class Body(Protocol):
    """Raw bytes, read once."""

    def chunks(self) -> AsyncIterator[bytes]: ...


class Payload:
    """The payload of one request, read once. `checksum` is valid after its last byte.

    Reading ends with a Refusal unless length, signatures, digest and checksum are all as announced. Only Content-MD5 is
    left to whoever commits, because the store computes an MD5 anyway. Without an announced checksum, CRC64NVME is
    computed, as S3 does; `also` is a second algorithm to compute, if it is another one; its value is `second`.
    """

    def __init__(self, stream: Body, how: Framing, caller: Caller, *, also: Algorithm | None = None) -> None:
        self.how = how
        self.algorithm: Algorithm = how.expected.algorithm if how.expected else CRC64NVME
        self._stream = stream
        self._decoder = _decoder(how, caller)
        self._digest: Digest = self.algorithm.start()
        self._second: Digest | None = also.start() if also not in (None, self.algorithm) else None
        self._sha256 = sha256() if len(how.mode) == _SHA256_DIGITS else None
        self._received = 0

    @property
    def checksum(self) -> bytes:
        return self._digest.digest()

    @property
    def second(self) -> bytes:
        return self._second.digest() if self._second is not None else self.checksum

    async def chunks(self) -> AsyncIterator[bytes]:
        """The payload, in pieces; the last step of the iteration is the verification."""
        async for raw in self._stream.chunks():
            if self._decoder is None:
                self._update(raw)
                yield raw
                continue
            for piece in self._decoder.feed(raw):
                self._update(piece)
                yield piece
        self._verify()

    async def read(self, limit: int) -> bytes:
        """The whole payload, of at most `limit` bytes. Raises Refusal beyond it."""
        if self.how.length is not None and self.how.length > limit:
            raise Refusal(errors.ENTITY_TOO_LARGE, MaxSizeAllowed=limit)
        body = bytearray()
        async for piece in self.chunks():
            body += piece
            if len(body) > limit:
                raise Refusal(errors.ENTITY_TOO_LARGE, MaxSizeAllowed=limit)
        if self.how.md5 is not None and not hmac.compare_digest(
            md5(body, usedforsecurity=False).digest(), self.how.md5
        ):
            raise Refusal(errors.BAD_DIGEST, "The Content-MD5 you specified did not match what we received.")
        return bytes(body)

    def _update(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._received > (MAX_PAYLOAD if self.how.length is None else self.how.length):
            raise Refusal(errors.INCOMPLETE_BODY, "the body is longer than it was declared")
        self._digest.update(piece)
        if self._sha256 is not None:
            self._sha256.update(piece)
        if self._second is not None:
            self._second.update(piece)

    def _verify(self) -> None:
        # 1. All of it arrived.
        if self._decoder is not None:
            self._decoder.close()
        elif self.how.length is not None and self._received != self.how.length:
            raise Refusal(errors.INCOMPLETE_BODY)
        # 2. It is what the signature covers.
        if self._sha256 is not None and not hmac.compare_digest(self._sha256.hexdigest(), self.how.mode):
            raise Refusal(errors.X_AMZ_CONTENT_SHA256_MISMATCH)
        # 3. It is what the checksum says, in the header or in the trailer.
        expected = self._expected()
        if expected is not None:
            checksums.verify(expected, self._digest.digest(), self.algorithm)

    def _expected(self) -> bytes | None:
        if self.how.expected is None:
            return None
        if self.how.expected.value is not None:
            return self.how.expected.value
        trailers = self._decoder.trailers if self._decoder is not None else {}
        if set(trailers) != {self.algorithm.header}:
            raise Refusal(errors.INCOMPLETE_BODY, "the trailer is not the one that x-amz-trailer announced")
        return checksums.decode(self.algorithm, trailers[self.algorithm.header])


def _decoder(how: Framing, caller: Caller) -> AwsChunkedDecoder | None:
    if not how.chunked or how.length is None:
        return None
    verifier = None if how.mode in _UNSIGNED else _SignatureChain(caller)
    return AwsChunkedDecoder(how.length, trailers=how.trailers, verifier=verifier)


class _SignatureChain:
    """Each signature of a signed stream covers the one before it; the first covers the request's."""

    def __init__(self, caller: Caller) -> None:
        if caller.claim is None or caller.signing_key is None:
            raise Refusal(errors.SIGNATURE_DOES_NOT_MATCH)
        self._key = caller.signing_key
        self._timestamp = caller.claim.timestamp
        self._scope = caller.claim.scope
        self._previous = caller.claim.signature

    def chunk(self, signature: str, payload_sha256: str) -> None:
        self._require(signature, chunk_string_to_sign(self._timestamp, self._scope, self._previous, payload_sha256))

    def trailer(self, signature: str, trailer: bytes) -> None:
        self._require(signature, trailer_string_to_sign(self._timestamp, self._scope, self._previous, trailer))

    def _require(self, signature: str, message: bytes) -> None:
        if not hmac.compare_digest(self._key.sign(message).encode(), signature.encode()):
            raise Refusal(errors.SIGNATURE_DOES_NOT_MATCH)
        self._previous = signature
