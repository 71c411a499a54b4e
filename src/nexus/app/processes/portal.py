"""The patient portal."""

from nexus.app import serving
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.wiring import portal


async def main(given: Handoff, life: Life) -> None:
    """Serve the portal until told to stop."""
    async with stand(given, portal.KEYS, life.identity) as ground:
        await serving.serve(
            portal.portal_door(ground, given.port),
            host=given.settings.host,
            port=given.port,
            leaf=given.take_leaf(),
            stop=life.stop,
            grace_s=given.settings.stop_grace_s,
            ready=life.ready,
        )
