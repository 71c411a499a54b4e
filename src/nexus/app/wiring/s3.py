"""The S3 door."""

from typing import Final

from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.serving import Asgi
from nexus.app.wiring.storage import placements
from nexus.iam.authenticator import Authenticator
from nexus.iam.device_proof import DeviceAuthorities
from nexus.iam.devices import KnownDevices
from nexus.iam.gate import Gate
from nexus.objects.s3.app import create_app
from nexus.objects.service import ObjectService

KEYS: Final = (Part.IDENTITY,)
"""Which of the platform's keys this process holds, besides the database's, and no other."""


def s3_door(ground: Ground, objects: ObjectService) -> Asgi:
    """The S3 door over the object store."""
    authenticator = Authenticator(ground.database, ground.clock, ground.hold.secrets[Part.IDENTITY])
    app = create_app(
        objects,
        access_keys=authenticator,
        gate=Gate(ground.database, ground.clock, ground.settings.conditions()),
        lease=ground.hold,
        audit=ground.database,
        placements=placements(ground),
        clock=ground.clock,
        region=ground.settings.region,
        domains=ground.settings.names,
        devices=KnownDevices(ground.database, ground.clock, DeviceAuthorities.read(ground.settings.device_authority)),
    )
    ground.hold.on_wipe(app.wipe)
    ground.hold.on_wipe(authenticator.forget)
    return app
