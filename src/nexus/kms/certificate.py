"""Destruction certificates: a statement of what was destroyed, signed with the service's own keys.

docs/formats/key-service.md gives the form. Anybody can verify one with the public keys, which stand in the inventory
and in the audit entries of the keys' creation.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from msgspec import Struct

from nexus.kernel.errors import Damaged
from nexus.kms.model import Algorithm

FORMAT: Final = "nexus-key-destruction/1"
MAX_CERTIFICATE_BYTES: Final = 65_536
MAX_LISTED_VERSIONS: Final = 32


class DestroyedVersion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: int
    created_at: str
    custody: str


class Statement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the service says that it did. Times are RFC 3339."""

    format: str
    instance: str
    key_id: str
    key_class: str
    algorithm: str
    owner: str
    purpose: str
    created_at: str
    version_count: int
    versions: tuple[DestroyedVersion, ...]
    """The newest of them, `MAX_LISTED_VERSIONS` at most: the certificate must fit into an entry of the audit log."""
    approval: str
    """The four-eyes approval under which the destruction was scheduled."""
    scheduled_for: str
    destroyed_at: str
    provider: str
    emulated: bool
    method: str
    """What was physically done."""


class Signature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    algorithm: str
    key_id: str
    version: int
    signature: bytes


class Certificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    statement: Statement
    signatures: tuple[Signature, ...]


def signed_bytes(statement: Statement) -> bytes:
    """What the signatures cover: the format's name, a zero byte, and the statement as JSON with sorted keys."""
    return FORMAT.encode() + b"\0" + msgspec.json.encode(statement, order="sorted")


def encode(certificate: Certificate) -> bytes:
    """UTF-8 JSON, keys sorted, signatures in base 64."""
    return msgspec.json.encode(certificate, order="sorted")


def verify(encoded: bytes, public_keys: Mapping[str, bytes]) -> Statement:
    """The statement of a certificate. `public_keys`: raw public keys by algorithm name; all of them must have signed.

    1. It decodes, and names this format. 2. For each given key there is a signature of that algorithm. 3. Every one of
    them verifies. Raises Damaged at the first step that fails.
    """
    if len(encoded) > MAX_CERTIFICATE_BYTES:
        raise Damaged("this is too long for a destruction certificate", code="kms.certificate")
    try:
        certificate = msgspec.json.decode(encoded, type=Certificate)
    except msgspec.DecodeError as error:
        raise Damaged("this is no destruction certificate", code="kms.certificate") from error
    if certificate.statement.format != FORMAT or not public_keys:
        raise Damaged("a destruction certificate of an unknown format, or no keys to verify it", code="kms.certificate")
    message = signed_bytes(certificate.statement)
    signatures = {each.algorithm: each.signature for each in certificate.signatures}
    for algorithm, public in public_keys.items():
        try:
            _VERIFIERS[algorithm](public, signatures[algorithm], message)
        except (InvalidSignature, KeyError, ValueError) as error:
            raise Damaged(
                f"the {algorithm} signature of a destruction certificate does not verify", code="kms.certificate"
            ) from error
    return certificate.statement


_VERIFIERS: Final[Mapping[str, Callable[[bytes, bytes, bytes], None]]] = {
    Algorithm.ED25519.value: lambda public, signature, message: Ed25519PublicKey.from_public_bytes(public).verify(
        signature, message
    ),
    Algorithm.ML_DSA_44.value: lambda public, signature, message: MLDSA44PublicKey.from_public_bytes(public).verify(
        signature, message
    ),
}
