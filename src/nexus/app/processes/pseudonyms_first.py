"""The first level of pseudonyms: it sees identities and no domain's secret."""

from typing import Final

from nexus.app import levels, parts
from nexus.app.handoff import Handoff
from nexus.app.processes.life import Life
from nexus.kernel import outbox
from nexus.kms.uses import Use
from nexus.pseudonyms import first_level
from nexus.pseudonyms.first_level import FirstLevel
from nexus.pseudonyms.wire import Remote

MIGRATIONS: Final = (*outbox.MIGRATIONS, first_level.SCHEMA, first_level.BY_NAME)


async def main(given: Handoff, life: Life) -> None:
    """Serve until told to stop."""
    async with levels.stand(given, Use.PSEUDONYM_LINKAGE, MIGRATIONS, life.identity) as ground:
        second = Remote(
            ground.directory.run / f"{parts.PSEUDONYMS_SECOND}.sock", life.identity, parts.PSEUDONYMS_SECOND
        )
        level = FirstLevel(ground.database, levels.BoundLinking(ground.kms), second)
        await level.open(ground.operation())
        try:
            await levels.serve(ground, level, life.stop, life.ready)
        finally:
            await second.close()
