"""A table of names, for tests of databases: what is written to it is recorded like anything else."""

from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.operation import PLATFORM
from simulators.operations import operation

TABLE = Migration("demo", 1, ("CREATE TABLE demo (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",))
ENTRY = operation().allowed("demo.write", PLATFORM)


def insert(name: str):
    """Work that writes one name."""

    def work(tx):
        tx.execute("INSERT INTO demo (name) VALUES (?)", (name,))
        return Recorded(name, ENTRY)

    return work


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [name for (name,) in tx.all("SELECT name FROM demo ORDER BY 1")]
