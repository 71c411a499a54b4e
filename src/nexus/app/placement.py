"""Where new buckets belong: the site that an actor works for, and the key that wraps the keys of a site's buckets.

A custodian gives a site (or a project) a key of its own by creating a key that it owns: `--owner site:chu-lille`. The
newest enabled one counts. Sites without one share the platform's key for objects.
"""

from collections.abc import Callable
from typing import Final

from nexus.iam.store import identities
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import Actor, Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import WRAPPING, Key, KeyState
from nexus.kms.requests import ListKeys

PAGE: Final = 1_000
_SITE = "site:"
_PROJECT = "project:"


class Placements:
    """The port `objects.s3.ports.Placements`."""

    def __init__(
        self,
        database: Database,
        kms: KeyServiceClient,
        clock: Clock,
        operation: Callable[[], Operation],
        default_key: str,
    ) -> None:
        """`default_key` wraps the bucket keys of sites without a key of their own."""
        self._database = database
        self._kms = kms
        self._clock = clock
        self._operation = operation
        self._default_key = default_key

    def site_of(self, actor: Actor) -> str | None:
        """The only site that the actor has a right in, or None if there is none or more than one."""
        with self._database.read() as tx:
            scopes = {grant.scope for grant in identities.grants_of(tx, actor.id, self._clock.now())}
        sites = {scope.removeprefix(_SITE) for scope in scopes if scope.startswith(_SITE)}
        return sites.pop() if len(sites) == 1 else None

    async def knows(self, site: str, project: str) -> bool:
        """Whether anybody has a right in the site (and in the project, if one is named), or a key belongs to it."""
        wanted = {_SITE + site, *([_PROJECT + project] if project else ())}
        wanted -= {key.owner for key in await self.keys()}
        after = ""
        with self._database.read() as tx:
            while wanted and (page := identities.grants(tx, after, PAGE, self._clock.now())):
                wanted -= {grant.scope for grant in page}
                after = page[-1].id
        return not wanted

    async def key_for(self, site: str, project: str) -> str:
        """Id of the key that wraps the key of a new bucket: the project's, else the site's, else the platform's."""
        newest: dict[str, str] = {}
        for key in await self.keys():
            if key.state is KeyState.ENABLED and key.key_class in WRAPPING:
                newest[key.owner] = key.id  # oldest first, so the newest stays
        project_key = newest.get(_PROJECT + project) if project else None
        return project_key or newest.get(_SITE + site) or self._default_key

    async def keys(self) -> list[Key]:
        """Every key of the key service, oldest first."""
        keys: list[Key] = []
        page = await self._kms.list_keys(self._operation(), ListKeys(limit=PAGE))
        keys.extend(page.keys)
        while page.next:
            page = await self._kms.list_keys(self._operation(), ListKeys(after=page.next, limit=PAGE))
            keys.extend(page.keys)
        return keys
