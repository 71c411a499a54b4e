"""The database as a whole: the schemas of every service, brought forward before any door opens it."""

from typing import Final

from nexus.app import custody, parts
from nexus.app.chores.shipping import MIGRATIONS as APP
from nexus.app.custody import Part
from nexus.app.datadir import DataDirectory
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.bastion.migrations import MIGRATIONS as BASTION
from nexus.consent.migrations import MIGRATIONS as CONSENT
from nexus.crypto.hpke import SealingKey
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Migration
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.mail.migrations import MIGRATIONS as MAIL
from nexus.objects.migrations import MIGRATIONS as OBJECTS
from nexus.objects.s3.telling import TellingRecorder
from nexus.projects.migrations import MIGRATIONS as PROJECTS

MIGRATIONS: Final[tuple[Migration, ...]] = (*AUDIT, *IAM, *OBJECTS, *BASTION, *CONSENT, *MAIL, *PROJECTS, *APP)
"""Of everything in `nexus.db`. The key service has a database and migrations of its own."""


def open_database(directory: DataDirectory, key: Secret, audit_public: bytes, clock: Clock) -> Database:
    """The platform's database. What is written to it is recorded in the audit log, or not written."""
    return Database(
        directory.database, key=key, recorder=TellingRecorder(AuditLog(SealingKey(audit_public), clock=clock))
    )


async def bring_forward(kms: KeyServiceClient, directory: DataDirectory, clock: Clock) -> list[Migration]:
    """Take every missing step; returns those taken. Raises Conflict on the data of a newer version."""
    index = custody.read_index(directory)
    key = await custody.open_part(kms, directory, Part.DATABASE, parts.platform_operation(parts.SUPERVISOR, clock))
    database = open_database(directory, key, index.audit_public, clock)
    try:
        return database.migrate(MIGRATIONS)
    finally:
        database.close()
        key.wipe()
