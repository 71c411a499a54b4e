"""The object store, for whichever process needs it."""

from pathlib import Path

from nexus.app.datadir import DataDirectory
from nexus.app.ground import Ground
from nexus.app.key_rights import KeyRights
from nexus.app.placement import Placements
from nexus.app.settings import Settings
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.subjects import Subjects
from nexus.iam.gate import Gate
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.secret import Secret
from nexus.objects.blobs.copies import Copies
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import BlobStore
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.blobs.remote_client import Endpoint
from nexus.objects.service import ObjectService
from nexus.objects.store import blobs


def object_service(ground: Ground) -> ObjectService:
    """The object store. It wipes its bucket keys by itself when the lease ends."""
    rights = KeyRights(Gate(ground.database, ground.clock, ground.settings.conditions()), placements(ground))
    return ObjectService(
        ground.database,
        blob_store(ground.settings, ground.directory, ground.database),
        ground.kms,
        ground.clock,
        key_rights=rights,
        subjects=Subjects(rulings(ground)),
    )


def blob_store(settings: Settings, directory: DataDirectory, database: Database) -> BlobStore:
    """The engine that the settings name. Raises Unavailable, Conflict (a folder of another platform), NotFound."""
    if settings.blob_engine_url:
        return RemoteBlobs(endpoint(settings), prefix=settings.blob_engine_prefix)
    if not settings.blob_folders:
        return DiskBlobs(directory.blobs)
    folders = [Path(folder) for folder in settings.blob_folders]
    with database.read() as tx:
        is_new = not blobs.any_known(tx)
    return Copies(folders, directory.instance, least=settings.blob_copies_least, home=directory.blobs, new=is_new)


def endpoint(settings: Settings) -> Endpoint:
    """The S3 store that keeps blobs, as the settings name it. Raises NotFound if the secret cannot be read."""
    try:
        secret = Path(settings.blob_engine_secret_file).read_text().strip()
    except OSError as error:
        raise NotFound(
            f"{settings.blob_engine_secret_file} cannot be read: {error.strerror}", code="settings.blobs"
        ) from error
    return Endpoint(
        url=settings.blob_engine_url,
        bucket=settings.blob_engine_bucket,
        region=settings.blob_engine_region,
        access_key=settings.blob_engine_access_key,
        secret_key=Secret(secret.encode()),
        authorities=Path(settings.blob_engine_authorities) if settings.blob_engine_authorities else None,
    )


def placements(ground: Ground) -> Placements:
    """Which site a new bucket belongs to, and which key wraps its own."""
    return Placements(ground.database, ground.kms, ground.clock, ground.operation, ground.index.object_key)
