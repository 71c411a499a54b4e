"""Releases in the worker, without their engine until one is asked for: it takes more memory than everything else that idles here."""

import asyncio

from nexus.app.ground import Ground
from nexus.kernel.errors import NotFound
from nexus.objects.service import ObjectService
from nexus.warehouse.releases import store
from nexus.warehouse.releases.model import FOLLOWED, ReleaseState


class Releasing:
    """Builds what was asked for, removes what nobody opens any more, leaves out whoever withdraws."""

    def __init__(self, ground: Ground, objects: ObjectService) -> None:
        self._ground = ground
        self._objects = objects
        self._one = asyncio.Lock()
        """Held by whoever writes releases anew: one at a time."""

    async def build(self) -> bool:
        """What `warehouse.releases.working.Working.run` does, where there is something to do."""
        with self._ground.database.read() as tx:
            waiting = store.in_states(tx, (ReleaseState.REQUESTED,))
            ended = store.in_states(tx, (ReleaseState.RETIRED, ReleaseState.FAILED))
        if not waiting and not any(self._lies(each.bucket) for each in ended):
            return False
        from nexus.app.wiring.release_work import working  # the engine, only where it works

        return await working(self._ground, self._objects).run()

    async def follow(self, subject: str) -> int:
        """What `warehouse.releases.following.Following.follow` does, where there is a release at all."""
        with self._ground.database.read() as tx:
            followed = store.in_states(tx, FOLLOWED)
        if not followed:
            return 0
        from nexus.app.wiring.release_work import following  # as above

        async with self._one:
            return await following(self._ground, self._objects).follow(subject)

    async def mend(self) -> bool:
        """What `Following.mend` does, where there is a release at all."""
        with self._ground.database.read() as tx:
            followed = store.in_states(tx, FOLLOWED)
        if followed:
            from nexus.app.wiring.release_work import following  # as above

            async with self._one:
                await following(self._ground, self._objects).mend()
        return False

    def _lies(self, bucket: str) -> bool:
        try:
            self._objects.buckets.find(bucket)
        except NotFound:
            return False
        return True
