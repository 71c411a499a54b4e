"""Settings of the database: a file in the data directory, or a PostgreSQL server."""

from typing import Annotated

from msgspec import Meta

from nexus.app.blob_settings import BlobSettings
from nexus.app.setting import OPTIONAL_FILE, Port, doc

Path = Annotated[str, Meta(pattern=OPTIONAL_FILE)]
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,62}$")]
"""What PostgreSQL takes without quotes."""


class DatabaseSettings(BlobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where identities, rights, names of objects and the audit log are kept."""

    database_host: Annotated[
        str,
        doc(
            "Name of the PostgreSQL server that holds the database, as its certificate has it; or the directory of its unix"
            " socket (an absolute path). Empty: SQLite, an encrypted file in the data directory.",
            pattern="^([A-Za-z0-9.:-]{1,253}|/[^,]*)?$",
        ),
    ] = ""
    database_port: Annotated[Port, doc("TCP port of that server, or the number in the name of its socket.")] = 5432
    database_name: Annotated[Name, doc("Database on that server.")] = "nexus"
    database_user: Annotated[Name, doc("Role on that server. It owns the schema, and may nothing else.")] = "nexus"
    database_schema: Annotated[Name, doc("Schema in that database; one platform has it to itself.")] = "nexus"
    database_password_file: Annotated[
        Path,
        doc(
            "File with the role's password, readable by Nexus alone; read at each connection. Empty: none is asked for."
        ),
    ] = ""
    database_authorities: Annotated[
        Path, doc("File (PEM) with the authorities that sign the server's certificate. Needed unless it is a socket.")
    ] = ""
    database_certificate: Annotated[
        Path, doc("File (PEM) with a client certificate, where the server asks for one.")
    ] = ""
    database_certificate_key: Annotated[Path, doc("File (PEM) with the key of that certificate.")] = ""
    database_volume_encrypted: Annotated[
        bool,
        doc(
            "The word of whoever keeps the server that its data, its write-ahead log and its backups lie on encrypted volumes."
            " Names of objects and logins are readable there otherwise. No server is used without it."
        ),
    ] = False
