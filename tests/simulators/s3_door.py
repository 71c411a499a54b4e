"""An S3 door with everything behind it: a real object store and database, and doorkeepers that obey the test."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nexus.iam.model import AccessKey
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import Denied, Unauthenticated
from nexus.kernel.observing import Commits
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource
from nexus.kernel.secret import Secret
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.migrations import MIGRATIONS
from nexus.objects.ports import Subjects
from nexus.objects.s3.answer import STALL_TIMEOUT_S
from nexus.objects.s3.app import create_app
from nexus.objects.s3.dialect import AWS, Dialect
from nexus.objects.service import ObjectService
from nexus.objects.store.named_keys import key_resource
from simulators.accounts import Accounts
from simulators.clock import ManualClock
from simulators.data_keys import SimulatedDataKeys
from simulators.databases import database
from simulators.doorkeepers import Leash
from simulators.recorder import MemoryRecorder
from simulators.s3_client import S3Client

REGION = "eu-test-1"
DOMAIN = "s3.nexus.test"
KEY_ID = "key_test"
OTHER_KEY_ID = "key_other"
"""Another key, owned by the same site: requests may name it."""
SITE = "chu-test"


def machine(name: str) -> Actor:
    """A machine of the hospital."""
    return Actor(f"mac_{name}", ActorKind.MACHINE, name)


class KeyRing:
    """Access keys by id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.keys: dict[str, AccessKey] = {}

    def add(self, actor: Actor, *, purpose: str = "care") -> AccessKey:
        number = len(self.keys)
        expires = Instant(self._clock.now() + 365 * DAY)
        key = AccessKey(f"NXTESTKEY{number:011d}", Secret(b"secret-%d" % number * 4), actor, purpose, expires)
        self.keys[key.id] = key
        return key

    def remove(self, access_key_id: str) -> None:
        self.keys.pop(access_key_id, None)

    def access_key(self, access_key_id: str) -> AccessKey:
        key = self.keys.get(access_key_id)
        if key is None or key.expires_at <= self._clock.now():
            raise Unauthenticated("this access key is not known", code="iam.unknown-access-key")
        return key


class SiteRights:
    """Rights by actor: an actor may do what it was given, at the sites that it was given it for. `*` is everything."""

    def __init__(self) -> None:
        self.given: dict[str, set[tuple[str, str]]] = {}

    def give(self, actor: Actor, *actions: str, site: str = SITE) -> None:
        self.given.setdefault(actor.id, set()).update((action, site) for action in actions)

    def take(self, actor: Actor) -> None:
        self.given.pop(actor.id, None)

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        given = self.given.get(op.actor.id, set())
        site = str(resource.attributes.get("site", ""))
        if not {(action, site), ("*", site), (action, "*"), ("*", "*")} & given:
            raise Denied(f"{op.actor.id} may not {action}", code="iam.denied")


class SiteKeys:
    """The keys that requests may name: both of the site, for those who have `kms.key.use` there."""

    def __init__(self, rights: SiteRights) -> None:
        self._rights = rights

    async def owner_of(self, key_id: str) -> str | None:
        return f"site:{SITE}" if key_id in (KEY_ID, OTHER_KEY_ID) else None

    def check(self, op: Operation, key_id: str, owner: str) -> None:
        self._rights.check(op, "kms.key.use", key_resource(key_id, owner))


class OpenSharing:
    """Sharing as in other object stores, for others' suites: whoever is known, and nobody too, may be let in."""

    possible = True

    def __init__(self) -> None:
        self.known: set[str] = set()

    def admits(self, op: Operation, action: str, resource: Resource) -> bool:
        return True

    def knows(self, actor_id: str) -> bool:
        return actor_id in self.known


class OwnDevices:
    """Every certificate is of the device that it names, for one actor."""

    def __init__(self) -> None:
        self.holder = ""

    def named(self, header: str, actor: Actor) -> str:
        return header if actor.id == self.holder else ""


