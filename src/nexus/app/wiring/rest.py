"""The REST door."""

from typing import Final

import msgspec

from nexus import __version__
from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES, WHILE_SEALED
from nexus.app.platform import PlatformService
from nexus.app.serving import Asgi
from nexus.app.wiring.log import audit_service
from nexus.app.wiring.storage import placements
from nexus.audit.witnesses import WitnessClient
from nexus.iam.approvals import Approvals
from nexus.iam.authenticator import Authenticator
from nexus.iam.gate import Gate
from nexus.iam.model import Intent
from nexus.iam.service import IdentityService
from nexus.objects.administration import BucketAdministration
from nexus.objects.service import ObjectService
from nexus.web.dispatch import Dispatcher
from nexus.web.openapi import openapi
from nexus.web.rest import rest_app

KEYS: Final = (Part.IDENTITY, Part.AUDIT_READER)
"""Which of the platform's keys this process holds, besides the database's, and no other."""


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
