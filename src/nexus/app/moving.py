"""Moves the database of a stopped platform from its file to a PostgreSQL server, in numbered steps.

1. The file is brought to this program's version, and an entry of the audit log says that it is moved, and where to.
2. Everything in it goes into the schema of the server in one transaction, and is read back, row by row.
3. The entries that arrived make the root that the head of the log has.
4. The settings of the data directory name the server. From here on that is the database.
5. The file gets another name, and the schema is opened as at every start.

What ends it before step 4 leaves the platform on its file. It may be begun again at any time: until step 5 nobody has used
the schema, and what an earlier attempt left there is replaced.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from nexus.app import custody, parts, schema
from nexus.app.custody import Part
from nexus.app.database_settings import DatabaseSettings
from nexus.app.datadir import DataDirectory, sync_directory
from nexus.app.description import DATABASE, change_settings
from nexus.audit import store as log
from nexus.crypto.merkle import Frontier, leaf_hash
from nexus.kernel.clock import Clock
from nexus.kernel.engines.port import Transaction
from nexus.kernel.engines.postgresql_carrying import fill_server
from nexus.kernel.engines.sqlite_carrying import contents_of_file
from nexus.kernel.errors import Conflict, Damaged, Invalid
from nexus.kernel.operation import PLATFORM
from nexus.kms.client import KeyServiceClient

ACTION: Final = "platform.move-database"
CHUNK_LEAVES: Final = 10_000
LEAVES: Final = "audit_leaf"


@dataclass(frozen=True, slots=True)
class Moved:
    """What arrived."""

    tables: int
    rows: int
    log_size: int
    former: str
    """Path of the file that it was moved out of."""


async def move(
    kms: KeyServiceClient,
    directory: DataDirectory,
    settings: DatabaseSettings,
    clock: Clock,
    *,
    user: str,
) -> Moved:
    """Move it to the server that `settings` name; the platform must be stopped and the key service unsealed.

    Raises Conflict where there is no file, or the server holds a platform already.
    """
    on_server = schema.Place(directory, settings, parts.SUPERVISOR)
    server = on_server.server()
    if server is None:
        raise Invalid(
            "nothing says where the database is to go",
            code="database.no-destination",
            hint="--set database_host=…, and what else docs/how-to/postgresql.md names",
        )
    if not directory.database.exists():
        raise Conflict(
            "the database of this platform is not a file", code="database.not-a-file", hint="it was moved already"
        )
    index, op = custody.read_index(directory), parts.local_operation(user, clock)
    key = await custody.open_part(kms, directory, Part.DATABASE, op)
    try:
        in_file = schema.Place(directory, structs.replace(settings, database_host=""), parts.SUPERVISOR)
        database = in_file.open(key, index.audit_public, clock)
        try:
            await asyncio.to_thread(database.migrate, schema.MIGRATIONS)
            await database.record(op.allowed(ACTION, PLATFORM, host=server.host, schema=server.schema))
        finally:
            database.close()
        with contents_of_file(directory.database, key) as contents:
            tallies = await asyncio.to_thread(fill_server, server, contents, schema.MIGRATIONS, require=require_log)
        change_settings(directory, _whereabouts(settings))
        former = directory.former_database
        directory.database.rename(former)
        sync_directory(directory.root)
        await asyncio.to_thread(lambda: on_server.open(key, index.audit_public, clock).close())
    finally:
        key.wipe()
    rows = sum(tally.rows for tally in tallies.values())
    return Moved(len(tallies), rows, tallies[LEAVES].rows, str(former))


def _whereabouts(settings: DatabaseSettings) -> Mapping[str, str | int | bool | None]:
    chosen = {name: getattr(settings, name) for name in DATABASE}
    return {name: value or None for name, value in chosen.items()}


def require_log(tx: Transaction) -> None:
    """Raises Damaged unless the entries make the root that the head of the log has."""
    head, frontier = log.read_head(tx), Frontier()
    for first in range(0, head.size, CHUNK_LEAVES):
        leaves = log.leaves_between(tx, first, min(first + CHUNK_LEAVES, head.size))
        frontier.extend([leaf_hash(leaf) for leaf in leaves])
    if frontier.root() != head.root:
        raise Damaged("the entries do not make the root of the log's head", code="audit.root")
