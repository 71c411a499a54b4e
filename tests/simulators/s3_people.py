"""The S3 door in front of the real identity services: people's own access keys, real rights, one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nexus.app.destinations import Destination, Destinations
from nexus.app.own_identity import OwnIdentities
from nexus.iam.model import AccessKey, Purpose, Role
from nexus.iam.oidc.web_identity import WebIdentities
from nexus.iam.requests.machines import CreateAccessKey
from nexus.kernel.clock import DAY, Instant
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.migrations import MIGRATIONS
from nexus.objects.s3.app import create_app
from nexus.objects.s3.own_identity import OwnIdentity
from nexus.objects.s3.sts import Sts
from nexus.objects.s3.telling import TellingRecorder
from nexus.objects.service import ObjectService
from simulators.clock import ManualClock
from simulators.data_keys import SimulatedDataKeys
from simulators.doorkeepers import Leash
from simulators.issuer import ISSUER, IssuerAtWork
from simulators.people import Human, Platform, open_platform
from simulators.s3_client import S3Client
from simulators.s3_door import DOMAIN, KEY_ID, REGION, SITE, OneSite, SiteKeys, SiteRights


def destination(name: str, sites: tuple[str, ...] = (SITE,)) -> Destination:
    """Somebody who may be told of what happens in buckets of the site."""
    return Destination(name=name, url=f"https://{name}.test/hook", secret_file="/nowhere", sites=sites)


@dataclass
class PeopleAtS3:
    """`steward` works for the site; ada and ben, officers, touch no object."""

    platform: Platform
    app: Any
    objects: ObjectService
    issuer: IssuerAtWork
    ada: Human
    ben: Human
    steward: Human

    async def key(self, owner: Human, purpose: Purpose = Purpose.CARE, days: int = 30, **only: Any) -> AccessKey:
        """A new access key of a person who is signed in, as the door sees it."""
        request = CreateAccessKey(
            identity=owner.id, purpose=purpose, expires_at=Instant(self.platform.clock.now() + days * DAY), **only
        )
        made = await self.platform.call("iam.access-key.create", self.platform.op(owner), request)
        return self.platform.authenticator.access_key(made.id)

    def client(self, key: AccessKey, token: str | None = None) -> S3Client:
        """An S3 client with an access key."""
        return S3Client(self.app, key.id, key.secret.reveal().decode(), self.platform.clock, REGION, token)

    async def member(self, login: str, role: Role, scope: str = f"site:{SITE}") -> Human:
        """Somebody else with a role."""
        human = await self.platform.person(self.ben, login)
        await self.platform.grant(self.ada, human.id, role, scope)
        return human


@contextmanager
def objects_beside(platform: Platform, folder: Path) -> Iterator[ObjectService]:
    """An object store in the database of a platform."""
    data_keys = SimulatedDataKeys()
    data_keys.add_key(KEY_ID)
    platform.db.migrate(MIGRATIONS)
    objects = ObjectService(
        platform.db, DiskBlobs(folder / "blobs"), data_keys, platform.clock, key_rights=SiteKeys(SiteRights())
    )
    try:
        yield objects
    finally:
        objects.close()


@contextmanager
def open_with_people(folder: Path, clock: ManualClock | None = None) -> Iterator[PeopleAtS3]:
    """The door and the people; closed at the end. Call `settle` before anything else."""
    with (
        open_platform(folder, clock=clock, before=TellingRecorder) as platform,
        objects_beside(platform, folder) as objects,
    ):
        placed = OneSite()
        issuer = IssuerAtWork(platform)
        tokens = WebIdentities(platform.db, platform.clock, ISSUER, issuer.signer)
        asking = {"gate": platform.gate, "audit": platform.db, "placements": placed}
        sts = Sts(platform.service.temporary_keys, tokens, **asking)
        own = OwnIdentity(OwnIdentities(platform.db, platform.clock, platform.service.credentials), **asking)
        app = create_app(
            objects,
            access_keys=platform.authenticator,
            gate=platform.gate,
            lease=Leash(),
            audit=platform.db,
            placements=placed,
            clock=platform.clock,
            region=REGION,
            domains=(DOMAIN,),
            destinations=Destinations(
                {"pipeline": destination("pipeline"), "elsewhere": destination("elsewhere", ("elsewhere",))}
            ),
            query_verbs=[*sts.verbs(), *own.verbs()],
        )
        nobody = Human("", "")
        yield PeopleAtS3(platform, app, objects, issuer, nobody, nobody, nobody)


async def settle(door: PeopleAtS3) -> PeopleAtS3:
    """Found the platform, and bring in the steward of the site."""
    door.ada, door.ben = await door.platform.found("ada", "ben")
    door.steward = await door.member("rita", Role.DATA_STEWARD)
    return door
