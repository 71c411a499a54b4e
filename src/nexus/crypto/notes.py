"""Signed notes and checkpoints as C2SP defines them (signed-note, tlog-checkpoint, tlog-cosignature).

A note is text with signature lines. A checkpoint is a note that states a log's origin, size and root. Three signature
types are known here, each with its own message:

  0x01  Ed25519            signs the note text
  0x04  Ed25519 cosigner   signs `cosignature/v1`, a time, and the note text
  0x06  ML-DSA-44          signs a binary structure of cosigner, time, origin, size and root

Signing is split in two, `message_to_sign` and `encode_signature`, because private keys may live in another process.
"""

import struct
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from nexus.crypto.base64 import strict_b64decode
from nexus.crypto.merkle import EMPTY_ROOT, HASH_BYTES
from nexus.kernel.errors import Damaged, Invalid

MAX_NOTE_BYTES = 131_072
"""Bytes of a note: room for sixteen ML-DSA signatures and more."""
MAX_SIGNATURES = 32
"""Signature lines of a note; C2SP asks for at least 16."""
MAX_TREE_SIZE = 2**63 - 1
MAX_TIMESTAMP = 2**63 - 1
"""Seconds since 1970."""
MAX_NAME_BYTES = 255
"""UTF-8 bytes of a key name or origin: what the ML-DSA message can hold."""

_KEY_ID_BYTES = 4
_TIMESTAMP_BYTES = 8
_DASH = "\N{EM DASH} "


class SignatureType(IntEnum):
    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    MLDSA44 = 0x06

    @property
    def public_key_bytes(self) -> int:
        return 1312 if self is SignatureType.MLDSA44 else 32

    @property
    def raw_bytes(self) -> int:
        """Length of the bare signature, without its timestamp."""
        return 2420 if self is SignatureType.MLDSA44 else 64

    @property
    def timestamped(self) -> bool:
        return self is not SignatureType.ED25519


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name, for one type of signature. `str()` is its C2SP vkey."""

    name: str
    type: SignatureType
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise Invalid("a key name has no space, no plus sign, and 1 to 255 bytes", code="note.key-name")
        if len(self.public_key) != self.type.public_key_bytes:
            raise Invalid(f"a public key of type {self.type:#04x} has another length", code="note.key")

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a vkey: `<name>+<key id in hex>+<base64 of type and public key>`. Raises Invalid."""
        name, plus, rest = text.partition("+")
        key_id, plus, encoded = rest.partition("+")
        if not plus:
            raise Invalid("a verifier key has the form name+id+key", code="note.key")
        material = strict_b64decode(encoded, "verifier key")
        if not material or material[0] not in tuple(SignatureType):
            raise Invalid("unknown signature type in a verifier key", code="note.key-type")
        key = cls(name, SignatureType(material[0]), material[1:])
        if key.id.hex() != key_id:
            raise Invalid(f"the key id of {name} does not belong to its key", code="note.key-id")
        return key

    @property
    def id(self) -> bytes:
        """Four bytes that, with the name, say which key signed."""
        return sha256(self.name.encode() + b"\n" + self._material()).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(self._material()).decode()}"

    def _material(self) -> bytes:
        return bytes((self.type,)) + self.public_key


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """A signature line. `signature` is everything after the key id, its timestamp included where the type has one."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> "NoteSignature":
        """Read a line without its newline. Raises Invalid."""
        name, _, encoded = line.removeprefix(_DASH).rpartition(" ")
        if not line.startswith(_DASH) or not is_key_name(name):
            raise Invalid("a signature line is a dash, a key name and base64", code="note.signature")
        blob = strict_b64decode(encoded, "signature")
        if len(blob) <= _KEY_ID_BYTES:
            raise Invalid("a signature is longer than its key id", code="note.signature")
        return cls(name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:])

    def is_by(self, key: VerifierKey) -> bool:
        """Whether this line claims to be of `key`; says nothing about its validity."""
        return self.name == key.name and self.key_id == key.id

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends with a newline; `str()` is the whole signed note."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, source: str | bytes) -> "Note":
        """Read a signed note. Raises Invalid on anything that C2SP does not allow."""
        text = _decode(source)
        body, blank, lines = text.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise Invalid("a note is text, an empty line and signature lines", code="note.form")
        rows = lines.removesuffix("\n").split("\n")
        if len(rows) > MAX_SIGNATURES:
            raise Invalid(f"a note has at most {MAX_SIGNATURES} signatures", code="note.too-many-signatures")
        return cls(body + "\n", tuple(NoteSignature.parse(row) for row in rows))

    def signed_by(self, *signatures: NoteSignature) -> "Note":
        """The same note with more signatures; one that is there already is not added again."""
        fresh = dict.fromkeys(signatures).keys() - set(self.signatures)
        return Note(self.text, (*self.signatures, *(s for s in dict.fromkeys(signatures) if s in fresh)))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says, without its signatures. `str()` is the note text."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note text. Raises Invalid."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] != "" or "" in lines[:-1]:
            raise Invalid("a checkpoint is at least three lines that are not empty", code="checkpoint.form")
        origin, size, root, *extensions = lines[:-1]
        return cls(origin, parse_size(size), strict_b64decode(root, "root hash"), tuple(extensions))

    def __post_init__(self) -> None:
        if not 0 < len(self.origin.encode()) <= MAX_NAME_BYTES:
            raise Invalid("the origin of a checkpoint has 1 to 255 bytes", code="checkpoint.origin")
        if not 0 <= self.size <= MAX_TREE_SIZE or len(self.root) != HASH_BYTES:
            raise Invalid("a checkpoint has a size and a root of 32 bytes", code="checkpoint.form")

    @property
    def contradicts_empty(self) -> bool:
        """Whether it claims an empty log with another root than that of the empty tree."""
        return self.size == 0 and self.root != EMPTY_ROOT

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "\n".join(lines) + "\n"


def parse_size(text: str) -> int:
    """A tree size: decimal ASCII, no sign, no leading zero, at most 2**63 - 1. Raises Invalid."""
    if not (text.isascii() and text.isdigit()) or (text[0] == "0" and text != "0") or len(text) > 19:
        raise Invalid("a tree size is a decimal number without leading zeroes", code="checkpoint.size")
    size = int(text)
    if size > MAX_TREE_SIZE:
        raise Invalid("a tree size is at most 2**63 - 1", code="checkpoint.size")
    return size


def is_key_name(name: str) -> bool:
    """Whether `name` may name a key: 1 to 255 bytes, no Unicode space, no plus sign, no control character."""
    return 0 < len(name.encode()) <= MAX_NAME_BYTES and not any(c.isspace() or c == "+" or c < " " for c in name)


def message_to_sign(key: VerifierKey, text: str, timestamp: int = 0) -> bytes:
    """What the private half of `key` signs for a note with this text. `timestamp` (s): for the types that carry one.

    Raises Invalid where the type signs checkpoints only and the text is none.
    """
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise Invalid("a cosignature's time is at most 2**63 - 1 seconds", code="note.timestamp")
    if key.type is SignatureType.ED25519:
        return text.encode()
    checkpoint = Checkpoint.parse(text)
    if key.type is SignatureType.ED25519_COSIGNATURE:
        return f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    name, origin = key.name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            b"subtree/v1\n\x00",
            struct.pack(">B", len(name)) + name,
            struct.pack(">Q", timestamp),
            struct.pack(">B", len(origin)) + origin,
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


def encode_signature(key: VerifierKey, raw: bytes, timestamp: int = 0) -> NoteSignature:
    """The signature line for a bare signature over `message_to_sign(key, text, timestamp)`."""
    if len(raw) != key.type.raw_bytes:
        raise Invalid(f"a signature of type {key.type:#04x} has {key.type.raw_bytes} bytes", code="note.signature")
    prefix = struct.pack(">Q", timestamp) if key.type.timestamped else b""
    return NoteSignature(key.name, key.id, prefix + raw)


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Which of `keys` signed `note`, with the time (s) of each signature; 0 where the type has no time.

    Lines by other keys are ignored. Raises Damaged if a line of a known key does not verify: such a note is malformed
    as a whole.
    """
    verified: dict[VerifierKey, int] = {}
    for key in keys:
        for line in note.signatures:
            if line.is_by(key):
                verified[key] = max(verified.get(key, 0), _verify_line(key, note.text, line))
    return verified


