"""The object store, for whichever process needs it."""

from collections.abc import Sequence
from pathlib import Path

from nexus.app.chores.scrubbing import QUICK_EVERY, read_report
from nexus.app.datadir import DataDirectory
from nexus.app.ground import Ground
from nexus.app.key_rights import KeyRights
from nexus.app.placement import Placements
from nexus.app.settings import Settings
from nexus.app.wiring.consent import rulings
from nexus.app.wiring.subjects import Subjects
from nexus.iam.gate import Gate
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import NotFound
from nexus.kernel.secret import Secret
from nexus.objects.blobs.copies import Copies, copies_needed
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import BlobStore
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.blobs.remote_client import Endpoint
from nexus.objects.replication import PlaceNow, Replicas, Replication, Walk
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


def replication(ground: Ground, replicas: Replicas) -> tuple[Replication, Sequence[PlaceNow]]:
    """How the blobs are kept, what the last walks over them found, and how their places are at this moment."""
    settings, report, now = ground.settings, read_report(ground.directory.scrub_report), ground.clock.now()
    quick, full = report.last_quick, report.last_full if report.last_full and report.last_full.is_real else None
    several = len(settings.blob_folders)
    kept = Replication(
        engine="remote" if settings.blob_engine_url else "copies" if several else "disk",
        needed=copies_needed(several, settings.blob_copies_least) if several else 1,
        present=_walk(quick),
        present_next_at=_next(quick, QUICK_EVERY, now) if several > 1 else None,
        scrubbed=_walk(full),
        scrubbed_next_at=_next(report.last_full, settings.scrub_days * DAY, now) if settings.scrub_days else None,
    )
    ended = max((walk for walk in (quick, full) if walk), key=lambda walk: walk.finished_at, default=None)
    return kept, replicas.now(ended, elsewhere=bool(settings.blob_engine_url))


def _next(last: Round | None, every: int, now: Instant) -> Instant:
    return Instant(last.started_at + every) if last is not None else now


def _walk(last: Round | None) -> Walk | None:
    if last is None:
        return None
    return Walk(
        ended_at=Instant(last.finished_at), blobs=last.blobs, mended=last.mended, lost=last.lost, away=last.away
    )


def placements(ground: Ground) -> Placements:
    """Which site a new bucket belongs to, and which key wraps its own."""
    return Placements(ground.database, ground.kms, ground.clock, ground.operation, ground.index.object_key)
