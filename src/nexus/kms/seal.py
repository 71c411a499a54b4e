"""The seal: the provider's secret (a keystore's master, a token's PIN) under a passphrase or under custodians' shares.

One small JSON file, written once at the founding. docs/formats/keystore.md gives its fields and a test vector.
"""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from nexus.crypto import sharing, wrapping
from nexus.crypto.sharing import Share
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid
from nexus.kernel.secret import Secret

FORMAT: Final = "nexus-seal"
VERSION: Final = 1
MIN_PASSPHRASE_CHARS: Final = 12
MAX_PASSPHRASE_BYTES: Final = 1_024
SALT_BYTES: Final = 16
_ARGON2_VERSION: Final = 19
_SHARES_INFO: Final = b"nexus-seal/1 shares"


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """Cost of one guess at the passphrase: RFC 9106, second recommended choice."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


DEFAULT_COST: Final = Argon2Cost()


@dataclass(frozen=True, slots=True)
class Founding:
    """Which platform a seal belongs to, with which provider, and since when."""

    instance: str
    provider: str
    at: Instant


class PassphraseSeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="passphrase", tag_field="by"):
    """Argon2id of the passphrase (UTF-8, NFC) is the key."""

    passes: int
    memory_kib: int
    lanes: int
    salt: bytes


class SharesSeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="shares", tag_field="by"):
    """HKDF of the shared secret is the key. Digests tell a true share from a false one before the others are there."""

    set_id: str
    threshold: int
    digests: tuple[bytes, ...]
    salt: bytes

    @property
    def total(self) -> int:
        return len(self.digests)


class Seal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file. All but `sealed` is authenticated with it."""

    format: str
    version: int
    instance: str
    provider: str
    created_at: Instant
    method: PassphraseSeal | SharesSeal
    sealed: bytes = b""


# Making it


def by_passphrase(secret: Secret, passphrase: Secret, founding: Founding, cost: Argon2Cost) -> Seal:
    """Seal `secret` under a passphrase. Raises Invalid on one that is too short."""
    text = _text(passphrase)
    if len(text) < MIN_PASSPHRASE_CHARS:
        raise Invalid(
            f"a passphrase has {MIN_PASSPHRASE_CHARS} characters or more",
            code="kms.passphrase-short",
            hint="five or six random words are easy to remember and hard to guess",
        )
    method = PassphraseSeal(
        passes=cost.passes, memory_kib=cost.memory_kib, lanes=cost.lanes, salt=os.urandom(SALT_BYTES)
    )
    return _sealed(_seal(founding, method), secret, _passphrase_key(method, passphrase))


def by_shares(secret: Secret, threshold: int, total: int, founding: Founding) -> tuple[Seal, list[Share]]:
    """Seal `secret` under a fresh shared secret, and cut that into shares."""
    shared = Secret(os.urandom(sharing.SECRET_BYTES))
    shares = sharing.split(shared, threshold, total)
    method = SharesSeal(
        set_id=shares[0].set_id.hex(),
        threshold=threshold,
        digests=tuple(share.digest() for share in shares),
        salt=os.urandom(SALT_BYTES),
    )
    seal = _sealed(_seal(founding, method), secret, _shares_key(method, shared))
    shared.wipe()
    return seal, shares


# Opening it


def open_with_passphrase(seal: Seal, passphrase: Secret) -> Secret:
    """The provider's secret. Raises Denied if it is another passphrase (or the file was altered: no telling)."""
    if not isinstance(seal.method, PassphraseSeal):
        raise Invalid("this platform is unsealed with shares", code="kms.shares-expected")
    try:
        return _opened(seal, _passphrase_key(seal.method, passphrase))
    except Damaged as error:
        raise Denied("this is not the passphrase", code="kms.wrong-passphrase") from error


