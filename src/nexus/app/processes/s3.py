"""The S3 door."""

from nexus.app import parts, serving
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after
from nexus.app.telemetry.doorway import Doorway
from nexus.app.wiring import s3
from nexus.app.wiring.storage import object_service


async def main(given: Handoff, life: Life) -> None:
    """Serve S3 until told to stop."""
    async with stand(given, s3.KEYS, life.identity, life.watch) as ground:
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        try:
            await serving.serve(
                Doorway(parts.S3, s3.s3_door(ground, objects), life.watch, given.settings.names),
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
