"""Blobs as files of one directory: written under a temporary name, made durable, then given their name.

A blob under way is locked (flock) from its creation until its row is committed or given up. The lock ends with its
process, so that a sweep can tell what a crash left behind from what somebody is writing.
"""

import errno
import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Damaged, Unavailable
from nexus.kernel.ids import new_id
from nexus.objects.blobs.looking import Seen, seen_on_disk
from nexus.objects.blobs.port import Checksum, Copy, Expected, Found, State
from nexus.objects.blobs.rooms import Rooms
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
_EXAMINED: Final = 4 * MIB
"""Bytes of a file that are read at once, when it is examined or copied."""

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


class FileWriter:
    """A blob on its way into a file.

    Whole blocks go past the page cache (O_DIRECT) where the file system can: sealed bytes are seldom read again soon,
    and a copy of each in the cache costs more than sealing them.
    """

    def __init__(self, blobs: "DiskBlobs", blob_id: str, *, room: int) -> None:
        """Create and lock the file. `room`: most bytes that are asked for at once. Raises Unavailable."""
        self.id = blob_id
        self._blobs = blobs
        self._path = blobs.unfinished / blob_id
        self._staged = blobs.rooms.take((room // _BLOCK + 2) * _BLOCK)  # begins at a page, as O_DIRECT asks
        self._checksum = Checksum()
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
        self._checksum.update(memoryview(self._staged)[self._held : self._held + length])
        self._held += length
        whole = self._held // _BLOCK * _BLOCK
        if whole:
            self._write(whole)
        self._staged.move(0, whole, self._held - whole)
        self._held -= whole

    def finish(self) -> bytes:
        """Make the bytes durable, then the name; returns their checksum. Raises Unavailable."""
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
        return self._checksum.digest()

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
            self._blobs.rooms.give_back(self._staged)
            del self._staged  # it is another's now

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


class FileReader:
    """An open file. Reads may come from several threads."""

    def __init__(self, path: Path) -> None:
        """Raises Damaged if there is no such file, Unavailable if the disk refuses."""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise missing() from error
        except OSError as error:
            raise _explain(error) from error
        self.size = os.fstat(self._fd).st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, or fewer at the end of the file."""
        with disk_errors():
            data = os.pread(self._fd, length, offset)
            while len(data) < length and (more := os.pread(self._fd, length - len(data), offset + len(data))):
                data += more
            return data

    def at_hand(self, offset: int, into: memoryview) -> bool:
        """From the kernel's memory. What it has not, or a file system that cannot tell, is a matter for `read`."""
        with suppress(OSError):
            return os.preadv(self._fd, [into], offset, os.RWF_NOWAIT) == len(into)
        return False

    def elsewhere(self) -> bool:
        """There is one file."""
        return False

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def missing() -> Damaged:
    """No place has the blob."""
    return Damaged(
        "the content of an object is missing from the disk",
        code=CONTENT_MISSING,
        hint="restore the directory of blobs from the last backup",
    )


class DiskBlobs:
    """The directory of blobs: `<two characters>/<id>`, and `unfinished/<id>` for those under way."""

    def __init__(self, root: Path) -> None:
        """Creates the directory. Raises Unavailable."""
        self.root = root
        self.unfinished = root / UNFINISHED
        self.threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="blobs")
        self.rooms = Rooms()
        self._shards: set[Path] = set()
        with disk_errors():
            self.unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def places(self) -> Sequence[str]:
        """The directory."""
        return (str(self.root),)

    def look(self, place: str) -> Seen:
        """The directory that was made with it is there, and can be written to."""
        return seen_on_disk(self.unfinished)

    def path(self, blob_id: str) -> Path:
        """Where a blob lies. The last characters of an id are random, the first ones are its time."""
        return self.root / blob_id[-_SHARD_CHARS:] / blob_id

    def make_shard(self, shard: Path) -> None:
        """The directory of a blob, durable."""
        if shard not in self._shards:
            shard.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self.root)
            self._shards.add(shard)

    def create(self, blob_id: str, *, room: int) -> FileWriter:
        """Begin a blob."""
        return FileWriter(self, blob_id, room=room)

    def reader(self, blob_id: str) -> FileReader:
        """Open a blob."""
        return FileReader(self.path(blob_id))

    def discard(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs soon, in the background."""
        if ids := list(blob_ids):
            self.threads.submit(self.remove, ids)

    def remove(self, blob_ids: Iterable[str]) -> None:
        """Unlink blobs; what the disk refuses is left for the sweep."""
        for blob_id in blob_ids:
            try:
                self.path(blob_id).unlink(missing_ok=True)
            except OSError as error:
                logger.warning("blob %s is left for the sweep: %s", blob_id, errno.errorcode.get(error.errno or 0))

    def older_than(self, seconds: int) -> Iterator[Sequence[Found]]:
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
                                files.append(Found(entry.name, status.st_size, entry.path))
                yield files

    def remove_abandoned(self, found: Found, is_unknown: Callable[[], bool]) -> bool:
        """Remove a file that nobody is writing and that, asked once its lock is held, no row knows."""
        path = Path(found.place)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _explain(error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_unknown():
                return False
            path.unlink()
        except (BlockingIOError, FileNotFoundError):
            return False
        except OSError as error:
            raise _explain(error) from error
        finally:
            os.close(fd)
        return True

    def examine(self, expected: Expected, *, read: bool) -> Sequence[Copy]:
        """How the file is. A disk that cannot read it says of the copy that it is damaged."""
        return (Copy(str(self.root), self.state(expected, read=read)),)

    def state(self, expected: Expected, *, read: bool) -> State:
        """How the file is."""
        try:
            file = self.reader(expected.id)
        except Damaged:
            return State.MISSING
        except Unavailable:
            return State.AWAY
        try:
            if file.size != expected.size:
                return State.DAMAGED
            if read and not _reads_as(file, expected):
                return State.DAMAGED
        except Unavailable:
            return State.DAMAGED
        finally:
            file.close()
        return State.GOOD

    def on_bad_copy(self, notice: Callable[[str], None]) -> None:
        """There is nothing to tell: a bad copy is the only one."""

    def mend(self, expected: Expected) -> int:
        """There is no copy to mend it from."""
        return 0

    def copy_in(self, expected: Expected, source: FileReader) -> None:
        """Take the blob's bytes from a good copy, durably, in the place of whatever was here. Raises Unavailable, Damaged."""
        path = self.unfinished / new_id("blb")  # a name that no row knows: what a crash leaves of it is swept
        with disk_errors():
            self.make_shard(self.path(expected.id).parent)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                checksum, offset = Checksum(), 0
                while chunk := source.read(offset, _EXAMINED):
                    checksum.update(chunk)
                    offset += _write_all(fd, chunk, offset)
                if offset != expected.size or expected.checksum not in (None, checksum.digest()):
                    raise Damaged("a copy changed while it was copied", code=CONTENT_MISSING)
                os.fdatasync(fd)
                path.rename(self.path(expected.id))
                sync_directory(self.path(expected.id).parent)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            finally:
                os.close(fd)

    def close(self) -> None:
        """Wait for the disk threads."""
        self.threads.shutdown(wait=True)


def _reads_as(file: FileReader, expected: Expected) -> bool:
    """Whether every byte can be read and, where a checksum was noted, is the one that was written."""
    checksum, offset = Checksum(), 0
    while chunk := file.read(offset, _EXAMINED):
        checksum.update(chunk)
        offset += len(chunk)
    return offset == expected.size and expected.checksum in (None, checksum.digest())


def _write_all(fd: int, data: bytes, offset: int) -> int:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        offset += written
        view = view[written:]
    return len(data)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
