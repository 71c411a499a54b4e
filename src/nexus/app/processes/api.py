"""The REST door."""

from nexus.app import serving, wiring
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.witnesses import witness_client


async def main(given: Handoff, life: Life) -> None:
    """Serve REST until told to stop."""
    async with stand(given, wiring.API_KEYS) as ground, witness_client(given.settings) as witnesses:
        objects = wiring.object_service(ground)
        try:
            await serving.serve(
                wiring.rest_door(ground, objects, witnesses),
                host=given.settings.host,
                port=given.port,
                leaf=given.take_leaf(),
                stop=life.stop,
                grace_s=given.settings.stop_grace_s,
                ready=life.ready,
            )
        finally:
            objects.close()
