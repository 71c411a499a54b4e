"""Files of sealed bytes: written under a temporary name, made durable, then given their name.

A blob under way is locked (flock) from its creation until its row is committed or given up. The lock ends with its
process, so that a sweep can tell what a crash left behind from what somebody is writing.

Everything here waits for the disk: callers run it on `Blobs.threads`.
"""

import errno
import fcntl
import logging
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Damaged, Unavailable
from nexus.objects.errors import CONTENT_MISSING, DISK_FULL, DISK_READ_ONLY, DISK_REFUSED
from nexus.objects.model import MIB

DISK_THREADS: Final = 16
"""Reads, writes and syncs under way at once; the rest wait."""
ALLOCATION_BYTES: Final = 64 * MIB
"""Disk space reserved ahead of the bytes, at most: a full disk shows early, and files lie in few pieces."""
UNFINISHED: Final = "unfinished"
"""Directory of the blobs under way."""
_CANNOT_ALLOCATE: Final = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF)
"""What file systems say that cannot reserve space, or the C library that tries to do it for them: then do without."""
_SHARD_CHARS: Final = 2
_BLOCK: Final = 4_096
"""Bytes that direct writes are aligned to."""

logger = logging.getLogger(__name__)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the disk says into what callers can act on."""
    try:
        yield
    except OSError as error:
        raise _explain(error) from error


def _explain(error: OSError) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "the disk of the blobs is full", code=DISK_FULL, hint="free space on the data disk, then retry"
        )
    if error.errno == errno.EROFS:
        return Unavailable(
            "the disk of the blobs is read-only", code=DISK_READ_ONLY, hint="look for disk errors, then remount it"
        )
    name = errno.errorcode.get(error.errno or 0, "an error")
    return Unavailable(f"the disk of the blobs refused: {name}", code=DISK_REFUSED, hint="look at the system's log")


class BlobFile:
    """A blob under way: ask for `room`, fill it, say that it is `filled`. One caller at a time.

    Whole blocks go past the page cache (O_DIRECT) where the file system can: sealed bytes are seldom read again soon,
    and a copy of each in the cache costs more than sealing them.
    """

    def __init__(self, blobs: "Blobs", blob_id: str, *, room: int) -> None:
        """Create and lock the file. `room`: most bytes that are asked for at once. Raises Unavailable."""
        self.id = blob_id
        self._blobs = blobs
        self._path = blobs.unfinished / blob_id
        self._staged = mmap.mmap(-1, (room // _BLOCK + 2) * _BLOCK)  # anonymous: begins at a page, as O_DIRECT asks
        self._held = 0
        self._written = 0
        self._allocated = 0
        with disk_errors():
            self._fd = _create(self._path)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def room(self, length: int) -> memoryview:
        """Where the next `length` bytes of the blob go."""
        return memoryview(self._staged)[self._held : self._held + length]

    def filled(self, length: int) -> None:
        """Append what was put into `room`. Raises Unavailable; the blob is then good for `abort` only."""
        self._held += length
        whole = self._held // _BLOCK * _BLOCK
        if whole:
            self._write(whole)
        self._staged.move(0, whole, self._held - whole)
        self._held -= whole

    def finish(self) -> None:
        """Make the bytes durable, then the name. Raises Unavailable."""
        path = self._blobs.path(self.id)
        size = self._written + self._held
        if self._held:
            self._write(_BLOCK)
        with disk_errors():
            os.ftruncate(self._fd, size)
            os.fdatasync(self._fd)
            self._blobs.make_shard(path.parent)
            self._path.rename(path)
            self._path = path
            sync_directory(path.parent)

    def _write(self, length: int) -> None:
        """Write whole blocks from the beginning of what is staged."""
        view = memoryview(self._staged)[:length]
        with disk_errors():
            if self._written + length > self._allocated:
                self._allocate(length)
            while view:
                written = _write_once(self._fd, view, self._written)
                self._written += written
                view = view[written:]

    def _allocate(self, length: int) -> None:
        """Reserve as much again as was written, within a limit; when that is too much, only what is needed."""
        for step in (max(length, min(self._written, ALLOCATION_BYTES)), length):
            try:
                os.posix_fallocate(self._fd, self._written, step)
            except OSError as error:
                if error.errno in _CANNOT_ALLOCATE:
                    self._allocated = sys.maxsize
                    return
                if error.errno != errno.ENOSPC or step == length:
                    raise
            else:
                self._allocated = self._written + step
                return

    def release(self) -> None:
        """Give up the lock: a row knows the blob now, or nobody will."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def abort(self) -> None:
        """Remove the file. What cannot be removed is swept later."""
        with suppress(OSError):
            self._path.unlink()
        self.release()


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags | os.O_DIRECT, 0o600)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    # The file system has no direct writes; it may have created the file before it said so.
    return os.open(path, flags & ~os.O_EXCL, 0o600)


