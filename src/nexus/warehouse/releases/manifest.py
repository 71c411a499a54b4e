"""The manifest of a release: what it holds, in canonical form, signed. Pure. docs/formats/release.md."""

import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from msgspec import UNSET, Struct, UnsetType

from nexus.crypto.signatures import ALGORITHM, Signature
from nexus.kernel.errors import Damaged, Invalid

FORMAT: Final = "nexus.release/1"
LABEL: Final = b"nexus/release/v1\n"
MAX_MANIFEST_BYTES: Final = 64 << 20
COMMON: Final = -1
"""The bucket of a part that is about nobody."""
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Saying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a manifest: no name that is not known here."""


class Column(Saying, frozen=True, kw_only=True):
    """A column and its type, as Arrow names it."""

    name: str
    type: str


class Part(Saying, frozen=True, kw_only=True):
    """A file. `sha256` is of its bytes and is its name."""

    bucket: int
    sha256: str
    bytes: int
    rows: int


class Table(Saying, frozen=True, kw_only=True):
    """A table: its columns, and its parts by bucket."""

    name: str
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


class Source(Saying, frozen=True, kw_only=True):
    """What it was made of."""

    cdm: str
    vocabulary: str
    quality_sha256: str
    """Of the kept run of the quality gate that let it through."""
    code: str
    """Version of Nexus."""


class Release(Saying, frozen=True, kw_only=True):
    """What a release says of itself."""

    format: str = FORMAT
    project: str
    permit: str
    """Id of the decision."""
    made: str
    """When, RFC 3339."""
    until: str
    """When the permit ends, RFC 3339."""
    domain: str
    """Of the pseudonyms."""
    epoch: int | UnsetType = UNSET
    """Of their secret: only by a pseudonym of this epoch is somebody found in it. Not said where nobody is in it, and in older ones."""
    period_from: str
    period_until: str
    cohort: str
    """SHA-256 of the definition of the cohort; empty: every patient."""
    consent: str
    """The state of everybody's decisions that it was made under; it says nothing of anybody."""
    source: Source
    buckets: int
    tables: tuple[Table, ...]
    parent: str = ""
    """Digest of the release before it."""

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: the name of the release."""
        return hashlib.sha256(_ENCODER.encode(self)).hexdigest()


class Manifest(Saying, frozen=True, kw_only=True):
    """The whole file."""

    release: Release
    signature: Signature


def message_of(release: Release) -> bytes:
    """The bytes that are signed: a label, then canonical JSON."""
    return LABEL + _ENCODER.encode(release)


def encode(manifest: Manifest) -> bytes:
    """The file: canonical JSON, UTF-8."""
    return _ENCODER.encode(manifest)


def decode(file: bytes) -> Manifest:
    """Raises Invalid if this is no manifest of a release, or of another format."""
    if len(file) > MAX_MANIFEST_BYTES:
        raise Invalid("this is too large to be the manifest of a release", code="release.form")
    try:
        found = msgspec.json.decode(file, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Invalid("this is no manifest of a release", code="release.form") from None
    if found.release.format != FORMAT or found.signature.algorithm != ALGORITHM:
        raise Invalid("this manifest is of another format", code="release.form", hint=f"known: {FORMAT}")
    return found


def check_signature(manifest: Manifest, trusted: bytes | None = None) -> str:
    """SHA-256 of the public key that signed. Raises Damaged unless it verifies, and is the one that is trusted."""
    try:
        public = manifest.signature.check(message_of(manifest.release))
    except InvalidSignature:
        raise Damaged("the signature of the release does not verify", code="release.signature") from None
    if trusted is not None and public != trusted:
        raise Damaged("the release is signed by another key than the one you trust", code="release.signer")
    return hashlib.sha256(public).hexdigest()
