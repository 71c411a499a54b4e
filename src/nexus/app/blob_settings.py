"""Settings of the blobs: the data directory, several disks or zones, or an S3 store that already runs."""

from typing import Annotated

from msgspec import Struct

from nexus.app.setting import OPTIONAL_FILE, Folder, doc
from nexus.kernel.errors import Invalid


class BlobSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where sealed contents of objects lie."""

    blob_folders: Annotated[
        tuple[Folder, ...],
        doc(
            "Directories (absolute paths) on disks or in zones of their own: each blob is kept in all of them. Empty: one,"
            " `blobs` in the data directory. A folder added later is taken in by `nexus objects add-place`."
        ),
    ] = ()
    blob_copies_least: Annotated[
        int,
        doc(
            "Copies that must be durable before a write is acknowledged, where there are `blob_folders`. 0: all but one; of"
            " two, both.",
            "copies",
            ge=0,
            le=16,
        ),
    ] = 0
    blob_engine_url: Annotated[
        str,
        doc(
            "Address of an S3 store that keeps the blobs (Ceph's gateway, Garage, another Nexus); path-style addresses are"
            " used. Empty: they lie on disks of this machine.",
            pattern="^(https://[a-z0-9.-]+(:[0-9]{1,5})?)?$",
        ),
    ] = ""
    blob_engine_bucket: Annotated[
        str, doc("Bucket of that store, for nothing else.", pattern="^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$")
    ] = ""
    blob_engine_prefix: Annotated[
        str, doc("Beginning of the blobs' names in that bucket.", pattern="^([A-Za-z0-9._-]+/)*$")
    ] = ""
    blob_engine_region: Annotated[str, doc("Region name that requests to that store are signed for.")] = "us-east-1"
    blob_engine_access_key: Annotated[str, doc("Id of the access key for that store.")] = ""
    blob_engine_secret_file: Annotated[
        str,
        doc("File (absolute path) with its secret, readable by the platform's account alone.", pattern=OPTIONAL_FILE),
    ] = ""
    blob_engine_authorities: Annotated[
        str,
        doc(
            "File (absolute path, PEM) with the authorities that sign that store's certificate. Empty: those that this"
            " machine trusts.",
            pattern=OPTIONAL_FILE,
        ),
    ] = ""
    scrub_days: Annotated[
        int,
        doc(
            "Time in which the worker reads and compares every copy of every blob once. 0: never.", "days", ge=0, le=365
        ),
    ] = 7
    scrub_mib_per_second: Annotated[
        int, doc("Most that the worker reads for that.", "MiB a second", ge=1, le=10_000)
    ] = 20

    def require_blobs(self) -> None:
        """Raises Invalid where the settings of the blobs do not fit together."""
        if self.blob_engine_url and self.blob_folders:
            raise Invalid("blobs lie in blob_folders or at blob_engine_url, not both", code="settings.blobs")
        named = (self.blob_engine_bucket, self.blob_engine_access_key, self.blob_engine_secret_file)
        if self.blob_engine_url and not all(named):
            raise Invalid(
                "blob_engine_url needs blob_engine_bucket, blob_engine_access_key and blob_engine_secret_file",
                code="settings.blobs",
            )
        if len(set(self.blob_folders)) != len(self.blob_folders) or self.blob_copies_least > len(self.blob_folders):
            raise Invalid("blob_folders differ, and blob_copies_least is their number at most", code="settings.blobs")
