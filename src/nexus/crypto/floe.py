"""FLOE: segmented, committing authenticated encryption with random access (c2sp.org/FLOE).

AES-256-GCM for the segments, HKDF-Expand with SHA-384 for the keys. A sealed message is a header of 74 bytes and one or
more segments; all but the last have the same length. The header commits to the key and the associated data; each
segment is bound to its position and to being the last one or not.

`Sealer` writes segments in order. `Opener` is told the sealed length before it opens anything, so that it alone decides
which segment must be the last: a message that was cut, extended or reordered does not open at any place.
docs/formats/floe.md says how Nexus uses it.
"""

import hmac
import os
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.kernel.errors import Damaged

Buffer: TypeAlias = bytes | bytearray | memoryview

DAMAGED: Final = "crypto.floe"
KEY_BYTES: Final = 32
IV_BYTES: Final = 32
TAG_BYTES: Final = 32
HEADER_BYTES: Final = 10 + IV_BYTES + TAG_BYTES
MAX_SEGMENTS: Final = 1 << 40
ROTATION_BITS: Final = 20
"""Each 2^20 segments have an AES key of their own."""

_MESSAGE_KEY_BYTES: Final = 48
_NONCE_BYTES: Final = 12
_GCM_TAG_BYTES: Final = 16
_LENGTH_BYTES: Final = 4
SEGMENT_OVERHEAD_BYTES: Final = _LENGTH_BYTES + _NONCE_BYTES + _GCM_TAG_BYTES
_NOT_LAST: Final = b"\xff\xff\xff\xff"
_BODY_AT: Final = _LENGTH_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Parameters:
    """`segment_bytes`: length of a sealed segment, overhead included. The other parameters of FLOE are fixed."""

    segment_bytes: int
    rotation_bits: int = ROTATION_BITS

    def __post_init__(self) -> None:
        if not SEGMENT_OVERHEAD_BYTES < self.segment_bytes < 1 << 32:
            raise ValueError("the segment length is out of range")

    @property
    def plain_bytes(self) -> int:
        """Plaintext bytes in every segment but the last."""
        return self.segment_bytes - SEGMENT_OVERHEAD_BYTES

    @property
    def encoded(self) -> bytes:
        """The first ten bytes of the header: AEAD 0, KDF 0, lengths of a segment and of the IV."""
        return b"\x00\x00" + self.segment_bytes.to_bytes(4, "big") + IV_BYTES.to_bytes(4, "big")

    def sealed_length(self, plain_length: int) -> int:
        """Bytes of the sealed message, header included, that `Sealer` makes of so many plaintext bytes."""
        segments = max(1, -(-plain_length // self.plain_bytes))
        return HEADER_BYTES + segments * SEGMENT_OVERHEAD_BYTES + plain_length

    def plain_length(self, sealed_length: int) -> int:
        """Plaintext bytes in a sealed message of this length. Raises Damaged if no message has it."""
        body = sealed_length - HEADER_BYTES
        segments = -(-body // self.segment_bytes)
        last = body - (segments - 1) * self.segment_bytes
        if body <= 0 or last < SEGMENT_OVERHEAD_BYTES or segments > MAX_SEGMENTS:
            raise _damaged("the length of a sealed message")
        return body - segments * SEGMENT_OVERHEAD_BYTES


class _Message:
    """What both directions share: the keys that follow from key, associated data and IV."""

    __slots__ = ("_cipher", "_epoch", "_info", "_message_key", "_parameters", "_suffix", "header")

    def __init__(self, key: Buffer, aad: bytes, iv: bytes, parameters: Parameters) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a FLOE key has 32 bytes")
        self._parameters = parameters
        self._info = parameters.encoded + iv
        # A state that is copied: `hmac.digest` lets go of the interpreter's lock, which other threads make us wait to get back.
        keyed = hmac.new(bytes(key), self._info, "sha384")
        self._suffix = aad + b"\x01"  # the counter of HKDF-Expand: every output here fits in its first block
        self.header = self._info + self._derived(keyed.copy(), b"HEADER_TAG:")[:TAG_BYTES]
        self._message_key = self._derived(keyed, b"MESSAGE_KEY:")[:_MESSAGE_KEY_BYTES]
        self._epoch = -1
        self._cipher: AESGCM

    def _derived(self, keyed: hmac.HMAC, purpose: bytes) -> bytes:
        """`keyed` has taken in the key and `_info`."""
        keyed.update(purpose + self._suffix)
        return keyed.digest()

    def _cipher_at(self, position: int) -> AESGCM:
        epoch = position >> self._parameters.rotation_bits
        if epoch != self._epoch:
            first = epoch << self._parameters.rotation_bits
            keyed = hmac.new(self._message_key, self._info, "sha384")
            self._cipher = AESGCM(self._derived(keyed, b"DEK:" + first.to_bytes(8, "big"))[:KEY_BYTES])
            self._epoch = epoch
        return self._cipher


class Sealer(_Message):
    """Seals one message, segment after segment. `header` comes before the first of them."""

    __slots__ = ("_closed", "_position")

    def __init__(self, key: Buffer, aad: bytes, parameters: Parameters) -> None:
        """Start a message under a fresh random IV. `key`: 32 bytes; `aad` is needed again to open."""
        super().__init__(key, aad, os.urandom(IV_BYTES), parameters)
        self._position = 0
        self._closed = False

    def seal(self, plaintext: Buffer) -> bytes:
        """The next segment, from exactly `Parameters.plain_bytes` bytes."""
        sealed = bytearray(self._parameters.segment_bytes)
        self.seal_into(plaintext, memoryview(sealed))
        return bytes(sealed)

    def seal_last(self, plaintext: Buffer) -> bytes:
        """The last segment, from at most `Parameters.plain_bytes` bytes; nothing can be sealed after it."""
        sealed = bytearray(len(plaintext) + SEGMENT_OVERHEAD_BYTES)
        self.seal_last_into(plaintext, memoryview(sealed))
        return bytes(sealed)

    def seal_into(self, plaintext: Buffer, out: memoryview) -> None:
        """`seal` into `out`, which has exactly `Parameters.segment_bytes` bytes."""
        if len(plaintext) != self._parameters.plain_bytes:
            raise ValueError("a segment that is not the last one is full")
        if self._position == MAX_SEGMENTS - 1:
            raise ValueError("the message has too many segments")
        self._encrypt(plaintext, out, _NOT_LAST, b"\x00")

    def seal_last_into(self, plaintext: Buffer, out: memoryview) -> None:
        """`seal_last` into `out`, which is longer than the plaintext by `SEGMENT_OVERHEAD_BYTES`."""
        if len(plaintext) > self._parameters.plain_bytes:
            raise ValueError("a segment holds no more than its length")
        self._encrypt(plaintext, out, len(out).to_bytes(_LENGTH_BYTES, "big"), b"\x01")
        self._closed = True

    def _encrypt(self, plaintext: Buffer, out: memoryview, length: bytes, last: bytes) -> None:
        if self._closed:
            raise ValueError("the message is complete")
        nonce = os.urandom(_NONCE_BYTES)
        out[:_LENGTH_BYTES] = length
        out[_LENGTH_BYTES:_BODY_AT] = nonce
        aad = self._position.to_bytes(8, "big") + last
        self._cipher_at(self._position).encrypt_into(nonce, plaintext, aad, out[_BODY_AT:])
        self._position += 1


class Opener(_Message):
    """Opens the segments of one message, in any order."""

    __slots__ = ("last", "plain_length")

    def __init__(self, key: Buffer, aad: bytes, header: bytes, sealed_length: int, parameters: Parameters) -> None:
        """Verify the header. `sealed_length`: bytes of the whole message, header included.

        Raises Damaged if the header is not one of this key, associated data and parameters, or if no message has
        this length.
        """
        if len(header) != HEADER_BYTES or header[:10] != parameters.encoded:
            raise _damaged("the header of a sealed message")
        super().__init__(key, aad, header[10 : 10 + IV_BYTES], parameters)
        if not hmac.compare_digest(header, self.header):
            raise _damaged("the header of a sealed message")
        self.plain_length = parameters.plain_length(sealed_length)
        self.last = -(-(sealed_length - HEADER_BYTES) // parameters.segment_bytes) - 1
        """Position of the last segment."""

    def open(self, position: int, segment: Buffer) -> bytes:
        """The plaintext of the segment at `position`. Raises Damaged unless it is exactly that segment."""
        nonce, aad = self._checked(position, segment)
        try:
            return self._cipher_at(position).decrypt(nonce, memoryview(segment)[_BODY_AT:], aad)
        except InvalidTag:
            raise _damaged("a segment") from None

    def open_into(self, position: int, segment: Buffer, out: memoryview) -> None:
        """`open` into `out`, which has exactly the plaintext's length."""
        nonce, aad = self._checked(position, segment)
        try:
            self._cipher_at(position).decrypt_into(nonce, memoryview(segment)[_BODY_AT:], aad, out)
        except InvalidTag:
            raise _damaged("a segment") from None

    def extent(self, position: int, count: int) -> tuple[int, int]:
        """Where `count` segments from `position` on lie in the sealed message: offset and length in bytes."""
        start = position * self._parameters.segment_bytes
        if position + count <= self.last:
            return HEADER_BYTES + start, count * self._parameters.segment_bytes
        return HEADER_BYTES + start, self._parameters.sealed_length(self.plain_length) - HEADER_BYTES - start

    def open_run(self, position: int, count: int, segments: memoryview, spare: bytearray | None = None) -> bytearray:
        """The plaintext of `count` segments that lie one after the other. Raises Damaged unless they are exactly those.

        It is put into `spare`, if that has its length: memory that is used again need not be zeroed again.
        """
        sealed, plain = self._parameters.segment_bytes, self._parameters.plain_bytes
        length = min(count * plain, self.plain_length - position * plain)
        opened = spare if spare is not None and len(spare) == length else bytearray(length)
        out = memoryview(opened)
        for number in range(count):
            segment = segments[number * sealed : (number + 1) * sealed]
            self.open_into(position + number, segment, out[number * plain : (number + 1) * plain])
        return opened

    def open_all(self, sealed: Buffer) -> bytes:
        """The plaintext of the whole message, header included in `sealed`. Raises Damaged."""
        view, size = memoryview(sealed), self._parameters.segment_bytes
        if self.last == 0:
            return self.open(0, view[HEADER_BYTES:])
        starts = range(HEADER_BYTES, len(view), size)
        return b"".join([self.open(position, view[at : at + size]) for position, at in enumerate(starts)])

    def _checked(self, position: int, segment: Buffer) -> tuple[bytes, bytes]:
        """The nonce and the associated data of a segment whose place and length are right."""
        if not 0 <= position <= self.last:
            raise ValueError("the message has no such segment")
        is_last = position == self.last
        expected = (
            self.plain_length - position * self._parameters.plain_bytes + SEGMENT_OVERHEAD_BYTES
            if is_last
            else self._parameters.segment_bytes
        )
        length = expected.to_bytes(_LENGTH_BYTES, "big") if is_last else _NOT_LAST
        if len(segment) != expected or bytes(segment[:_LENGTH_BYTES]) != length:
            raise _damaged("a segment")
        return bytes(segment[_LENGTH_BYTES:_BODY_AT]), position.to_bytes(8, "big") + (b"\x01" if is_last else b"\x00")


def seal(key: Buffer, aad: bytes, plaintext: Buffer, parameters: Parameters) -> bytes:
    """A whole message in memory."""
    sealer = Sealer(key, aad, parameters)
    view, size = memoryview(plaintext), parameters.plain_bytes
    if len(view) <= size:
        return sealer.header + sealer.seal_last(view)
    cut = (len(view) - 1) // size * size
    middle = [sealer.seal(view[at : at + size]) for at in range(0, cut, size)]
    return b"".join((sealer.header, *middle, sealer.seal_last(view[cut:])))


def open_all(key: Buffer, aad: bytes, sealed: Buffer, parameters: Parameters) -> bytes:
    """The plaintext of a whole message in memory. Raises Damaged."""
    header = bytes(memoryview(sealed)[:HEADER_BYTES])
    return Opener(key, aad, header, len(sealed), parameters).open_all(sealed)


def _damaged(what: str) -> Damaged:
    return Damaged(f"{what} does not verify", code=DAMAGED)
