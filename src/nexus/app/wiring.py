"""What stands behind each port: the only place that knows. One function builds each process's application.

Who handles which event, in one table:

| event                           | told by                     | handled by                                               |
|---------------------------------|-----------------------------|----------------------------------------------------------|
| sealed, lost                    | key service (lease)         | `KeyHold` wipes; `ObjectService` wipes its bucket keys    |
| unsealed                        | key service (lease)         | `KeyHold` gets the platform's keys back                  |
| key changed                     | key service (lease)         | `ObjectService` wipes that key's bucket keys             |
| entries of the key service      | outbox in kms.db            | `chores.shipping`: into the audit log                    |
| entries recorded                | head of the log             | `chores.publishing`: checkpoint, tiles, witnesses        |
| key rotated, rewrap asked for   | jobs of the key service     | `chores.rewrapping`: bucket keys, the platform's own keys |
| rights changed                  | version of all rights       | `Gate`, `Authenticator`: ask it at each request          |
"""

import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from nexus import __version__
from nexus.app.chores.sweeping import Sweeping
from nexus.app.custody import KEY_BYTES, Index, Part
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES, WHILE_SEALED
from nexus.app.placement import Placements
from nexus.app.platform import PlatformService
from nexus.app.serving import Asgi
from nexus.audit.policy import LogIdentity
from nexus.audit.reader import AuditReader
from nexus.audit.service import AuditService
from nexus.audit.witnesses import WitnessClient
from nexus.crypto.hpke import OpeningKey
from nexus.crypto.notes import VerifierKey
from nexus.iam.approvals import Approvals
from nexus.iam.authenticator import Authenticator
from nexus.iam.gate import Gate
from nexus.iam.model import Intent
from nexus.iam.service import IdentityService
from nexus.kernel.secret import Secret
from nexus.objects.administration import BucketAdministration
from nexus.objects.s3.app import create_app
from nexus.objects.service import ObjectService
from nexus.web.dispatch import Dispatcher
from nexus.web.openapi import openapi
from nexus.web.rest import rest_app

S3_KEYS: Final = (Part.IDENTITY,)
API_KEYS: Final = (Part.IDENTITY, Part.AUDIT_READER)
WORKER_KEYS: Final = (Part.AUDIT_READER,)
"""Which of the platform's keys each process holds, and no other."""


def object_service(ground: Ground) -> ObjectService:
    """The object store. It wipes its bucket keys by itself when the lease ends."""
    return ObjectService(ground.database, ground.directory.blobs, ground.kms, ground.clock)


def placements(ground: Ground) -> Placements:
    """Which site a new bucket belongs to, and which key wraps its own."""
    return Placements(ground.database, ground.kms, ground.clock, ground.operation, ground.index.object_key)


def s3_door(ground: Ground, objects: ObjectService) -> Asgi:
    """The S3 door over the object store."""
    authenticator = Authenticator(ground.database, ground.clock, ground.hold.secrets[Part.IDENTITY])
    app = create_app(
        objects,
        access_keys=authenticator,
        gate=Gate(ground.database, ground.clock),
        lease=ground.hold,
        audit=ground.database,
        placements=placements(ground),
        clock=ground.clock,
        region=ground.settings.region,
        domains=ground.settings.names,
    )
    ground.hold.on_wipe(app.wipe)
    ground.hold.on_wipe(authenticator.forget)
    return app


def rest_door(ground: Ground, objects: ObjectService, witnesses: WitnessClient) -> Asgi:
    """The REST door over every service."""
    gate = Gate(ground.database, ground.clock)
    approvals = Approvals(ground.database, gate, ground.clock)
    sealing_key = ground.hold.secrets[Part.IDENTITY]
    authenticator = Authenticator(ground.database, ground.clock, sealing_key)
    ground.hold.on_wipe(authenticator.forget)
    identities = IdentityService(ground.database, ground.clock, approvals=approvals, sealing_key=sealing_key)
    services = {
        "iam": identities,
        "kms": ground.kms,
        "audit": audit_service(ground, witnesses),
        "objects": BucketAdministration(objects.buckets, gate, placements(ground)),
        "platform": PlatformService(
            ground.directory, ground.settings, ground.database, ground.clock, identities.lacking_approvers
        ),
    }
    dispatcher = Dispatcher(
        OPERATIONS,
        services,
        lease=ground.hold,
        authenticator=authenticator,
        gate=gate,
        approvals=approvals,
        audit=ground.database,
        clock=ground.clock,
        purposes=PURPOSES,
        while_sealed=WHILE_SEALED,
    )
    document = openapi(OPERATIONS, version=__version__, purposes=PURPOSES, intent=Intent, services=SERVICES)
    return rest_app(dispatcher, msgspec.json.encode(document))


def sweeper(ground: Ground, objects: ObjectService) -> Sweeping:
    """What the worker sweeps. It opens no credential, so it is given a key that opens none."""
    approvals = Approvals(ground.database, Gate(ground.database, ground.clock), ground.clock)
    no_key = Secret(secrets.token_bytes(KEY_BYTES))
    identities = IdentityService(ground.database, ground.clock, approvals=approvals, sealing_key=no_key)
    return Sweeping(identities, objects.upkeep, ground.operation)


def audit_service(ground: Ground, witnesses: WitnessClient) -> AuditService:
    """The operations of the audit log."""
    return AuditService(
        ground.database,
        log_identity(ground.index),
        audit_reader(ground),
        ground.directory.log,
        witnesses=witnesses,
        clock=ground.clock,
    )


def log_identity(index: Index) -> LogIdentity:
    """The log's name and public keys."""
    return LogIdentity(index.origin, tuple(VerifierKey.parse(text) for text in index.log_keys))


def audit_reader(ground: Ground) -> Callable[[], AuditReader]:
    """Gives the reader while the private key is held; raises Sealed while it is not."""
    held: list[AuditReader] = []
    ground.hold.on_wipe(held.clear)

    def reader() -> AuditReader:
        if not held:
            key = OpeningKey(ground.hold.secrets[Part.AUDIT_READER])
            held.append(AuditReader(ground.database, key, ground.directory.log))
        return held[0]

    return reader
