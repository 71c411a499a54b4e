"""What the operations of the key service take and give. Doors decode these; the socket carries them as they are."""

from typing import Annotated

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.kms.model import (
    MAX_OWNER_CHARS,
    MAX_PURPOSE_CHARS,
    MAX_ROTATION_DAYS,
    MAX_WAITING_DAYS,
    MIN_ROTATION_DAYS,
    MIN_WAITING_DAYS,
    Algorithm,
    Key,
    KeyClass,
    RewrapJob,
)

KeyId = Annotated[str, Meta(pattern=r"\Akey_[0-9a-hjkmnp-tv-z]{26}\Z")]
Owner = Annotated[str, Meta(min_length=1, max_length=MAX_OWNER_CHARS)]
Purpose = Annotated[str, Meta(min_length=1, max_length=MAX_PURPOSE_CHARS)]
RotationDays = Annotated[int, Meta(ge=MIN_ROTATION_DAYS, le=MAX_ROTATION_DAYS)]
WaitingDays = Annotated[int, Meta(ge=MIN_WAITING_DAYS, le=MAX_WAITING_DAYS)]


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation that takes nothing."""


class KeyRef(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation on one key that takes nothing else: read, rotate, disable, enable, cancel destruction, rewrap."""

    key_id: KeyId


class CreateKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Owner, purpose and rotation period have no default: a key without them cannot be written down."""

    owner: Owner
    """Id of the person or part of the platform that answers for the key."""
    purpose: Purpose
    """What it protects, for humans; never patient data."""
    rotation_days: RotationDays
    key_class: KeyClass = KeyClass.DATA
    algorithm: Algorithm | None = None
    """Only signing keys leave a choice: `ed25519` (default), `ml-dsa-44` or `ecdsa-p256`."""
    exportable: bool = False
    """Whether it may ever leave, wrapped for a recipient and under an approval. Cannot be changed later."""


class ListKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of the inventory, oldest key first."""

    after: str = ""
    """The last id of the page before."""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 200


class KeyPage(Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...]
    next: str = ""
    """What to give as `after` for the page that follows; empty on the last."""


class ScheduleDestruction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key_id: KeyId
    waiting_days: WaitingDays = MAX_WAITING_DAYS


class ImportParameters(Struct, frozen=True, kw_only=True):
    """How to wrap the key that is to be imported: RSA-OAEP over a fresh AES-256 key, AES-KWP under that key."""

    import_id: str
    public_key: bytes
    """The transport key: DER, SubjectPublicKeyInfo, RSA 3072."""
    oaep_hash: str
    """Hash and MGF1 hash of the OAEP step: `SHA-256`, or `SHA-1` where the token has no other."""
    expires_at: Instant


class ImportKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`wrapped` is the OAEP ciphertext (384 bytes) followed by the AES-KWP ciphertext (40 bytes) of an AES-256 key."""

    import_id: Annotated[str, Meta(max_length=64)]
    wrapped: Annotated[bytes, Meta(max_length=1_024)]
    owner: Owner
    purpose: Purpose
    rotation_days: RotationDays
    exportable: bool = False


class ImportVersion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next version of an imported key: how such a key rotates."""

    key_id: KeyId
    import_id: Annotated[str, Meta(max_length=64)]
    wrapped: Annotated[bytes, Meta(max_length=1_024)]


class ExportKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    key_id: KeyId
    recipient: Annotated[bytes, Meta(max_length=2_048)]
    """Public key of the recipient: DER, SubjectPublicKeyInfo, RSA of 3072 bits or more."""


class ExportedKey(Struct, frozen=True, kw_only=True):
    """The newest version, wrapped for the recipient as in `ImportKey.wrapped`."""

    key_id: str
    version: int
    wrapped: bytes
    oaep_hash: str


class RewrapProgress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Told after the driver has stored a batch, so that a restart goes on from there."""

    job_id: str
    cursor: Annotated[str, Meta(max_length=1_024)]
    done: Annotated[int, Meta(ge=0)]


class FinishRewrap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    job_id: str
    done: Annotated[int, Meta(ge=0)]


class RewrapJobs(Struct, frozen=True, kw_only=True):
    jobs: tuple[RewrapJob, ...]


class Initialise(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Once in the life of a platform: either a passphrase, or a threshold and a number of custodians."""

    passphrase: Secret | None = None
    threshold: Annotated[int, Meta(ge=2, le=16)] | None = None
    total: Annotated[int, Meta(ge=2, le=16)] | None = None
    pin: Secret | None = None
    """The user PIN of the token; required with PKCS#11, refused with the keystore."""


class Initialised(Struct, frozen=True, kw_only=True):
    """`shares`: one text for each custodian, shown once and stored nowhere. Empty with a passphrase."""

    shares: tuple[Secret, ...] = ()


class Unseal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The passphrase, or one custodian's share."""

    secret: Secret


class Sealing(Struct, frozen=True, kw_only=True):
    """How the seal ended: subscribers that confirmed, and those that were dropped because they did not."""

    confirmed: int
    dropped: int


class PrfResult(Struct, frozen=True, kw_only=True):
    version: int
    outputs: tuple[bytes, ...]
    """HMAC-SHA-256 of each input, 32 bytes, in order."""
