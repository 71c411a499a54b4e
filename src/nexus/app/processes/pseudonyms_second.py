"""The second level of pseudonyms: it sees links and no identity."""

from typing import Final

from nexus.app import levels
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.kernel import outbox
from nexus.kms.uses import Use
from nexus.pseudonyms import ledger, second_level
from nexus.pseudonyms.second_level import SecondLevel

MIGRATIONS: Final = (*outbox.MIGRATIONS, *ledger.SCHEMAS, second_level.SCHEMA)


async def main(given: Handoff, life: Life) -> None:
    """Serve until told to stop; first go on with renewals that a restart interrupted."""
    async with levels.stand(given, Use.PSEUDONYM_DOMAINS, MIGRATIONS, life.identity) as ground:
        level = SecondLevel(ground.database, levels.BoundKeys(ground.kms, Use.PSEUDONYM_DOMAINS, ground.operation))
        await level.resume(ground.operation())
        await levels.serve(ground, level, life.stop, life.ready)
