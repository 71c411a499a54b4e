"""The REST door."""

from nexus.app import parts, serving
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after
from nexus.app.telemetry.doorway import Doorway
from nexus.app.wiring import rest
from nexus.app.wiring.storage import object_service
from nexus.app.witnesses import witness_client


async def main(given: Handoff, life: Life) -> None:
    """Serve REST until told to stop."""
    async with (
        stand(given, rest.KEYS, life.identity, life.watch) as ground,
        witness_client(given.settings) as witnesses,
    ):
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        try:
            await serving.serve(
                Doorway(parts.API, rest.rest_door(ground, objects, witnesses), life.watch),
                host=given.settings.host,
                port=given.port,
                leaf=given.take_leaf(),
                stop=life.stop,
                grace_s=given.settings.stop_grace_s,
                ready=life.ready,
                trusted=given.settings.proxies(),
            )
        finally:
            objects.close()
