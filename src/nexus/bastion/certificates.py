"""OpenSSH user certificates: put together, signed elsewhere, taken apart again. Pure.

The layout is that of OpenSSH's PROTOCOL.certkeys. The signature is made by the key service, which is handed the bytes
to sign; docs/explanation/bastion.md says what each field holds.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from nexus.bastion import wire
from nexus.bastion.wire import Reader
from nexus.kernel.errors import Invalid

ED25519: Final = "ssh-ed25519"
CERTIFICATE_SUFFIX: Final = "-cert-v01@openssh.com"
KEY_FIELDS: Final[Mapping[str, int]] = {
    ED25519: 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
}
"""The kinds of keys that get a certificate, and how many fields each has after its name."""
USER: Final = 1
"""The type of a certificate that names a user (2 names a host)."""
SOURCE_ADDRESS: Final = "source-address"
PERMIT_PTY: Final = "permit-pty"
NONCE_BYTES: Final = 32
MAX_PUBLIC_KEY_CHARS: Final = 1_024
MAX_CERTIFICATE_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A user's key: its name, and its fields as they stand on the wire."""

    name: str
    fields: bytes

    @property
    def blob(self) -> bytes:
        return wire.string(self.name.encode()) + self.fields


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. Times are seconds since 1970. `authority` is the raw Ed25519 key that signed it."""

    key: PublicKey
    serial: int
    kind: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    options: tuple[tuple[str, bytes], ...]
    extensions: tuple[tuple[str, bytes], ...]
    authority: bytes


def parse_public_key(line: str) -> PublicKey:
    """`ssh-ed25519 AAAA… comment`, as in a .pub file. Raises Invalid on another form or kind of key."""
    parts = line.split(maxsplit=2)
    if len(line) > MAX_PUBLIC_KEY_CHARS or len(parts) < 2 or parts[0] not in KEY_FIELDS:
        raise Invalid(
            "this is no public key that gets a certificate",
            code="bastion.public-key",
            hint=f"one line, as in a .pub file, of one of these kinds: {', '.join(KEY_FIELDS)}",
        )
    try:
        reader = Reader(base64.b64decode(parts[1], validate=True))
    except binascii.Error:
        raise wire.malformed() from None
    if reader.text() != parts[0]:
        raise wire.malformed()
    key = PublicKey(parts[0], wire.strings(reader.string() for _ in range(KEY_FIELDS[parts[0]])))
    if not reader.ended:
        raise wire.malformed()
    return key


def to_be_signed(certificate: Certificate, nonce: bytes) -> bytes:
    """Everything of a certificate before its signature."""
    return b"".join(
        (
            wire.string((certificate.key.name + CERTIFICATE_SUFFIX).encode()),
            wire.string(nonce),
            certificate.key.fields,
            wire.uint64(certificate.serial),
            wire.uint32(certificate.kind),
            wire.string(certificate.key_id.encode("ascii")),
            wire.string(wire.strings(name.encode("ascii") for name in certificate.principals)),
            wire.uint64(certificate.valid_after),
            wire.uint64(certificate.valid_before),
            _pairs(certificate.options),
            _pairs(certificate.extensions),
            wire.string(b""),
            wire.string(ed25519_blob(certificate.authority)),
        )
    )


def signed(tbs: bytes, signature: bytes) -> bytes:
    """The whole certificate: what was signed, and the raw Ed25519 signature."""
    return tbs + wire.string(wire.strings((ED25519.encode(), signature)))


def line_of(certificate: bytes, comment: str) -> str:
    """As it stands in a `-cert.pub` file."""
    name = Reader(certificate).text()
    return f"{name} {base64.b64encode(certificate).decode()} {comment}"


def ed25519_blob(public: bytes) -> bytes:
    """A raw Ed25519 public key in SSH's form."""
    return wire.strings((ED25519.encode(), public))


def open_certificate(content: bytes) -> Certificate:
    """Take a certificate apart and verify its signature by the authority that it names. Who that is, is judged elsewhere.

    Raises Invalid unless it is whole, of a known kind of key, and signed by an Ed25519 key.
    """
    if len(content) > MAX_CERTIFICATE_BYTES:
        raise wire.malformed()
    reader = Reader(content)
    name = reader.text().removesuffix(CERTIFICATE_SUFFIX)
    if name not in KEY_FIELDS or not content.startswith(wire.string((name + CERTIFICATE_SUFFIX).encode())):
        raise wire.malformed()
    reader.string()  # the nonce
    key = PublicKey(name, wire.strings(reader.string() for _ in range(KEY_FIELDS[name])))
    serial, kind, key_id, principals = reader.number(8), reader.number(4), reader.text(), reader.texts()
    valid_after, valid_before = reader.number(8), reader.number(8)
    options, extensions = reader.pairs(), reader.pairs()
    reader.string()  # reserved
    authority = _ed25519(reader.string())
    tbs = reader.consumed
    signature = _signature(reader.string())
    if not reader.ended:
        raise wire.malformed()
    try:
        Ed25519PublicKey.from_public_bytes(authority).verify(signature, tbs)
    except (InvalidSignature, ValueError):
        raise Invalid("the certificate's signature does not verify", code="bastion.signature") from None
    return Certificate(key, serial, kind, key_id, principals, valid_after, valid_before, options, extensions, authority)


def source_address(address: str) -> bytes:
    """The data of the option that binds a certificate to one address."""
    return wire.string(address.encode("ascii"))


def _pairs(pairs: tuple[tuple[str, bytes], ...]) -> bytes:
    """Names in order, as OpenSSH asks."""
    return wire.string(b"".join(wire.string(name.encode()) + wire.string(data) for name, data in sorted(pairs)))


def _ed25519(blob: bytes) -> bytes:
    reader = Reader(blob)
    if reader.text() != ED25519:
        raise wire.malformed()
    public = reader.string()
    if not reader.ended:
        raise wire.malformed()
    return public


def _signature(blob: bytes) -> bytes:
    return _ed25519(blob)  # the same form: the algorithm's name, then its bytes
