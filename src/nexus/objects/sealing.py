"""How keys, bodies and metadata are sealed, and what each is bound to. Format: docs/formats/object.md.

    bucket key --XAES-256-GCM--> object key (64 bytes) --FLOE--> body, or each part
                                                       --AES-256-GCM--> facts: metadata, and what the row claims

Of an object of one patient, the bucket key seals what the key of that subject sealed first (AES-256-GCM): both are needed,
so that without the subject's key nothing of it opens any more.

Everything is bound to its place (bucket id, object key, version id) as associated data, so that a row or a file that
was moved to another place does not open there.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.crypto import floe
from nexus.crypto.xaes import XAES
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Damaged, Sealed
from nexus.kernel.secret import Secret
from nexus.objects.errors import KEY_GONE, damaged
from nexus.objects.model import KIB, Metadata

T = TypeVar("T")

DOMAIN: Final = b"nexus-object/1"
"""Format 1 of everything here; part of all associated data."""
SEGMENTS: Final = floe.Parameters(segment_bytes=128 * KIB + floe.SEGMENT_OVERHEAD_BYTES)
"""128 KiB of plaintext each, by docs/decisions/0005-segmented-encryption.md."""
FORMAT: Final = b"\x01"
"""First byte of every sealed key and of all sealed facts."""
OF_SUBJECT: Final = b"\x02"
"""First byte of a sealed object key that needs the key of its subject besides."""

_HALF: Final = 32
_NONCE: Final = 12
_TAG: Final = 16
_VERIFIER: Final = 16


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _kind(name: bytes) -> bytes:
    return _field(DOMAIN) + _field(name)


KEY: Final = _kind(b"object-key")
FACTS: Final = _kind(b"facts")
BODY: Final = _kind(b"body")
MANIFEST: Final = _kind(b"manifest")
PART: Final = _kind(b"part")
PART_ETAG: Final = _kind(b"part-etag")
UPLOAD_KEY: Final = _kind(b"upload-key")
UPLOAD_FACTS: Final = _kind(b"upload-facts")
SUBJECT_INDEX: Final = _kind(b"subject-index")
SUBJECT_ID: Final = _kind(b"subject-id")
SUBJECT_KEY: Final = _kind(b"subject-key")
SUBJECT_LIST: Final = _kind(b"subject-manifest")
CLIENT: Final = _kind(b"customer-content")
VERIFIER: Final = _kind(b"customer-verifier")


def hkdf(salt: bytes, key: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-SHA256."""
    return HKDF(hashes.SHA256(), _HALF, salt, info).derive(key)


class Place:
    """Where something belongs: ids and names, the outermost first."""

    __slots__ = ("_fields",)

    def __init__(self, *fields: str) -> None:
        self._fields = b"".join([_field(field.encode()) for field in fields])

    def bind(self, kind: bytes) -> bytes:
        """Associated data of one kind of thing here. Every field stands behind its length: no two places look alike."""
        return kind + self._fields


class ObjectKey:
    """The keys of one object: 32 random bytes for its content, 32 for its facts and its manifest."""

    __slots__ = ("_opener", "_secret")

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._opener: tuple[bytes, bytes, int, floe.Opener] | None = None

    @classmethod
    def fresh(cls) -> "ObjectKey":
        """A key that no object has yet."""
        return cls(Secret(os.urandom(2 * _HALF)))

    @property
    def content(self) -> bytes:
        """The FLOE key."""
        return self._secret.reveal()[:_HALF]

    def open_content(self, sealed: bytes, aad: bytes) -> bytes:
        """The plaintext of a content that lies in memory as one FLOE message. Raises Damaged.

        What follows from its header is kept for the next time that this key opens it.
        """
        what = sealed[: floe.HEADER_BYTES], aad, len(sealed)
        if self._opener is None or self._opener[:3] != what:
            self._opener = (*what, floe.Opener(self.content, aad, what[0], what[2], SEGMENTS))
        return self._opener[3].open_all(sealed)

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Format byte, nonce, ciphertext and tag. For the few small things beside the body."""
        nonce = os.urandom(_NONCE)
        return FORMAT + nonce + AESGCM(self._secret.reveal()[_HALF:]).encrypt(nonce, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The inverse of `seal`. Raises Damaged."""
        if len(sealed) < 1 + _NONCE + _TAG or sealed[:1] != FORMAT:
            raise damaged("the metadata of an object")
        try:
            return AESGCM(self._secret.reveal()[_HALF:]).decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], aad)
        except InvalidTag:
            raise damaged("the metadata of an object") from None

    def joined_with(self, client_key: Secret) -> "ObjectKey":
        """The same, but its content opens with the client's key besides: HKDF-SHA256 of both (RFC 5869)."""
        half = hkdf(client_key.reveal(), self.content, CLIENT)
        return ObjectKey(Secret(half + self._secret.reveal()[_HALF:]))

    def verifier_of(self, client_key: Secret) -> bytes:
        """16 bytes that tell a client's key from others, and nothing about it to who does not hold this key."""
        return hkdf(self.content, client_key.reveal(), VERIFIER)[:_VERIFIER]

    def wrapped_by(self, cipher: XAES, aad: bytes, subject: "SubjectKey | None" = None) -> bytes:
        """Format byte, nonce, ciphertext and tag, under a bucket key; with `subject`, under its key first."""
        if subject is None:
            return FORMAT + cipher.seal(self._secret.reveal(), aad)
        return OF_SUBJECT + cipher.seal(subject.seal(self._secret.reveal(), aad), aad)


