"""The database: where it is, whether it answers, and who can read what lies on its disk."""

from collections.abc import Sequence

from nexus.app.doctor.finding import Finding, broken, degraded, real, unknown
from nexus.app.schema import Place
from nexus.kernel.errors import NexusError

_SUBJECT = "database"


def database(place: Place) -> Sequence[Finding]:
    """Asks the server, if there is one, for what it must promise; takes nobody's word for what cannot be asked."""
    from nexus.kernel.engines.connecting import (
        Gate,  # the server's driver: the processes that may examine start without it
    )

    try:
        server = place.server()
        if server is None:
            return (real(_SUBJECT, "a file, encrypted as a whole"),)
        connection = Gate(server).connect()
    except NexusError as error:
        return (broken(_SUBJECT, error.message, error.hint),)
    version = connection.info.server_version
    connection.close()
    way = "by a socket of this machine" if server.is_local else "over TLS 1.3, its certificate verified"
    former = place.directory.former_database
    left = degraded(
        "former database",
        f"the file that the database was moved out of still lies here ({former.name}), with whoever was erased since",
        "make a backup of the moved platform, then remove that file",
    )
    return (
        *((left,) if former.exists() else ()),
        real(_SUBJECT, f"PostgreSQL {version // 10_000}.{version % 10_000}, durable, {way}"),
        unknown(
            "database at rest",
            "names of objects and logins lie in clear on the database server; that its volumes and backups are encrypted is"
            " the word of who keeps it (database_volume_encrypted)",
            "look at the server: lsblk -o NAME,TYPE,MOUNTPOINT shows crypt above its data directory",
        ),
    )
