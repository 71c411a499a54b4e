"""The patient portal."""

from nexus.app import parts, serving
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after
from nexus.app.telemetry.doorway import Doorway
from nexus.app.wiring import portal
from nexus.app.wiring.storage import object_service


async def main(given: Handoff, life: Life) -> None:
    """Serve the portal until told to stop."""
    async with stand(given, portal.KEYS, life.identity, life.watch) as ground:
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        try:
            await serving.serve(
                Doorway(parts.PORTAL, portal.portal_door(ground, objects, given.port), life.watch),
                host=given.settings.host,
                port=given.port,
                leaf=given.take_leaf(),
                stop=life.stop,
                grace_s=given.settings.stop_grace_s,
                ready=life.ready,
            )
        finally:
            objects.close()