class SubjectKey:
    """The key of one subject: 32 random bytes. Destroying it makes every object of the subject unreadable."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: Secret) -> None:
        """Takes the secret over."""
        self._cipher = AESGCM(secret.reveal())
        secret.wipe()

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        """Nonce, ciphertext and tag. Random nonces: one subject has far fewer than 2^32 objects."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """The inverse of `seal`. Raises Damaged."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
        except InvalidTag:
            raise damaged("the key of an object") from None


class BucketKey:
    """A bucket key in use. Once revoked it works no more, in streams that hold it too."""

    __slots__ = ("__weakref__", "_cipher", "_leased", "key_id")

    def __init__(self, secret: Secret, key_id: str, leased: Callable[[], bool]) -> None:
        """Takes the secret over. `leased` tells whether keys may be used at this moment."""
        self.key_id = key_id
        self._leased = leased
        self._cipher: XAES | None = XAES(secret.reveal())
        secret.wipe()

    def require(self) -> XAES:
        """The cipher, if the key may still be used. Raises Sealed."""
        cipher = self._cipher
        if cipher is None or not self._leased():
            raise Sealed(
                "the key of this bucket is no longer at hand: the key service is sealed, lost, or took it back",
                code=KEY_GONE,
                hint="unseal the key service or enable the key, then retry",
            )
        return cipher

    @property
    def revoked(self) -> bool:
        return self._cipher is None

    def revoke(self) -> None:
        """Forget the key."""
        self._cipher = None

    def wrap(self, key: ObjectKey, aad: bytes, subject: SubjectKey | None = None) -> bytes:
        """An object key for the row of its object."""
        return key.wrapped_by(self.require(), aad, subject)

    def unwrap(self, wrapped: bytes, aad: bytes, subject: SubjectKey | None = None) -> ObjectKey:
        """The object key of a row. Raises Damaged if the row is not the one it was made for, or of another subject."""
        cipher = self.require()
        if wrapped[:1] != (FORMAT if subject is None else OF_SUBJECT):
            raise damaged("the key of an object")
        try:
            inner = cipher.open(wrapped[1:], aad)
        except Damaged:
            raise damaged("the key of an object") from None
        plain = inner if subject is None else subject.open(inner, aad)
        if len(plain) != 2 * _HALF:
            raise damaged("the key of an object")
        return ObjectKey(Secret(plain))


INLINE: Final = "inline"
"""`Facts.content` of a body that is kept in the database."""


class Facts(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is sealed with each version: its metadata, and the claims of its row that must not be altered."""

    size: int
    etag: str
    modified_at: Instant
    content: str
    """`inline`, `blob:<id>` or `parts:<upload id>`."""
    part_count: int
    metadata: Metadata
    checksums: Mapping[str, str]


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A line of a manifest: one part and the blob that holds it."""

    number: int
    blob: str
    size: int
    checksums: Mapping[str, str]


_encode = msgspec.msgpack.Encoder().encode
_facts = msgspec.msgpack.Decoder(Facts)
_manifest = msgspec.msgpack.Decoder(tuple[Piece, ...])
_metadata = msgspec.msgpack.Decoder(Metadata)


def seal_facts(key: ObjectKey, place: Place, facts: Facts) -> bytes:
    """Facts for the row of a version."""
    return key.seal(_encode(facts), place.bind(FACTS))


def open_facts(key: ObjectKey, place: Place, sealed: bytes) -> Facts:
    """The inverse of `seal_facts`. Raises Damaged."""
    return _decoded(_facts, key.open(sealed, place.bind(FACTS)))


def seal_manifest(key: ObjectKey, place: Place, pieces: tuple[Piece, ...]) -> bytes:
    """The list of parts of an object."""
    return key.seal(_encode(pieces), place.bind(MANIFEST))


def open_manifest(key: ObjectKey, place: Place, sealed: bytes) -> tuple[Piece, ...]:
    """The inverse of `seal_manifest`. Raises Damaged."""
    return _decoded(_manifest, key.open(sealed, place.bind(MANIFEST)))


def seal_metadata(key: ObjectKey, place: Place, metadata: Metadata) -> bytes:
    """The metadata of an upload, until it becomes an object."""
    return key.seal(_encode(metadata), place.bind(UPLOAD_FACTS))


def open_metadata(key: ObjectKey, place: Place, sealed: bytes) -> Metadata:
    """The inverse of `seal_metadata`. Raises Damaged."""
    return _decoded(_metadata, key.open(sealed, place.bind(UPLOAD_FACTS)))


def _decoded(decoder: "msgspec.msgpack.Decoder[T]", plaintext: bytes) -> T:
    try:
        return decoder.decode(plaintext)
    except msgspec.DecodeError as error:
        raise damaged("the metadata of an object") from error
