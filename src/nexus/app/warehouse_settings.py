"""Settings of the warehouse. (One chain of parts: records of msgspec have one parent.)"""

from typing import Annotated

from nexus.app.catalogue_settings import CatalogueSettings
from nexus.app.setting import OPTIONAL_FILE, doc


class WarehouseSettings(CatalogueSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the warehouse of this platform lies, and how providers deliver into it besides S3."""

    warehouse: Annotated[
        str,
        doc(
            "Directory (absolute path) of the warehouse: what a conversion to OMOP writes and releases are built of. It holds"
            " patients' data: put it on an encrypted disk. Empty: `warehouse/cdm` in the data directory.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    warehouse_domain: Annotated[
        str,
        doc(
            "Domain of the pseudonyms by which the warehouse knows patients: 2 to 16 capitals and digits. It is opened once, by"
            " `nexus pseudonyms domain open`.",
            pattern="^[A-Z][A-Z0-9]{1,15}$",
        ),
    ] = "WAREHOUSE"
    sftp_port: Annotated[
        int,
        doc(
            "TCP port of the SFTP door, where providers deliver; 0 takes a free one at each start, -1 keeps it closed.",
            ge=-1,
            le=65_535,
        ),
    ] = -1
    sftp_idle_minutes: Annotated[
        int, doc("Time without a request after which a connection of the SFTP door ends.", "minutes", ge=1, le=240)
    ] = 15
