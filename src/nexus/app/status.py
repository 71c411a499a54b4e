"""How the platform is: what `nexus status` and the operation `platform.status` show."""

from enum import StrEnum

from msgspec import Struct

from nexus.app.keeping import PlaceStatus
from nexus.kms.model import KeyServiceStatus


class Phase(StrEnum):
    """Where the platform is in its life."""

    STARTING = "starting"
    SEALED = "sealed"
    """Waits for the passphrase or the custodians' shares."""
    OPENING = "opening"
    """Unsealed; the database is being opened and the doors start."""
    RUNNING = "running"
    STOPPING = "stopping"


class PlatformStatus(Struct, frozen=True, kw_only=True):
    """The platform on this machine."""

    phase: Phase
    version: str
    instance: str
    data: str
    demonstration: bool
    """Whether its data directory was founded as a demonstration."""
    s3: str
    """Address of the S3 door."""
    api: str
    """Address of the REST door."""
    console: str
    """Address of the console, for browsers."""
    portal: str
    """Address of the patient portal; empty where it is closed."""
    bastion: str
    """Address of the bastion (`ssh://host:port`); empty where it is closed."""
    sftp: str = ""
    """Address of the SFTP door (`ssh://host:port`); empty where it is closed."""
    watch: str = ""
    """Address of the operations listener; empty where it is closed."""
    certificate_authority: str
    """File with the certificate that clients trust."""
    processes: tuple[PlaceStatus, ...]
    key_service: KeyServiceStatus | None
    """None while it does not answer."""
    trouble: str = ""
    """Why the platform could not unseal itself, if it tried."""

    @property
    def is_ready(self) -> bool:
        """Whether it runs, and every process has all that it needs."""
        return self.phase is Phase.RUNNING and not any(process.missing for process in self.processes)
