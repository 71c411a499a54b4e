"""The object store, for whichever process needs it."""

from nexus.app.ground import Ground
from nexus.app.key_rights import KeyRights
from nexus.app.placement import Placements
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.subjects import Subjects
from nexus.iam.gate import Gate
from nexus.objects.service import ObjectService


def object_service(ground: Ground) -> ObjectService:
    """The object store. It wipes its bucket keys by itself when the lease ends."""
    rights = KeyRights(Gate(ground.database, ground.clock, ground.settings.conditions()), placements(ground))
    return ObjectService(
        ground.database,
        ground.directory.blobs,
        ground.kms,
        ground.clock,
        key_rights=rights,
        subjects=Subjects(rulings(ground)),
    )


def placements(ground: Ground) -> Placements:
    """Which site a new bucket belongs to, and which key wraps its own."""
    return Placements(ground.database, ground.kms, ground.clock, ground.operation, ground.index.object_key)
