"""The console, with the OpenID Connect issuer."""

import asyncio

from nexus.app import parts, serving
from nexus.app.chores.schedule import run_all
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.messages import messenger
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after
from nexus.app.telemetry.doorway import Doorway
from nexus.app.wiring import console
from nexus.app.wiring.issuer import goodbyes, issuer
from nexus.app.wiring.storage import object_service
from nexus.app.witnesses import witness_client


async def main(given: Handoff, life: Life) -> None:
    """Serve the console until told to stop; tell tools meanwhile that sessions have ended."""
    async with (
        stand(given, console.KEYS, life.identity, life.watch) as ground,
        witness_client(given.settings) as witnesses,
    ):
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        made = issuer(ground, given.port)
        async with messenger(ground.directory.certificate_authority) as tools:
            telling = asyncio.create_task(run_all([goodbyes(ground, made, tools)], life.stop))
            try:
                await serving.serve(
                    Doorway(
                        parts.CONSOLE, console.console_door(ground, objects, witnesses, given.port, made), life.watch
                    ),
                    host=given.settings.host,
                    port=given.port,
                    leaf=given.take_leaf(),
                    stop=life.stop,
                    grace_s=given.settings.stop_grace_s,
                    ready=life.ready,
                    trusted=given.settings.proxies(),
                )
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                objects.close()
