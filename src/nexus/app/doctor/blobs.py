"""The places where blobs lie, and what the walks over them found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.app.chores.report import ScrubReport
from nexus.app.chores.scrubbing import QUICK_EVERY
from nexus.app.datadir import DataDirectory
from nexus.app.doctor.finding import Finding, broken, degraded, real, unknown
from nexus.app.settings import Settings
from nexus.app.wiring.storage import endpoint
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import NexusError
from nexus.objects.blobs.looking import Condition, Looking
from nexus.objects.blobs.place import Place
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.scrubbing import Round

LATE = 2
"""A walk that ended so many times its interval ago is late."""
_TROUBLES: Final = {
    Condition.AWAY: ("is away", "mount its disk; for a new one: `nexus objects add-place`"),
    Condition.FULL: ("is full", "free space on its disk"),
    Condition.READ_ONLY: ("is read-only", "look for disk errors, then remount it"),
    Condition.FAILING: ("refuses to be read or written", "look at its rights and for disk errors in the system's log"),
    Condition.FOREIGN: ("holds blobs of another platform", "name another directory"),
    Condition.SILENT: ("does not answer", "look for disk errors in the system's log"),
}


def places(settings: Settings, directory: DataDirectory) -> Sequence[Finding]:
    """Each place that the settings name, or the engine; nothing where there is only the data directory."""
    if settings.blob_engine_url:
        return [_engine(settings)]
    looks = {folder: Place(Path(folder), directory.instance).look for folder in settings.blob_folders}
    found = [_place(folder, seen.condition) for folder, seen in Looking().now(looks).items()]
    devices = {Path(folder).stat().st_dev for folder in settings.blob_folders if Path(folder).exists()}
    if len(found) > 1 and len(devices) < len(found):
        found.append(degraded("copies of blobs", "places share a disk", "put each blob folder on a disk of its own"))
    return found


def _place(folder: str, condition: Condition) -> Finding:
    if condition is Condition.REACHABLE:
        return real("blob folder", folder)
    says, hint = _TROUBLES[condition]
    return broken("blob folder", f"{folder} {says}", hint)


def _engine(settings: Settings) -> Finding:
    try:
        engine = RemoteBlobs(endpoint(settings), prefix=settings.blob_engine_prefix)
        try:
            engine.client.request("HEAD")
        finally:
            engine.close()
    except NexusError as error:
        return broken("blob engine", error.message, error.hint)
    return real("blob engine", f"{settings.blob_engine_url} answers; what it keeps is as safe as it is")


def scrubbed(report: ScrubReport | None, settings: Settings, now: Instant) -> Sequence[Finding]:
    """How the last walks over the blobs ended."""
    report = report or ScrubReport()
    found = []
    if len(settings.blob_folders) > 1:
        found.append(_walk("copies present", report.last_quick, QUICK_EVERY, now))
    if settings.scrub_days:
        found.append(_walk("blobs scrubbed", report.last_full, settings.scrub_days * DAY, now))
    return found


def _walk(name: str, last: Round | None, every: int, now: Instant) -> Finding:
    if last is None:
        return unknown(name, "never yet", "the worker does it by itself; `nexus objects fsck` does it now")
    what = f"{last.blobs:,} blobs, {last.mended:,} copies mended"
    if last.lost:
        return broken(
            name, f"{last.lost:,} without a good copy", "`nexus objects fsck --read` names them; keep every disk"
        )
    if last.away:
        return degraded(name, f"{last.away:,} copies away", "mount the disks that are away")
    if now - last.started_at > LATE * every:
        return degraded(name, f"{what}; the last walk is late", "raise scrub_mib_per_second")
    return real(name, what)
