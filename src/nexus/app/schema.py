"""The database as a whole: the schemas of every service, brought forward before any door opens it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.app import custody, parts
from nexus.app.chores.shipping import MIGRATIONS as APP
from nexus.app.custody import Part
from nexus.app.database_settings import DatabaseSettings
from nexus.app.datadir import DataDirectory
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.bastion.migrations import MIGRATIONS as BASTION
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.crypto.hpke import SealingKey
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Migration
from nexus.kernel.engines.server import Server
from nexus.kernel.errors import Conflict, Damaged, Invalid, Unavailable
from nexus.kernel.observing import Commits
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.mail.migrations import MIGRATIONS as MAIL
from nexus.objects.migrations import MIGRATIONS as OBJECTS
from nexus.objects.s3.telling import TellingRecorder
from nexus.portal.migrations import MIGRATIONS as PORTAL
from nexus.projects.migrations import MIGRATIONS as PROJECTS
from nexus.pseudonyms.file_store import SCHEMA as PSEUDONYM_FILES
from nexus.warehouse.catalogue.migrations import MIGRATIONS as CATALOGUE
from nexus.warehouse.intake.migrations import MIGRATIONS as INTAKE
from nexus.warehouse.releases.migrations import MIGRATIONS as RELEASES

MIGRATIONS: Final[tuple[Migration, ...]] = (
    *AUDIT,
    *IAM,
    *OBJECTS,
    *BASTION,
    *CONSENT,
    *MAIL,
    *PROJECTS,
    *PORTAL,
    *INTAKE,
    *RELEASES,
    *CATALOGUE,
    PSEUDONYM_FILES,
    *APP,
)
"""Of everything in `nexus.db`. The key service has a database and migrations of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database of a platform is: in its data directory, or on the server that its settings name."""

    directory: DataDirectory
    settings: DatabaseSettings
    process: str
    """Which of the platform's processes asks."""

    def server(self) -> Server | None:
        """The PostgreSQL server, or None. Raises Invalid where nobody vouches for its disk."""
        chosen = self.settings
        if not chosen.database_host:
            return None
        if not chosen.database_volume_encrypted:
            raise Invalid(
                "names and logins would be readable on the disk of the database server",
                code="settings.database",
                hint="have its data, write-ahead log and backups on encrypted volumes, and say so:"
                " database_volume_encrypted (docs/how-to/postgresql.md)",
            )
        return Server(
            host=chosen.database_host,
            instance=self.directory.instance,
            port=chosen.database_port,
            database=chosen.database_name,
            user=chosen.database_user,
            schema=chosen.database_schema,
            password_file=_file(chosen.database_password_file),
            authorities=_file(chosen.database_authorities),
            certificate=_file(chosen.database_certificate),
            certificate_key=_file(chosen.database_certificate_key),
            name=f"nexus {self.process}",
        )

    def open(
        self, key: Secret, audit_public: bytes, clock: Clock, *, new: bool = False, observer: Commits | None = None
    ) -> Database:
        """The platform's database. What is written to it is recorded in the audit log, or not written.

        `key` encrypts the file, or the copies that backups make of what is on a server. `new`: at the founding only; where there is none later, none is made, for an empty one would
        be a platform without rights and without its log. `observer`: watches commits. Raises Damaged or Conflict.
        """
        recorder = TellingRecorder(AuditLog(SealingKey(audit_public), clock=clock))
        server, file = self.server(), self.directory.database
        if server is None:
            if not new and not file.exists():
                raise Damaged(f"{file.name} is missing", code="database.missing", hint="restore the last backup")
            return Database(file, key=key, recorder=recorder, observer=observer)
        if file.exists():
            raise Conflict(
                f"the database of this platform is a file, {file.name}",
                code="database.is-a-file",
                hint="`nexus database move` moves it to a server; or remove the setting database_host",
            )
        from nexus.kernel.engines.postgresql import (  # its driver: loaded only where a server is set
            Copies,
            PostgresEngine,
        )

        engine = PostgresEngine(server, new=new, copies=Copies(key, MIGRATIONS))
        return Database(engine, recorder=recorder, observer=observer)


def _file(name: str) -> Path | None:
    return Path(name) if name else None


NEWEST: Final = {step.service: max(s.version for s in MIGRATIONS if s.service == step.service) for step in MIGRATIONS}
"""Service -> the version of its schema that this program works with."""


def require_current(database: Database) -> None:
    """Raises Unavailable where the schema is not the one that this program works with."""
    with database.read() as tx:
        at: dict[str, int] = dict(tx.all("SELECT service, version FROM kernel_schema_version"))
    if any(at.get(service) != version for service, version in NEWEST.items()):
        raise Unavailable("the database has another schema than this program", code="database.schema")


async def bring_forward(kms: KeyServiceClient, place: Place, clock: Clock) -> list[Migration]:
    """Take every missing step; returns those taken. Raises Conflict on the data of a newer version."""
    index = custody.read_index(place.directory)
    op = parts.platform_operation(parts.SUPERVISOR, clock)
    key = await custody.open_part(kms, place.directory, Part.DATABASE, op)
    database = await asyncio.to_thread(place.open, key, index.audit_public, clock)
    try:
        return await asyncio.to_thread(database.migrate, MIGRATIONS)
    finally:
        database.close()
        key.wipe()
