"""What the key service speaks of: keys, versions, states, data keys, events, status. Frozen values and tables only."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.operation import Resource
from nexus.kernel.secret import Secret

MIN_WAITING_DAYS = 7
"""Days between the order to destroy a key and its destruction, at least."""
MAX_WAITING_DAYS = 30
MIN_ROTATION_DAYS = 1
MAX_ROTATION_DAYS = 3_650
MAX_OWNER_CHARS = 128
MAX_PURPOSE_CHARS = 200
MAX_DATA_KEY_BYTES = 512
"""Data keys are keys: the service wraps nothing larger."""
MAX_CONTEXT_ENTRIES = 16
MAX_CONTEXT_BYTES = 2_048
"""Canonical JSON of a context, at most."""
MAX_BATCH_ITEMS = 4_096
"""Items of one `rewrap` or `prf` call."""
MAX_WRAPS_PER_VERSION = 2**32
"""Random 96-bit nonces under one AES-GCM key (NIST SP 800-38D, 8.3): beyond this, the key rotates itself."""
SYSTEM_OWNER = "system:kms"
"""Owner of the keys that the service made for itself; they sign destruction certificates and nothing else."""

Context = Mapping[str, str]
"""What a data key belongs to (`{"bucket": "…"}`); bound as associated data, so that it opens in no other place."""


class KeyClass(StrEnum):
    """What a key may be used for. A key never changes its class."""

    DATA = "data"
    """AES-256: wraps data keys at rest."""
    IMPORTED = "imported"
    """AES-256 made elsewhere: wraps data keys, rotates by another import."""
    PSEUDONYMISATION = "pseudonymisation"
    """HMAC-SHA-256: computes pseudonyms inside the service."""
    SIGNING = "signing"
    """Ed25519, ML-DSA-44 or ECDSA over P-256."""


class Algorithm(StrEnum):
    AES_256_GCM = "aes-256-gcm"
    HMAC_SHA_256 = "hmac-sha-256"
    ED25519 = "ed25519"
    ML_DSA_44 = "ml-dsa-44"
    ECDSA_P256 = "ecdsa-p256"
    """With SHA-256 (JOSE's ES256): what X.509 certificates and OpenID Connect clients understand."""
    RSA_3072 = "rsa-3072"
    """Transport of imported keys only; never a key of the inventory."""


ALGORITHMS: Mapping[KeyClass, tuple[Algorithm, ...]] = {
    KeyClass.DATA: (Algorithm.AES_256_GCM,),
    KeyClass.IMPORTED: (Algorithm.AES_256_GCM,),
    KeyClass.PSEUDONYMISATION: (Algorithm.HMAC_SHA_256,),
    KeyClass.SIGNING: (Algorithm.ED25519, Algorithm.ML_DSA_44, Algorithm.ECDSA_P256),
}
"""Algorithms of each class; the first is the default."""

WRAPPING = frozenset({KeyClass.DATA, KeyClass.IMPORTED})
"""Classes that wrap data keys."""

ROTATES_BY_ITSELF = frozenset({KeyClass.DATA})
"""Classes that the timer rotates when due. A new pseudonymisation key changes every pseudonym, a new signing key must
reach the verifiers first, and imported material comes from outside: those are reported as due, for a person to act."""


class KeyState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    PENDING_DESTRUCTION = "pending-destruction"
    """Unusable, and destroyed at `destroy_at` unless cancelled."""
    DESTROYING = "destroying"
    """Destruction has begun and cannot be called off; a restart finishes it."""
    DESTROYED = "destroyed"


TRANSITIONS: Mapping[KeyState, frozenset[KeyState]] = {
    KeyState.ENABLED: frozenset({KeyState.DISABLED, KeyState.PENDING_DESTRUCTION}),
    KeyState.DISABLED: frozenset({KeyState.ENABLED, KeyState.PENDING_DESTRUCTION}),
    KeyState.PENDING_DESTRUCTION: frozenset({KeyState.DISABLED, KeyState.DESTROYING}),
    KeyState.DESTROYING: frozenset({KeyState.DESTROYED}),
    KeyState.DESTROYED: frozenset(),
}
"""Where a key may go from each state. A cancelled destruction leaves it disabled: a person decides to enable it."""


class Custody(StrEnum):
    """Where the private or secret part of a key version lives."""

    IN_TOKEN = "in-token"  # noqa: S105 - a place, not a password
    """An object that the token does not let out."""
    WRAPPED_BY_TOKEN = "wrapped-by-token"  # noqa: S105
    """The token lacks the algorithm: wrapped by a key in the token, used in the service's memory only."""
    IN_KEYSTORE = "in-keystore"
    """Sealed in the software keystore, used in the service's memory only."""


class KeyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a key. The newest seals and signs; all open and verify."""

    number: int
    created_at: Instant
    custody: Custody
    public_key: bytes | None = None
    """Signing keys: the raw public key (32 bytes Ed25519, 1312 bytes ML-DSA-44, 65 bytes P-256: an uncompressed point)."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the inventory."""

    id: str
    key_class: KeyClass
    algorithm: Algorithm
    owner: str
    purpose: str
    state: KeyState
    exportable: bool
    created_at: Instant
    rotation_days: int
    next_rotation_at: Instant
    versions: tuple[KeyVersion, ...]
    destroy_at: Instant | None = None
    destroyed_at: Instant | None = None
    bound_use: str = ""
    """What alone may be signed with it (a `uses.Use`); empty for keys that are nobody's in particular."""
    certificate: bytes | None = None
    """The signed destruction certificate, once destroyed (docs/formats/key-service.md)."""

    @property
    def current(self) -> KeyVersion:
        """The version that seals and signs."""
        return self.versions[-1]

    def age_days(self, now: Instant) -> int:
        """Whole days since the current version was made."""
        return max(0, now - self.current.created_at) // DAY


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh 32-byte key: use `plaintext`, store `wrapped`."""

    plaintext: Secret
    wrapped: bytes


class RewrapJob(msgspec.Struct, frozen=True, kw_only=True):
    """Data keys under old versions of a key being wrapped again under its newest. Survives restarts."""

    id: str
    key_id: str
    target_version: int
    started_at: Instant
    cursor: str = ""
    """Where its driver stands, in the driver's own words; written only after the driver has stored its rows."""
    done: int = 0
    """Data keys rewrapped and stored so far."""
    finished_at: Instant | None = None


def key_resource(key_id: str) -> Resource:
    """A key as the policies and the audit log know it."""
    return Resource("Key", key_id)


class ServiceState(StrEnum):
    UNINITIALISED = "uninitialised"
    SEALED = "sealed"
    UNSEALED = "unsealed"


class UnsealProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the custodians have come."""

    set_id: str
    threshold: int
    total: int
    received: int


class KeyServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says of itself, sealed or not."""

    state: ServiceState
    provider: str
    """`keystore` or `pkcs11`."""
    device: str
    """The token's label, maker and model; empty for the keystore."""
    emulated: bool
    """True for software (keystore, SoftHSM): it proves the protocol, not the tamper resistance."""
    unseal_with: str
    """`passphrase`, `shares`, or empty before initialisation."""
    progress: UnsealProgress | None = None
    retry_after_s: int = 0
    """Seconds until the next attempt to unseal is accepted."""
    keys: Mapping[str, int] = {}
    """Number of keys in each state."""
    rotation_due: int = 0
    missing: tuple[str, ...] = ()
    """Keys of the inventory whose material the provider does not hold: a restored or damaged provider."""
    anchors: int = 0
    """Places that hold the destruction register; one is a single point of failure."""
    pending_entries: int = 0
    """Audit entries that nobody has collected yet."""
    demonstration: bool = False


class KeyEventKind(StrEnum):
    SEALED = "sealed"
    UNSEALED = "unsealed"
    KEY_CHANGED = "key-changed"
    """A key was disabled, scheduled for destruction or destroyed."""
    LOST = "lost"
    """The connection to the service ended; whether it was sealed meanwhile is unknown."""


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """Told to holders of cached keys. On all but `unsealed` they wipe what they hold (of that key) at once."""

    kind: KeyEventKind
    key_id: str = ""
    """Empty: it concerns every key."""
