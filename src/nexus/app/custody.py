"""The platform's own keys: made at the founding, kept in `keys/` wrapped by the key service, opened where needed.

`keys/index.json` says which keys of the key service the platform lives by (ids and public keys: nothing secret). Each
`keys/<part>.wrapped` holds one wrapped key; its context binds it to this platform and this part, so that neither
opens in another's place. docs/formats/data-directory.md
"""

import secrets
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from nexus.app.datadir import DataDirectory, write_durably
from nexus.crypto import hpke
from nexus.crypto.notes import SignatureType, VerifierKey
from nexus.kernel.errors import Conflict, Damaged
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import Algorithm, KeyClass
from nexus.kms.requests import CreateKey

INDEX_FORMAT: Final = 1
OWNER: Final = "system:platform"
ROTATION_DAYS: Final = 365
"""Days until the platform's own keys are due for rotation."""
KEY_BYTES: Final = 32


class Part(StrEnum):
    """What a wrapped key in `keys/` is for."""

    DATABASE = "database"
    """Encrypts `nexus.db`, page by page."""
    IDENTITY = "identity"
    """Seals second factors and the secrets of access keys."""
    AUDIT_READER = "audit-reader"
    """Private half of the key that audit entries are sealed to; only the REST door and the worker open it."""
    MAIL = "mail"
    """Private half of the key that waiting mail is sealed to; only the worker opens it."""
    BASTION_HOST = "bastion-host"
    """Private half (Ed25519) of the key by which the bastion is known; only the bastion's process opens it."""
    SFTP_HOST = "sftp-host"
    """Private half (Ed25519) of the key by which the SFTP door is known; only that door's process opens it."""
    WAREHOUSE = "warehouse"
    """What keys of the warehouse's records and names of its things are computed with; only a build opens it."""


FORMER_AUTHORITY: Final = "authority"
"""Private key of the certificate authority, in directories of an earlier Nexus: opened once, to cross over."""


class Index(Struct, frozen=True, kw_only=True):
    """What the platform must know of its keys before it can ask for any."""

    format: int
    origin: str
    """Name of the audit log."""
    platform_key: str
    """Wraps the parts."""
    object_key: str
    """Wraps the bucket keys of buckets that are created without a key of their own."""
    log_ed25519: str
    log_mldsa44: str
    log_keys: tuple[str, ...]
    """C2SP verifier keys of the log, one for each of the two signing keys."""
    audit_public: bytes
    """Audit entries are sealed to this key."""
    mail_public: bytes = b""
    """Waiting mail is sealed to this key. Empty in a directory of an earlier Nexus, until its first start."""


async def found(kms: KeyServiceClient, directory: DataDirectory, origin: str, op: Operation) -> Index:
    """Make every key that the platform lives by. The index is returned, not written: the founding ends with that."""
    platform = await _create(kms, op, "wraps the platform's own keys: database, identities, audit")
    objects = await _create(kms, op, "wraps the keys of buckets that have no key of their own")
    ed25519 = await _create(kms, op, "signs the checkpoints of the audit log", Algorithm.ED25519)
    mldsa44 = await _create(
        kms, op, "signs the checkpoints of the audit log, against quantum computers", Algorithm.ML_DSA_44
    )

    seed, mail_seed = hpke.generate_seed(), hpke.generate_seed()
    for part, secret in (
        (Part.BASTION_HOST, Secret(secrets.token_bytes(KEY_BYTES))),
        (Part.DATABASE, Secret(secrets.token_bytes(KEY_BYTES))),
        (Part.IDENTITY, Secret(secrets.token_bytes(KEY_BYTES))),
        (Part.AUDIT_READER, seed),
        (Part.MAIL, mail_seed),
        (Part.WAREHOUSE, Secret(secrets.token_bytes(KEY_BYTES))),
        (Part.SFTP_HOST, Secret(secrets.token_bytes(KEY_BYTES))),
    ):
        wrapped = await kms.wrap(platform, secret, _context(directory, part), op)
        write_durably(_path(directory, part), wrapped)

    keys = (
        VerifierKey(origin, SignatureType.ED25519, await kms.public_key(ed25519)),
        VerifierKey(origin, SignatureType.MLDSA44, await kms.public_key(mldsa44)),
    )
    return Index(
        format=INDEX_FORMAT,
        origin=origin,
        platform_key=platform,
        object_key=objects,
        log_ed25519=ed25519,
        log_mldsa44=mldsa44,
        log_keys=tuple(str(key) for key in keys),
        audit_public=hpke.OpeningKey(seed).public.raw,
        mail_public=hpke.OpeningKey(mail_seed).public.raw,
    )


