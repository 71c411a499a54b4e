"""Keys that are bound to one use: who may sign, compute or wrap with each, how it rotates, and what verifiers must know.

A bound key is made by the key service at the first request for it, never leaves it, and works for the callers that its
line in `USES` names; every signature is an entry, and so is every batch of pseudonyms and every data key that is handed out. A new version is listed before it signs (`settles`), so that verifiers
have it in time, and an old one is listed as long as something that it signed may be shown (`kept`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from nexus.kernel.clock import DAY, HOUR, Instant
from nexus.kms.model import ALGORITHMS, Algorithm, KeyClass, KeyVersion

BOUND_OWNER: Final = "system:platform-signing"
"""Owner of the bound keys. Custodians may rotate, disable and destroy them; nobody may create one by that name."""


class Use(StrEnum):
    """What a bound key is for."""

    CERTIFICATE_AUTHORITY = "certificate-authority"
    """Certificates of the doors and of the services."""
    TOKEN_ISSUER = "token-issuer"  # noqa: S105 - a use, not a password
    """Tokens of the OpenID Connect issuer (ES256)."""
    BASTION_AUTHORITY = "bastion-authority"
    """SSH certificates for the bastion (Ed25519)."""
    CONSENT_RECEIPTS = "consent-receipts"
    """Receipts of patients' decisions (Ed25519)."""
    DELIVERY_RECEIPTS = "delivery-receipts"
    """Receipts of what sites delivered (Ed25519)."""
    RELEASE_MANIFESTS = "release-manifests"
    """Manifests of what projects read, frozen (Ed25519)."""
    PSEUDONYM_LINKS = "pseudonym-links"
    """The secret of the first level of pseudonyms (HMAC-SHA-256): computed with here, and let out to nobody."""
    PSEUDONYM_LINKAGE = "pseudonym-linkage"
    """Wraps the key of the first level's database (AES-256-GCM)."""
    PSEUDONYM_DOMAINS = "pseudonym-domains"
    """Wraps the secrets of the second level's domains, and the key of its database (AES-256-GCM)."""


@dataclass(frozen=True, slots=True)
class UseRule:
    """The line of a use. Times are in microseconds."""

    purpose: str
    algorithm: Algorithm
    rotation_days: int
    by_itself: bool
    """Whether the timer rotates the key when it is due."""
    signers: frozenset[str] = frozenset()
    """Callers of the key service that may have something signed."""
    readers: frozenset[str] = frozenset()
    """Callers that may know the public keys."""
    computers: frozenset[str] = frozenset()
    """Callers that may have pseudorandom functions computed with it."""
    wrappers: frozenset[str] = frozenset()
    """Callers whose data keys it wraps and opens."""
    settles: int = 0
    """How long a new version is listed before it signs."""
    kept: int | None = None
    """How long a version is listed after its successor signs; None: for ever."""

    @property
    def key_class(self) -> KeyClass:
        """The class of a key of this algorithm."""
        return next(kind for kind, algorithms in ALGORITHMS.items() if self.algorithm in algorithms)


