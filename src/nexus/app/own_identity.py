"""What the S3 door tells of identities, over the stories of iam."""

from collections.abc import Sequence

from nexus.iam.credentials import CredentialStories
from nexus.iam.model import Grant
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.resources import Resources
from nexus.iam.store import identities
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Actor, Operation, Resource
from nexus.objects.s3.ports import Identity, KeyLine


class OwnIdentities:
    """The port `objects.s3.ports.Identities`."""

    def __init__(self, db: Database, clock: Clock, credentials: CredentialStories) -> None:
        self._db = db
        self._clock = clock
        self._credentials = credentials
        self._resources = Resources(db, clock)

    def own(self, actor: Actor) -> Sequence[Identity]:
        """The actor first, then the machines that answer to it. Raises NotFound."""
        with self._db.read() as tx:
            ids = [actor.id, *identities.machines_of(tx, actor.id)]
            found = [identities.identity(tx, each) for each in ids]
        if found[0] is None:
            raise NotFound("no such identity", code="iam.no-identity")
        return [Identity(each.id, each.created_at) for each in found if each is not None]

    def roles(self, actor: Actor) -> Sequence[Grant]:
        """The rights that count now."""
        now = self._clock.now()
        with self._db.read() as tx:
            return [grant for grant in identities.grants_of(tx, actor.id, now) if grant.starts_at <= now]

    def resource(self, identity_id: str) -> Resource:
        """An identity, as the gate sees it."""
        return self._resources.identity(identity_id)

    def resource_of_key(self, key_id: str) -> Resource:
        """Whose access key it is, temporary or not."""
        return self._resources.access_key(key_id)

    async def access_keys(self, op: Operation, identity_id: str) -> Sequence[KeyLine]:
        """The access keys of an identity; the reading is recorded."""
        listed = await self._credentials.list_access_keys(op, OfIdentity(identity=identity_id))
        now = self._clock.now()
        return [
            KeyLine(key.id, key.created_at, in_force=not key.revoked and now < key.expires_at)
            for key in listed.access_keys
        ]

    async def revoke(self, op: Operation, key_id: str) -> None:
        """Refuse a key from now on. Raises NotFound."""
        await self._credentials.revoke_access_key(op, ById(id=key_id))
