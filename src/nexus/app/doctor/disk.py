"""The disk below the data directory: its file system, whether it keeps what it acknowledges, its space, its rights."""

import os
import shutil
import stat
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from nexus.app.datadir import DataDirectory
from nexus.app.doctor.finding import Finding, broken, degraded, real, unknown

SYNC_SAMPLES = 16
INSTANT_SYNC_US = 15.0
"""No disk makes a page durable in less; a median below it means that somebody only says so."""
VOLATILE = frozenset({"tmpfs", "ramfs"})
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"})
LAZY_OPTIONS = frozenset({"nobarrier", "barrier=0", "nobh", "data=writeback"})
MIB = 1 << 20


def file_system(directory: DataDirectory, mounts: str | None = None) -> Finding:
    """Whether the file system can hold a database that must survive a power cut."""
    kind, options = _mount_of(directory.root, mounts if mounts is not None else _mounts())
    if kind in VOLATILE:
        return broken("file system", f"{kind}: everything is lost at a power cut", "move the data directory to a disk")
    if kind in REMOTE:
        return broken(
            "file system", f"{kind}: locks and syncs are not dependable", "move the data directory to a local disk"
        )
    if lazy := options & LAZY_OPTIONS:
        return degraded(
            "file system", f"{kind} mounted with {', '.join(sorted(lazy))}", "mount it with its write barriers on"
        )
    return real("file system", kind) if kind else unknown("file system", "its mount cannot be found")


def durable_writes(directory: DataDirectory) -> Finding:
    """How long it takes until a page is on the disk; an answer that comes at once is not believed."""
    try:
        median = _sync_latency_us(directory.run)
    except OSError as error:
        return broken("durable writes", f"the disk refuses to write: {error.strerror}", "free space, check the disk")
    if median < INSTANT_SYNC_US:
        return degraded(
            "durable writes",
            f"fdatasync answers in {median:.0f} us, faster than any disk: is it real?",
            "let the virtual machine or container pass flushes to the disk",
        )
    return real("durable writes", f"fdatasync takes {median:.0f} us (median of {SYNC_SAMPLES})")


def space(directory: DataDirectory, least_mib: int) -> Finding:
    """Free space; a full disk refuses writes, it loses none."""
    usage = shutil.disk_usage(directory.root)
    free = f"{usage.free // MIB:,} MiB free of {usage.total // MIB:,}"
    if usage.free < least_mib * MIB:
        return degraded("disk space", free, f"keep at least {least_mib:,} MiB free, or writes will be refused")
    return real("disk space", free)


def redundancy(directory: DataDirectory, *, contents: Sequence[Path] = (), engine: bool = False) -> Finding:
    """What dies with one file system. `contents`: where blobs lie, if not in the directory; `engine`: in none of this machine's."""
    blobs = [] if engine else list(contents) or [directory.blobs]
    there = [path for path in (directory.root, directory.kms, directory.log, *blobs) if path.exists()]
    devices = {path.stat().st_dev for path in there}
    if len(devices) == 1:
        what = (
            "keys and log lie on one file system; contents lie in the engine"
            if engine
            else ("data, keys and log lie on one file system in one zone")
        )
        return degraded(
            "redundancy",
            what,
            "make backups elsewhere (`nexus backup create`); a second zone comes with replication",
        )
    return degraded("redundancy", "one zone", "make backups elsewhere (`nexus backup create`)")


def permissions(directory: DataDirectory) -> Finding:
    """Whether anybody but the platform's user can look into the data directory."""
    mode = stat.S_IMODE(directory.root.stat().st_mode)
    if mode & 0o077:
        return broken("permissions", f"the data directory has mode {mode:04o}", f"chmod 700 {directory.root}")
    return real("permissions", "the data directory is the platform's alone")


def demonstration(directory: DataDirectory) -> Sequence[Finding]:
    """A demonstration's directory shortens waiting periods: say so wherever the state is shown."""
    if not directory.is_demonstration:
        return ()
    return (
        degraded(
            "demonstration",
            "this directory accepts shortened waiting periods",
            "found a platform without --demonstration before real data come",
        ),
    )


def _sync_latency_us(folder: Path) -> float:
    path = folder / ".sync-test"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        times = []
        for sample in range(SYNC_SAMPLES):
            os.pwrite(descriptor, bytes([sample]) * 4096, sample * 4096)
            start = time.perf_counter_ns()
            os.fdatasync(descriptor)
            times.append((time.perf_counter_ns() - start) / 1_000)
        return statistics.median(times)
    finally:
        os.close(descriptor)
        path.unlink()


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text()
    except OSError:
        return ""


def _mount_of(path: Path, mounts: str) -> tuple[str, frozenset[str]]:
    """File system type and options of the deepest mount above `path`."""
    best: tuple[int, str, frozenset[str]] = (-1, "", frozenset())
    for row in mounts.splitlines():
        fields = row.split()
        if len(fields) < 4:
            continue
        point = Path(fields[1].encode().decode("unicode_escape"))
        if path == point or point in path.parents:
            depth = len(point.parts)
            if depth >= best[0]:
                best = (depth, fields[2], frozenset(fields[3].split(",")))
    return best[1], best[2]
