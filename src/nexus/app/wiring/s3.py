"""The S3 door."""

from typing import Final

from nexus.app import destinations
from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.own_identity import OwnIdentities
from nexus.app.serving import Asgi
from nexus.app.telemetry import looking_after
from nexus.app.token_signing import KmsTokenSigner
from nexus.app.wiring.storage import placements
from nexus.iam.authenticator import Authenticator
from nexus.iam.credentials import CredentialStories
from nexus.iam.device_proof import DeviceAuthorities
from nexus.iam.devices import KnownDevices
from nexus.iam.gate import Gate
from nexus.iam.oidc.web_identity import WebIdentities
from nexus.iam.sealing import Sealing
from nexus.iam.temporary import TemporaryKeyStories
from nexus.objects.s3.app import create_app
from nexus.objects.s3.dialect import DIALECTS
from nexus.objects.s3.own_identity import OwnIdentity
from nexus.objects.s3.sts import Sts
from nexus.objects.service import ObjectService

KEYS: Final = (Part.IDENTITY,)
"""Which of the platform's keys this process holds, besides the database's, and no other."""


def s3_door(ground: Ground, objects: ObjectService) -> Asgi:
    """The S3 door over the object store."""
    sealing_key = ground.hold.secrets[Part.IDENTITY]
    authenticator = Authenticator(ground.database, ground.clock, sealing_key)
    gate = Gate(ground.database, ground.clock, ground.settings.conditions())
    looking_after.gate(ground.watch, gate)
    placed = placements(ground)
    keys = TemporaryKeyStories(ground.database, ground.clock, Sealing(sealing_key))
    signer = KmsTokenSigner(ground.kms, ground.clock, ground.operation)
    tokens = WebIdentities(ground.database, ground.clock, ground.console_url.rstrip("/"), signer)
    sts = Sts(keys, tokens, gate=gate, audit=ground.database, placements=placed)
    known = OwnIdentities(
        ground.database, ground.clock, CredentialStories(ground.database, ground.clock, Sealing(sealing_key))
    )
    own = OwnIdentity(known, gate=gate, audit=ground.database, placements=placed)
    app = create_app(
        objects,
        access_keys=authenticator,
        gate=gate,
        lease=ground.hold,
        audit=ground.database,
        placements=placed,
        clock=ground.clock,
        region=ground.settings.region,
        dialect=DIALECTS[ground.settings.s3_dialect],
        domains=ground.settings.names,
        devices=KnownDevices(ground.database, ground.clock, DeviceAuthorities.read(ground.settings.device_authority)),
        destinations=destinations.load(ground.settings.notification_file),
        query_verbs=[*sts.verbs(), *own.verbs()],
    )
    ground.hold.on_wipe(app.wipe)
    ground.hold.on_wipe(authenticator.forget)
    return app