def _write_once(fd: int, view: memoryview, offset: int) -> int:
    try:
        return os.pwrite(fd, view, offset)
    except OSError as error:
        flags = fcntl.fcntl(fd, fcntl.F_GETFL)
        if error.errno != errno.EINVAL or not flags & os.O_DIRECT:
            raise
    fcntl.fcntl(fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)  # larger blocks than ours: write through the cache instead
    return os.pwrite(fd, view, offset)


class BlobReader:
    """An open blob. Reads may come from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises Damaged if there is no such file, Unavailable if the disk refuses."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise Damaged(
                "the content of an object is missing from the disk",
                code=CONTENT_MISSING,
                hint="restore the directory of blobs from the last backup",
            ) from error
        except OSError as error:
            raise _explain(error) from error
        self.size = os.fstat(self._fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, or fewer at the end of the file."""
        with disk_errors():
            data = os.pread(self._fd, length, offset)
            while len(data) < length:
                more = os.pread(self._fd, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file found by a sweep; its name is the id of a blob."""

    path: Path
    size: int


class Blobs:
    """The directory of blobs: `<two characters>/<id>`, and `unfinished/<id>` for those under way."""

    def __init__(self, root: Path) -> None:
        """Creates the directory. Raises Unavailable."""
        self.root = root
        self.unfinished = root / UNFINISHED
        self.threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="blobs")
        self._shards: set[Path] = set()
        with disk_errors():
            self.unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, blob_id: str) -> Path:
        """Where a blob lies. The last characters of an id are random, the first ones are its time."""
        return self.root / blob_id[-_SHARD_CHARS:] / blob_id

    def make_shard(self, shard: Path) -> None:
        """The directory of a blob, durable."""
        if shard not in self._shards:
            shard.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self.root)
            self._shards.add(shard)

    def reader(self, blob_id: str) -> BlobReader:
        """Open a blob."""
        return BlobReader(self.path(blob_id))

    def discard(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs that no row knows any more, soon and in the background; a sweep finds what is left."""
        ids = list(blob_ids)
        if ids:
            self.threads.submit(self.remove, ids)

    def remove(self, blob_ids: Iterable[str]) -> None:
        """Unlink blobs; what the disk refuses is left for the sweep."""
        for blob_id in blob_ids:
            try:
                self.path(blob_id).unlink(missing_ok=True)
            except OSError as error:
                logger.warning("blob %s is left for the sweep: %s", blob_id, errno.errorcode.get(error.errno or 0))

    def older_than(self, seconds: int) -> Iterator[list[StoredFile]]:
        """Files not written to for so long, one list for each directory."""
        limit = time.time() - seconds
        with disk_errors():
            for directory in sorted(entry for entry in self.root.iterdir() if entry.is_dir()):
                files = []
                with os.scandir(directory) as entries:
                    for entry in entries:
                        # A file that is renamed or removed meanwhile is somebody's business, not the sweep's.
                        with suppress(FileNotFoundError):
                            status = entry.stat(follow_symlinks=False)
                            if status.st_mtime < limit:
                                files.append(StoredFile(Path(entry.path), status.st_size))
                yield files

    def remove_abandoned(self, file: StoredFile, is_unknown: Callable[[], bool]) -> bool:
        """Remove a file that nobody is writing and that, asked once its lock is held, no row knows."""
        try:
            fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _explain(error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_unknown():
                return False
            file.path.unlink()
        except (BlockingIOError, FileNotFoundError):
            return False
        except OSError as error:
            raise _explain(error) from error
        finally:
            os.close(fd)
        return True

    def close(self) -> None:
        """Wait for the disk threads."""
        self.threads.shutdown(wait=True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