class OneSite:
    """Every actor works for the same site, unless told otherwise."""

    def __init__(self) -> None:
        self.site: str | None = SITE

    def site_of(self, actor: Actor) -> str | None:
        return self.site

    async def knows(self, site: str, project: str) -> bool:
        return site == self.site and not project

    async def key_for(self, site: str, project: str) -> str:
        return KEY_ID


@dataclass
class S3Door:
    """`app` is the ASGI application; `audit.entries` is what was recorded; `owner` may do everything."""

    db: Database
    audit: MemoryRecorder
    objects: ObjectService
    data_keys: SimulatedDataKeys
    clock: Clock
    body_idle_s: float
    answer_stall_s: float = STALL_TIMEOUT_S
    region: str = REGION
    lease: Leash = field(default_factory=Leash)
    rights: SiteRights = field(default_factory=SiteRights)
    placements: OneSite = field(default_factory=OneSite)
    sharing: OpenSharing | None = None
    dialect: Dialect = AWS
    has_accounts: bool = False
    """Whether roots of accounts make users over IAM's verbs."""
    devices: OwnDevices = field(default_factory=OwnDevices)

    def __post_init__(self) -> None:
        self.ring = KeyRing(self.clock)
        self.accounts = Accounts(self.clock, lambda name: self.ring.add(machine(name)), self.ring.remove)
        self.app = create_app(
            self.objects,
            access_keys=self.ring,
            gate=self.rights,
            lease=self.lease,
            audit=self.db,
            placements=self.placements,
            clock=self.clock,
            region=self.region,
            domains=(DOMAIN,),
            body_idle_s=self.body_idle_s,
            answer_stall_s=self.answer_stall_s,
            sharing=self.sharing,
            legacy_forms=self.sharing is not None,
            devices=self.devices,
            dialect=self.dialect,
            query_verbs=self.accounts.verbs() if self.has_accounts else (),
        )
        self.owner = machine("owner")
        self.rights.give(self.owner, "*", site="*")
        self.owner_key = self.ring.add(self.owner)

    def client(self, key: AccessKey | None = None, *, clock: Clock | None = None, region: str = "") -> S3Client:
        """A client with this access key (the owner's by default)."""
        key = key or self.owner_key
        return S3Client(self.app, key.id, key.secret.reveal().decode(), clock or self.clock, region or self.region)

    def entries(self) -> list[tuple[str, str, Any]]:
        """(action, outcome, code) of everything recorded so far."""
        return [(e.action, e.outcome.value, e.details.get("code")) for e in self.audit.entries]

    def close(self) -> None:
        self.objects.close()
        self.db.close()


def open_s3_door(
    folder: Path,
    *,
    clock: Clock | None = None,
    body_idle_s: float = 0.3,
    answer_stall_s: float = STALL_TIMEOUT_S,
    region: str = REGION,
    placements: OneSite | None = None,
    sharing: OpenSharing | None = None,
    subjects: Subjects | None = None,
    observer: Commits | None = None,
    dialect: Dialect = AWS,
    has_accounts: bool = False,
) -> S3Door:
    """A door over a fresh store in `folder`; the caller closes it."""
    audit, data_keys, clock = MemoryRecorder(), SimulatedDataKeys(), clock or ManualClock()
    data_keys.add_key(KEY_ID)
    data_keys.add_key(OTHER_KEY_ID)
    db = database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=audit, observer=observer)
    db.migrate(MIGRATIONS)
    rights = SiteRights()
    objects = ObjectService(
        db, DiskBlobs(folder / "blobs"), data_keys, clock, key_rights=SiteKeys(rights), subjects=subjects
    )
    placed = placements or OneSite()
    return S3Door(
        db,
        audit,
        objects,
        data_keys,
        clock,
        body_idle_s,
        answer_stall_s=answer_stall_s,
        region=region,
        rights=rights,
        placements=placed,
        sharing=sharing,
        dialect=dialect,
        has_accounts=has_accounts,
    )