def check_share(seal: Seal, share: Share) -> None:
    """Raises Invalid on a share of another set, or one whose value is not what was given out."""
    method = _shares_method(seal)
    if share.set_id.hex() != method.set_id:
        raise Invalid(f"this share belongs to the set {share.set_id.hex()}, not {method.set_id}", code="kms.share-set")
    if not 1 <= share.index <= method.total or method.digests[share.index - 1] != share.digest():
        raise Invalid("this share was not given out for this platform", code="kms.share-false")


def open_with_shares(seal: Seal, shares: Sequence[Share]) -> Secret:
    """The provider's secret, from shares that were checked. Raises Invalid on too few."""
    method = _shares_method(seal)
    shared = sharing.combine(shares)
    try:
        return _opened(seal, _shares_key(method, shared))
    finally:
        shared.wipe()


# The file


def write(path: Path, seal: Seal) -> None:
    """Store a new seal, durably. Raises Conflict if there is one: a seal is never overwritten."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(seal)) + b"\n")
    temporary.chmod(0o600)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise Conflict("this platform is initialised already", code="kms.initialised") from error
    finally:
        temporary.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read(path: Path, instance: str, provider: str) -> Seal | None:
    """The seal of this platform, or None before initialisation. Raises Damaged or Conflict."""
    try:
        seal = msgspec.json.decode(path.read_bytes(), type=Seal)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise Damaged(
            "the seal file cannot be read", code="kms.seal-damaged", hint="restore it from a backup"
        ) from error
    if seal.format != FORMAT or seal.version != VERSION:
        raise Conflict(f"a seal of version {seal.version} is not known here", code="kms.seal-version")
    if (seal.instance, seal.provider) != (instance, provider):
        raise Conflict(
            f"the seal is that of {seal.instance} with the provider {seal.provider}",
            code="kms.seal-foreign",
            hint="the setting `provider` cannot change after the founding",
        )
    return seal


# Keys and bytes


def _seal(founding: Founding, method: PassphraseSeal | SharesSeal) -> Seal:
    return Seal(
        format=FORMAT,
        version=VERSION,
        instance=founding.instance,
        provider=founding.provider,
        created_at=founding.at,
        method=method,
    )


def _sealed(seal: Seal, secret: Secret, key: bytes) -> Seal:
    return msgspec.structs.replace(seal, sealed=wrapping.seal(AESGCM(key), secret.reveal(), _associated(seal)))


def _opened(seal: Seal, key: bytes) -> Secret:
    return Secret(wrapping.unseal(AESGCM(key), seal.sealed, _associated(seal)))


def _associated(seal: Seal) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(seal, sealed=b""), order="sorted")


def _passphrase_key(method: PassphraseSeal, passphrase: Secret) -> bytes:
    return hash_secret_raw(
        _text(passphrase).encode(),
        method.salt,
        time_cost=method.passes,
        memory_cost=method.memory_kib,
        parallelism=method.lanes,
        hash_len=wrapping.KEY_BYTES,
        type=Type.ID,
        version=_ARGON2_VERSION,
    )


def _text(passphrase: Secret) -> str:
    if len(passphrase) > MAX_PASSPHRASE_BYTES:
        raise Invalid(f"a passphrase has {MAX_PASSPHRASE_BYTES} bytes at most", code="kms.passphrase-long")
    try:
        return unicodedata.normalize("NFC", passphrase.reveal().decode("utf-8"))
    except ValueError as error:  # also a Secret that is empty
        raise Invalid("a passphrase is UTF-8 text", code="kms.passphrase-text") from error


def _shares_key(method: SharesSeal, shared: Secret) -> bytes:
    return HKDF(hashes.SHA256(), wrapping.KEY_BYTES, salt=method.salt, info=_SHARES_INFO).derive(shared.reveal())


def _shares_method(seal: Seal) -> SharesSeal:
    if not isinstance(seal.method, SharesSeal):
        raise Invalid("this platform is unsealed with a passphrase", code="kms.passphrase-expected")
    return seal.method
