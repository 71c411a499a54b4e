"""The SFTP door: where providers deliver."""

import asyncio
import logging

from nexus.app import serving
from nexus.app.custody import Part
from nexus.app.datadir import write_durably
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.telemetry import looking_after
from nexus.app.wiring import sftp
from nexus.app.wiring.storage import object_service
from nexus.warehouse.sftp.gateway import host_line


async def main(given: Handoff, life: Life) -> None:
    """Serve SFTP until told to stop; what was not closed by then is nothing."""
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # it would write names of files into the journal
    async with stand(given, sftp.KEYS, life.identity, life.watch) as ground:
        objects = object_service(ground)
        looking_after.contents(life.watch, given.settings, ground.directory)
        try:
            with serving.reserve_port(given.settings.host, given.port) as listening:
                line = host_line(ground.hold.secrets[Part.SFTP_HOST])
                write_durably(ground.directory.sftp_host_key, f"{line}\n".encode())
                serve = asyncio.create_task(sftp.door(ground, objects).serve(listening, life.stop))
                life.ready()
                await serve
        finally:
            objects.close()
