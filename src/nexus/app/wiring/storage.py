"""The object store, for whichever process needs it."""

from pathlib import Path

from nexus.app.chores.scrubbing import read_report
from nexus.app.datadir import DataDirectory
from nexus.app.ground import Ground
from nexus.app.key_rights import KeyRights
from nexus.app.placement import Placements
from nexus.app.settings import Settings
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.subjects import Subjects
from nexus.iam.gate import Gate
from nexus.kernel.clock import Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.secret import Secret
from nexus.objects.blobs.copies import Copies, copies_needed
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import BlobStore
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.blobs.remote_client import Endpoint
from nexus.objects.capacity import Replication, Walk
from nexus.objects.scrubbing import Round
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


def replication(ground: Ground) -> Replication:
    """How the blobs are kept, and what the last walks over them found."""
    settings = ground.settings
    report = read_report(ground.directory.scrub_report)
    if settings.blob_engine_url:
        engine, needed = "remote", 1
        places: tuple[str, ...] = (f"{settings.blob_engine_url}/{settings.blob_engine_bucket}",)
    elif settings.blob_folders:
        engine, places = "copies", settings.blob_folders
        needed = copies_needed(len(places), settings.blob_copies_least)
    else:
        engine, places, needed = "disk", (str(ground.directory.blobs),), 1
    return Replication(
        engine=engine,
        places=places,
        needed=needed,
        present=_walk(report.last_quick),
        scrubbed=_walk(report.last_full),
    )


def _walk(last: Round | None) -> Walk | None:
    if last is None:
        return None
    return Walk(
        ended_at=Instant(last.finished_at), blobs=last.blobs, mended=last.mended, lost=last.lost, away=last.away
    )


def placements(ground: Ground) -> Placements:
    """Which site a new bucket belongs to, and which key wraps its own."""
    return Placements(ground.database, ground.kms, ground.clock, ground.operation, ground.index.object_key)
