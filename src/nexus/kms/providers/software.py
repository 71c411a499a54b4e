"""Keys that are used in this process's memory: all keys of the keystore, and what a token cannot hold itself."""

import hmac
import os
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.crypto import wrapping
from nexus.kernel.errors import Invalid
from nexus.kms.model import Algorithm
from nexus.kms.ports import ProviderKey

SEED_BYTES = 32
COORDINATE_BYTES = 32
"""Of a point, a scalar, or a half of a signature on P-256."""
RSA_BITS = 3_072
RSA_EXPONENT = 65_537


def generate(algorithm: Algorithm) -> bytes:
    """Fresh private material: 32 bytes, or for RSA the DER of PKCS #8."""
    if algorithm is Algorithm.RSA_3072:
        return generate_private_key(RSA_EXPONENT, RSA_BITS).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    if algorithm is Algorithm.ECDSA_P256:
        scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        return scalar.to_bytes(COORDINATE_BYTES, "big")
    return os.urandom(SEED_BYTES)


def load(algorithm: Algorithm, material: bytes) -> ProviderKey:
    """The usable key of some material."""
    return _KINDS[algorithm](material)


def recipient_key(der: bytes) -> RSAPublicKey:
    """The public key that an export is wrapped for. Raises Invalid."""
    try:
        key = serialization.load_der_public_key(der)
    except ValueError as error:
        raise Invalid("the recipient's key is not a DER SubjectPublicKeyInfo", code="kms.recipient") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS:
        raise Invalid(f"the recipient's key must be RSA of {RSA_BITS} bits or more", code="kms.recipient")
    return key


class SealingKey(ProviderKey):
    """AES-256-GCM."""

    def __init__(self, material: bytes) -> None:
        self._cipher = AESGCM(material)

    def seal(self, plaintext: bytes, associated: bytes) -> bytes:
        return wrapping.seal(self._cipher, plaintext, associated)

    def unseal(self, sealed: bytes, associated: bytes) -> bytes:
        return wrapping.unseal(self._cipher, sealed, associated)


class MacKey(ProviderKey):
    """HMAC-SHA-256."""

    def __init__(self, material: bytes) -> None:
        self._key = material

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self._key, message, "sha256")


class Ed25519Key(ProviderKey):
    """From its seed of 32 bytes."""

    def __init__(self, material: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(material)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


class MlDsaKey(ProviderKey):
    """ML-DSA-44, from its seed of 32 bytes."""

    def __init__(self, material: bytes) -> None:
        self._key = MLDSA44PrivateKey.from_seed_bytes(material)

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


class EcdsaKey(ProviderKey):
    """ECDSA over P-256 with SHA-256, from its private scalar (32 bytes, big endian)."""

    def __init__(self, material: bytes) -> None:
        self._key = ec.derive_private_key(int.from_bytes(material, "big"), ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        halves = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return b"".join(half.to_bytes(COORDINATE_BYTES, "big") for half in halves)

    def public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )


class TransportKey(ProviderKey):
    """The RSA key pair of an import; only its provider takes it apart."""

    def __init__(self, material: bytes) -> None:
        key = serialization.load_der_private_key(material, None)
        assert isinstance(key, RSAPrivateKey)
        self.private = key

    def public_bytes(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


_KINDS: Mapping[Algorithm, Callable[[bytes], ProviderKey]] = {
    Algorithm.AES_256_GCM: SealingKey,
    Algorithm.HMAC_SHA_256: MacKey,
    Algorithm.ED25519: Ed25519Key,
    Algorithm.ML_DSA_44: MlDsaKey,
    Algorithm.ECDSA_P256: EcdsaKey,
    Algorithm.RSA_3072: TransportKey,
}
