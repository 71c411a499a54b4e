"""The S3 door."""

from nexus.app import serving, wiring
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life


async def main(given: Handoff, life: Life) -> None:
    """Serve S3 until told to stop."""
    async with stand(given, wiring.S3_KEYS) as ground:
        objects = wiring.object_service(ground)
        try:
            await serving.serve(
                wiring.s3_door(ground, objects),
                host=given.settings.host,
                port=given.port,
                leaf=given.take_leaf(),
                stop=life.stop,
                grace_s=given.settings.stop_grace_s,
                ready=life.ready,
            )
        finally:
            objects.close()