USES: Final[Mapping[Use, UseRule]] = {
    Use.CERTIFICATE_AUTHORITY: UseRule(
        purpose="signs the certificates of the doors and of the services",
        algorithm=Algorithm.ECDSA_P256,
        rotation_days=3_650,
        signers=frozenset({"supervisor"}),
        readers=frozenset({"supervisor"}),
        by_itself=False,
        settles=7 * DAY,
    ),
    Use.TOKEN_ISSUER: UseRule(
        purpose="signs the tokens of the OpenID Connect issuer",
        algorithm=Algorithm.ECDSA_P256,
        rotation_days=90,
        signers=frozenset({"console"}),
        readers=frozenset({"console", "api", "s3"}),
        by_itself=True,
        settles=HOUR,
        kept=2 * DAY,
    ),
    Use.BASTION_AUTHORITY: UseRule(
        purpose="signs the five-minute certificates that open the bastion",
        algorithm=Algorithm.ED25519,
        rotation_days=90,
        signers=frozenset({"api", "console"}),
        readers=frozenset({"api", "console", "bastion"}),
        by_itself=True,
        kept=HOUR,
    ),
    Use.CONSENT_RECEIPTS: UseRule(
        purpose="signs the receipts of patients' decisions",
        algorithm=Algorithm.ED25519,
        rotation_days=365,
        signers=frozenset({"api", "console", "portal"}),
        readers=frozenset({"api", "console", "portal"}),
        by_itself=True,
    ),
    Use.DELIVERY_RECEIPTS: UseRule(
        purpose="signs the receipts of what sites delivered",
        algorithm=Algorithm.ED25519,
        rotation_days=365,
        signers=frozenset({"api", "console"}),
        readers=frozenset({"api", "console"}),
        by_itself=True,
    ),
    Use.RELEASE_MANIFESTS: UseRule(
        purpose="signs the manifests of releases for projects",
        algorithm=Algorithm.ED25519,
        rotation_days=365,
        signers=frozenset({"worker"}),
        readers=frozenset({"worker", "api", "console"}),
        by_itself=True,
    ),
    Use.PSEUDONYM_LINKS: UseRule(
        purpose="is the secret of the first level of pseudonyms",
        algorithm=Algorithm.HMAC_SHA_256,
        rotation_days=3_650,
        computers=frozenset({"pseudonyms-first"}),
        by_itself=False,
    ),
    Use.PSEUDONYM_LINKAGE: UseRule(
        purpose="wraps the key of the linkage table of pseudonyms",
        algorithm=Algorithm.AES_256_GCM,
        rotation_days=3_650,
        wrappers=frozenset({"pseudonyms-first"}),
        by_itself=False,
    ),
    Use.PSEUDONYM_DOMAINS: UseRule(
        purpose="wraps the secrets of pseudonym domains and the key of their ledger",
        algorithm=Algorithm.AES_256_GCM,
        rotation_days=3_650,
        wrappers=frozenset({"pseudonyms-second"}),
        by_itself=False,
    ),
}

BY_ITSELF: Final = frozenset(use.value for use, rule in USES.items() if rule.by_itself)


class BoundVersion(Struct, frozen=True, kw_only=True):
    """A version that verifiers must know."""

    number: int
    created_at: Instant
    public_key: bytes
    """P-256: an uncompressed point of 65 bytes (04, x, y). Ed25519: 32 bytes."""
    signs: bool
    """Whether it is this version's turn to sign. True of exactly one."""


class BoundKey(Struct, frozen=True, kw_only=True):
    """A bound key as its users see it, oldest version first."""

    key_id: str
    use: Use
    algorithm: Algorithm
    versions: tuple[BoundVersion, ...]

    @property
    def signing(self) -> BoundVersion:
        """The version whose turn it is."""
        return next(version for version in self.versions if version.signs)


class BoundSignature(Struct, frozen=True, kw_only=True):
    key_id: str
    version: int
    signature: bytes
    """64 bytes. P-256: r, then s, as JOSE writes them."""


def whose_turn(rule: UseRule, versions: Sequence[KeyVersion], now: int) -> int:
    """The number of the version that signs now: the newest that has settled, or the first."""
    settled = [version.number for version in versions if version.created_at + rule.settles <= now]
    return settled[-1] if settled else versions[0].number


def listed(rule: UseRule, versions: Sequence[KeyVersion], now: int) -> tuple[BoundVersion, ...]:
    """The versions that verifiers must know: those that sign, will sign, or have signed what may still be shown."""
    turn = whose_turn(rule, versions, now)
    shown = []
    for version, successor in zip(versions, (*versions[1:], None), strict=True):
        over = successor is not None and successor.number <= turn and rule.kept is not None
        if over and successor is not None and successor.created_at + rule.settles + (rule.kept or 0) <= now:
            continue
        assert version.public_key is not None
        shown.append(
            BoundVersion(
                number=version.number,
                created_at=version.created_at,
                public_key=version.public_key,
                signs=version.number == turn,
            )
        )
    return tuple(shown)
