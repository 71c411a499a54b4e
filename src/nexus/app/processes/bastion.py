"""The bastion: the SSH door for those who administer the machine."""

import asyncio
import logging

from nexus.app import serving
from nexus.app.custody import Part
from nexus.app.ground import stand
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.app.wiring import gateway
from nexus.bastion.gateway import host_public_key
from nexus.bastion.issuing import publish_host_key

_log = logging.getLogger("nexus.bastion")


async def main(given: Handoff, life: Life) -> None:
    """Serve SSH until told to stop; every session has ended, and its end is recorded, when this returns."""
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # it would write user names and commands into the journal
    async with stand(given, gateway.KEYS, life.identity, life.watch) as ground:
        with serving.reserve_port(given.settings.host, given.port) as listening:
            public = host_public_key(ground.hold.secrets[Part.BASTION_HOST])
            await publish_host_key(ground.database, ground.operation(), public)
            door = gateway.gateway(ground)
            if lost := await door.opening.close_lost():
                _log.warning("%d sessions were open when the bastion died", lost)
            serve = asyncio.create_task(door.serve(listening, life.stop))
            life.ready()
            await serve
