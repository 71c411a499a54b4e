"""The founding of a platform: `nexus init`, in numbered steps.

1. Lay out the data directory (and, with SoftHSM, its token).
2. Start the key service on it and initialise it: a passphrase, or shares for custodians.
3. Make the platform's own keys and its certificate authority.
4. Create the database; its first entry is the founding itself.
5. Invite the founding persons: a one-time enrolment code each. Afterwards rights are the work of two people.
6. Write the index of keys, which makes it a platform, and stop the key service.

If a step fails, what was laid out is removed again. Nothing that this returns is kept anywhere.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nexus.app import custody, datadir, parts, schema, softhsm
from nexus.app.authority import CertificateAuthority
from nexus.app.custody import Part
from nexus.app.database_settings import DatabaseSettings
from nexus.app.datadir import DataDirectory
from nexus.app.keyservice import RunningKeyService
from nexus.app.settings import Settings
from nexus.iam.founding import Founding
from nexus.iam.model import Founder
from nexus.iam.requests.persons import Invitation
from nexus.kernel.clock import Clock, SystemClock
from nexus.kernel.engines.postgresql_writing import discard
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.requests import Initialise

FOUNDED = "platform.found"


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What those who found a platform decide. Either a passphrase, or how many of how many shares unseal."""

    founders: Sequence[Founder]
    passphrase: Secret | None = None
    threshold: int | None = None
    total: int | None = None
    pin: Secret | None = None
    """User PIN of a token that exists already."""
    demonstration: bool = False
    origin: str = ""
    """Name of the audit log; made from the instance id if empty."""


@dataclass(frozen=True, slots=True)
class Founded:
    """What is shown once: the custodians' shares, and each founder's enrolment code, in the order given."""

    directory: DataDirectory
    origin: str
    shares: Sequence[Secret]
    invitations: Sequence[Invitation]


async def found(
    root: Path,
    settings: Settings,
    ceremony: Ceremony,
    *,
    keep: Mapping[str, str | int] | None = None,
    clock: Clock | None = None,
) -> Founded:
    """Found a platform in `root`; `keep` are settings to write into its directory.

    Raises Conflict if there is something already, Invalid on an impossible ceremony.
    """
    kept = {**_whereabouts(settings), **(keep or {})}
    directory = await asyncio.to_thread(datadir.create, root, demonstration=ceremony.demonstration, settings=kept)
    try:
        with datadir.locked(directory) as lock:
            return await _found(directory, settings, ceremony, lock, clock or SystemClock())
    except BaseException:
        await asyncio.to_thread(_remove, directory, settings)
        raise


def _whereabouts(settings: Settings) -> dict[str, str | int]:
    """Where the database is belongs into the directory: started without it, the platform would look for a file."""
    chosen = {name: getattr(settings, name) for name in DatabaseSettings.__struct_fields__}
    return {name: value for name, value in chosen.items() if value} if settings.database_host else {}


def _remove(directory: DataDirectory, settings: Settings) -> None:
    """Leave nothing of a founding that failed: it protects nothing yet."""
    server = (
        schema.Place(directory, settings, parts.SUPERVISOR).server() if settings.database_volume_encrypted else None
    )
    if server is not None:
        with suppress(NexusError):  # it is away, or never let us in
            discard(server)
    shutil.rmtree(directory.root, ignore_errors=True)
    for register in directory.anchors(settings.anchors):
        register.unlink(missing_ok=True)
        with suppress(OSError):  # others' registers are in it, or it was never made
            register.parent.rmdir()


async def _found(directory: DataDirectory, settings: Settings, ceremony: Ceremony, lock: int, clock: Clock) -> Founded:
    place = schema.Place(directory, settings, parts.SUPERVISOR)
    place.server()  # whether it may be used, before anything is made
    pin = _token_pin(directory, settings, ceremony)
    async with RunningKeyService(directory, settings, lock) as kms:
        shares = await _initialise(kms, ceremony, pin, clock)
        op = parts.platform_operation(parts.SUPERVISOR, clock)
        origin = ceremony.origin or f"nexus.invalid/{directory.instance}"
        index = await custody.found(kms, directory, origin, op)
        await CertificateAuthority(kms, directory, clock).ensure(op)
        key = await custody.open_part(kms, directory, Part.DATABASE, op)
        database = place.open(key, index.audit_public, clock, new=True)
        try:
            await asyncio.to_thread(database.migrate, schema.MIGRATIONS)
            await database.record(op.allowed(FOUNDED, PLATFORM, instance=directory.instance, origin=origin))
            invitations = await Founding(database, clock).found(op, ceremony.founders)
        finally:
            database.close()
            key.wipe()
    custody.write_index(directory, index)
    return Founded(directory, origin, shares, invitations)


def _token_pin(directory: DataDirectory, settings: Settings, ceremony: Ceremony) -> Secret | None:
    """The PIN of the token: of a fresh SoftHSM token, or of the one that the ceremony brings."""
    if settings.provider != "pkcs11":
        return None
    if ceremony.pin is not None:
        return ceremony.pin
    softhsm.module_path(settings.pkcs11_module)
    return softhsm.make_token(directory, settings.pkcs11_label)


async def _initialise(kms: KeyServiceClient, ceremony: Ceremony, pin: Secret | None, clock: Clock) -> Sequence[Secret]:
    """Initialise and unseal; returns the shares, none with a passphrase."""
    made = await kms.initialise(
        Initialise(passphrase=ceremony.passphrase, threshold=ceremony.threshold, total=ceremony.total, pin=pin)
    )
    needed = made.shares[: ceremony.threshold] if ceremony.passphrase is None else (ceremony.passphrase,)
    for secret in needed:
        await kms.unseal(secret, parts.platform_operation(parts.SUPERVISOR, clock))
    return made.shares