async def complete(kms: KeyServiceClient, directory: DataDirectory, op: Operation) -> None:
    """Make the parts that a platform founded by an earlier version lacks, and that may be made at any time."""
    index = read_index(directory)
    for part in (Part.BASTION_HOST, Part.MAIL, Part.WAREHOUSE, Part.SFTP_HOST):
        if not _path(directory, part).exists():
            secret = Secret(secrets.token_bytes(KEY_BYTES))
            write_durably(
                _path(directory, part), await kms.wrap(index.platform_key, secret, _context(directory, part), op)
            )
    if not index.mail_public:
        seed = await open_part(kms, directory, Part.MAIL, op)
        write_index(directory, structs.replace(index, mail_public=hpke.OpeningKey(seed).public.raw))


async def open_part(kms: KeyServiceClient, directory: DataDirectory, part: Part, op: Operation) -> Secret:
    """One of the platform's keys, in clear. Raises Sealed, Unavailable or Damaged."""
    try:
        wrapped = _path(directory, part).read_bytes()
    except FileNotFoundError as error:
        raise Damaged(
            f"keys/{part}.wrapped is missing", code="custody.missing", hint="restore keys/ from the last backup"
        ) from error
    return await kms.unwrap(wrapped, _context(directory, part), op)


async def open_former_authority(kms: KeyServiceClient, directory: DataDirectory, op: Operation) -> Secret:
    """The key of an earlier Nexus's authority, in clear, for the moment of crossing over."""
    context = {"platform": directory.instance, "part": FORMER_AUTHORITY}
    return await kms.unwrap(directory.former_authority_key.read_bytes(), context, op)


async def rewrap(kms: KeyServiceClient, directory: DataDirectory, op: Operation) -> int:
    """Wrap every part under the newest version of the platform key; returns how many were wrapped again."""
    parts: Sequence[Part] = tuple(Part)
    before = [_path(directory, part).read_bytes() for part in parts]
    after = await kms.rewrap(before, [_context(directory, part) for part in parts], op)
    for part, wrapped in zip(parts, after, strict=True):
        write_durably(_path(directory, part), wrapped)
    return len(parts)


def read_index(directory: DataDirectory) -> Index:
    """The index of a founded platform. Raises Conflict when the founding did not end, Damaged when it cannot be read."""
    try:
        content = _index(directory).read_bytes()
    except FileNotFoundError as error:
        raise Conflict(
            f"the founding of {directory.root} did not end",
            code="custody.not-founded",
            hint="remove that directory (it protects nothing yet) and run `nexus init` again",
        ) from error
    try:
        index = msgspec.json.decode(content, type=Index)
    except msgspec.DecodeError as error:
        raise Damaged("keys/index.json cannot be read", code="custody.index") from error
    if index.format > INDEX_FORMAT:
        raise Conflict("keys/index.json is of a newer format", code="data.newer-format")
    return index


def write_index(directory: DataDirectory, index: Index) -> None:
    """The last act of a founding: from now on this is a platform."""
    write_durably(_index(directory), msgspec.json.format(msgspec.json.encode(index)) + b"\n")


async def _create(kms: KeyServiceClient, op: Operation, purpose: str, signing: Algorithm | None = None) -> str:
    request = CreateKey(
        owner=OWNER,
        purpose=purpose,
        rotation_days=ROTATION_DAYS,
        key_class=KeyClass.SIGNING if signing else KeyClass.DATA,
        algorithm=signing,
    )
    return (await kms.create(op, request)).id


def _context(directory: DataDirectory, part: Part) -> dict[str, str]:
    return {"platform": directory.instance, "part": part.value}


def _path(directory: DataDirectory, part: Part) -> Path:
    return directory.keys / f"{part}.wrapped"


def _index(directory: DataDirectory) -> Path:
    return directory.keys / "index.json"