def _verify_line(key: VerifierKey, text: str, line: NoteSignature) -> int:
    # Step 1. The signature has the length of its type.
    timestamp, raw = 0, line.signature
    if key.type.timestamped:
        if len(raw) < _TIMESTAMP_BYTES:
            raise _bad_signature(key)
        timestamp, raw = struct.unpack(">Q", raw[:_TIMESTAMP_BYTES])[0], raw[_TIMESTAMP_BYTES:]
    if len(raw) != key.type.raw_bytes or timestamp > MAX_TIMESTAMP:
        raise _bad_signature(key)
    # Step 2. It is by this key over this text at this time.
    message = message_to_sign(key, text, timestamp)
    try:
        if key.type is SignatureType.MLDSA44:
            MLDSA44PublicKey.from_public_bytes(key.public_key).verify(raw, message)
        else:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(raw, message)
    except (InvalidSignature, ValueError):
        raise _bad_signature(key) from None
    return timestamp


def _bad_signature(key: VerifierKey) -> Damaged:
    return Damaged(f"the signature of {key.name} (type {key.type:#04x}) does not verify", code="note.bad-signature")


def _decode(source: str | bytes) -> str:
    try:
        raw = source.encode() if isinstance(source, str) else source
        text = raw.decode()
    except UnicodeError:
        raise Invalid("a note is UTF-8 text", code="note.encoding") from None
    if len(raw) > MAX_NOTE_BYTES:
        raise Invalid(f"a note has at most {MAX_NOTE_BYTES} bytes", code="note.too-large")
    if any(c < " " and c != "\n" for c in text):
        raise Invalid("a note has no control character but newline", code="note.encoding")
    return text
