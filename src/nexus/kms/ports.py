"""What the key service needs of whatever holds its keys. One contract suite runs over every implementation."""

from dataclasses import dataclass
from typing import Final, Protocol

from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret
from nexus.kms.model import Algorithm, Custody, KeyEvent

TOKEN_LOST: Final = "kms.token-lost"  # noqa: S105 - a code, not a password
"""Code of the Unavailable after which the service seals itself: the provider must be opened again with its secret."""


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What a piece of key material is. The provider binds it to the material: it cannot be passed off as another."""

    name: str
    """`<key id>/<version>`: unique, and shown as the label on a token."""
    algorithm: Algorithm
    exportable: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Material that a provider holds. `handle` is stored beside the key and is useless without the provider."""

    handle: bytes
    custody: Custody


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What a provider says of itself, for status and certificates."""

    name: str
    """`keystore` or `pkcs11`."""
    device: str
    emulated: bool
    """Software: proves the protocol, never the tamper resistance."""
    oaep_hash: str
    """`SHA-256` or `SHA-1`: the hash of RSA-OAEP that the transport of keys uses here."""
    destruction: str
    """What destruction physically does, as the certificate states it."""


class ProviderKey:
    """A key in use. It stays where it is; each kind of key overrides what it can do."""

    def seal(self, plaintext: bytes, associated: bytes) -> bytes:
        """AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes)."""
        raise _other_kind()

    def unseal(self, sealed: bytes, associated: bytes) -> bytes:
        """The inverse of `seal`. Raises Damaged if anything differs."""
        raise _other_kind()

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256, 32 bytes."""
        raise _other_kind()

    def sign(self, message: bytes) -> bytes:
        """Raw signature: 64 bytes Ed25519, 2420 bytes ML-DSA-44, 64 bytes ECDSA P-256 (r then s, of the SHA-256)."""
        raise _other_kind()

    def public_bytes(self) -> bytes:
        """Raw public key of a signing key; DER SubjectPublicKeyInfo of a transport key."""
        raise _other_kind()


def _other_kind() -> Invalid:
    return Invalid("this key is of another class and cannot be used so", code="kms.key-class")


class Provider(Protocol):
    """Holds key material and lets none of it out in clear. Every method runs on one and the same thread.

    Every method may raise Unavailable when the device is gone; after that only `close` is called.
    """

    @property
    def facts(self) -> ProviderFacts: ...

    def open(self, secret: Secret) -> None:
        """Take the secret that the seal protects (a PIN, or the keystore's master). Raises Denied if it is not it."""

    def close(self) -> None:
        """Forget every secret and drop the session. Never raises; handles given before are dead."""

    def generate(self, spec: KeySpec) -> Held:
        """Make key material. Durable on return."""

    def use(self, spec: KeySpec, handle: bytes) -> ProviderKey:
        """The key behind a handle. Raises NotFound if the provider does not hold it (any more)."""

    def admit(self, spec: KeySpec, transport: ProviderKey, wrapped: bytes) -> Held:
        """Import: `wrapped` (OAEP then KWP) under a transport key of this provider. Raises Damaged."""

    def release(self, spec: KeySpec, handle: bytes, recipient: bytes) -> bytes:
        """Export an exportable key (KWP, its key under OAEP to the recipient's SubjectPublicKeyInfo). Raises Denied."""

    def destroy(self, handle: bytes) -> None:
        """Destroy material for good, wherever a backup of it may be. Durable on return; twice is once."""


@dataclass(frozen=True, slots=True)
class Announced:
    """How an announcement ended: every holder of cached keys confirmed it or was cut off."""

    confirmed: int
    dropped: int


class Announcer(Protocol):
    """Tells the holders of cached keys what happened, and waits (bounded) until none can use a stale key any more."""

    async def announce(self, event: KeyEvent) -> Announced: ...
