"""The whole examination: every check, in the order of the table."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from nexus.app import control
from nexus.app.backup.history import last_backup
from nexus.app.chores.report import LogReport, ScrubReport, VerificationReport
from nexus.app.control import Ask, Request
from nexus.app.datadir import DataDirectory
from nexus.app.doctor import blobs, database, disk, machine, tls, trust
from nexus.app.doctor.finding import Finding, State, broken
from nexus.app.schema import Place
from nexus.app.settings import Settings
from nexus.app.status import Phase, PlatformStatus
from nexus.kernel.clock import Clock
from nexus.kernel.errors import Unavailable

T = TypeVar("T")


async def examine(
    directory: DataDirectory, settings: Settings, clock: Clock, ask: Ask | None = None
) -> Sequence[Finding]:
    """Look at everything that can be looked at from this machine, whether the platform runs or not.

    `ask`: how to reach the supervisor; without it, as a person on this machine does.
    """
    status = await _status(ask or partial(control.ask, directory.control_socket))
    return await asyncio.to_thread(_examine, directory, settings, clock, status)


def worst(findings: Sequence[Finding]) -> State:
    """The state that decides the exit code."""
    order = (State.BROKEN, State.DEGRADED, State.EMULATED, State.UNKNOWN)
    found = {finding.state for finding in findings}
    return next((state for state in order if state in found), State.REAL)


def _examine(
    directory: DataDirectory, settings: Settings, clock: Clock, status: PlatformStatus | None
) -> Sequence[Finding]:
    now = clock.now()
    report = _read(directory.log_report, LogReport)
    running = status is not None and status.phase is Phase.RUNNING
    return (
        *_platform(status),
        *trust.keys(status.key_service if status else None),
        trust.log(report, now, running=running),
        trust.verification(_read(directory.verification_report, VerificationReport), now, settings.verify_every_hours),
        trust.witnesses(report),
        *(_doors(status) if status is not None and running else ()),
        *(tls.services(directory) if running else ()),
        trust.breached_passwords(settings.breached_passwords),
        *trust.conditions(settings.conditions()),
        trust.backups(last_backup(directory), now, settings.backup_max_age_hours),
        *database.database(Place(directory, settings, "doctor")),
        disk.file_system(directory),
        disk.durable_writes(directory),
        disk.space(directory, settings.free_space_min_mib),
        disk.redundancy(
            directory,
            contents=[Path(folder) for folder in settings.blob_folders],
            engine=bool(settings.blob_engine_url),
        ),
        *blobs.places(settings, directory),
        *blobs.scrubbed(_read(directory.scrub_report, ScrubReport), settings, now),
        disk.permissions(directory),
        *disk.demonstration(directory),
        machine.aes(),
        machine.clock(),
        machine.swap(),
        machine.user(),
        machine.other_shells(status.bastion if status else ""),
        machine.deliveries(settings.sftp_port, status.sftp if status else ""),
        machine.open_files(),
    )


def _platform(status: PlatformStatus | None) -> Sequence[Finding]:
    if status is None:
        return (broken("platform", "it does not run", "`nexus up`"),)
    down = [process.name for process in status.processes if process.state != "running"]
    if down:
        return (broken("platform", f"these processes do not run: {', '.join(down)}", "see their messages"),)
    return ()


def _addresses(status: PlatformStatus) -> Sequence[tuple[str, str]]:
    doors = (("s3", status.s3), ("api", status.api), ("console", status.console), ("portal", status.portal))
    return [(door, address) for door, address in doors if address]


def _doors(status: PlatformStatus) -> Sequence[Finding]:
    findings: list[Finding] = []
    for door, address in _addresses(status):
        parts = urlsplit(address)
        where = (door, parts.hostname or "", parts.port or 0)
        findings += [tls.versions(*where), tls.certificate(*where), tls.key_exchange(*where)]
    return findings


async def _status(ask: Ask) -> PlatformStatus | None:
    try:
        return msgspec.convert(await ask(Request(do="status")), PlatformStatus)
    except Unavailable:
        return None


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
