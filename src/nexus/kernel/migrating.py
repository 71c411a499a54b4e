"""Schemas of services, brought forward step by step; the same steps on every engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nexus.kernel.engines.port import Statement, Transaction
from nexus.kernel.errors import Conflict

Define = Callable[[Transaction, Statement], None]
"""Takes one step of a migration in the words of an engine (`Engine.define`)."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One forward step of one service's schema. Statements are never edited once released, only added to."""

    service: str
    version: int
    statements: tuple[Statement, ...]


_VERSIONS = """
CREATE TABLE IF NOT EXISTS kernel_schema_version (service TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT
"""


def migrate(tx: Transaction, define: Define, migrations: Sequence[Migration]) -> list[Migration]:
    """Take every missing step; returns those taken. Raises Conflict on data of a newer version."""
    define(tx, _VERSIONS)
    at: dict[str, int] = dict(tx.all("SELECT service, version FROM kernel_schema_version"))
    newest: dict[str, int] = {}
    for step in migrations:
        newest[step.service] = max(step.version, newest.get(step.service, 0))
    for service, version in at.items():
        if version > newest.get(service, version):
            raise Conflict(
                f"the data of {service} is of version {version}, this program knows {newest[service]}",
                code="database.newer-version",
                hint="start the newer Nexus that wrote it; data are never migrated backwards",
            )
    taken = []
    for step in sorted(migrations, key=lambda step: (step.service, step.version)):
        if step.version <= at.get(step.service, 0):
            continue
        for statement in step.statements:
            define(tx, statement)
        tx.execute(
            "INSERT INTO kernel_schema_version VALUES (?, ?)"
            " ON CONFLICT (service) DO UPDATE SET version = excluded.version",
            (step.service, step.version),
        )
        taken.append(step)
    return taken
