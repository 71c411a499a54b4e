"""One directory of copies, on a disk or in a zone of its own: its mark, and whether it can be used now."""

import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Conflict, Unavailable
from nexus.objects.blobs.disk import DISK_THREADS, DiskBlobs, FileWriter, sync_directory
from nexus.objects.blobs.looking import Condition, Seen, condition_of, seen_on_disk
from nexus.objects.errors import PLACE_FOREIGN, TOO_FEW_COPIES

MARK: Final = "place.json"
"""Says whose place it is."""
SET_ASIDE_S: Final = 30.0
"""How long a place that failed is not written to; then it is tried again."""

Mark = tuple[int, int, int]
"""A file of a mark: device, inode, time of its last change."""

logger = logging.getLogger(__name__)


class Place:
    """One directory of copies, and whether it can be used now."""

    def __init__(self, folder: Path, owner: str) -> None:
        """`owner`: id of the platform."""
        self.name = str(folder)
        self.folder = folder
        self.threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix=f"blobs-{folder.name}")
        self._owner = owner
        self._until = 0.0
        self._disk: DiskBlobs | None = None
        self._disk_mark: Mark | None = None

    @property
    def disk(self) -> DiskBlobs:
        """The directory, to be written to. Raises Unavailable while it is away or set aside."""
        if self.is_set_aside:
            raise Unavailable(f"the place {self.name} is left out for a while", code=TOO_FEW_COPIES)
        return self.disk_anyway

    @property
    def disk_anyway(self) -> DiskBlobs:
        """The directory, for a reader who has no better one. Raises Unavailable while it is away."""
        mark = self._mark_if_any()
        if mark is None:
            raise Unavailable(
                f"the place {self.name} is away", code=TOO_FEW_COPIES, hint="mount its disk, or replace it"
            )
        if self._disk is None or mark != self._disk_mark:  # another disk is mounted here: nothing is known of it yet
            self._disk, self._disk_mark = DiskBlobs(self.folder), mark
        return self._disk

    @property
    def is_set_aside(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._until

    def is_marked(self) -> bool:
        """Whether its mark is there, and ours. Raises Conflict if it is another platform's."""
        return self._mark_if_any() is not None

    def look(self) -> Seen:
        """How it is at this moment; nothing is written where the mark is not."""
        try:
            return seen_on_disk(self.folder) if self._mark() is not None else Seen(Condition.AWAY)
        except Conflict:
            return Seen(Condition.FOREIGN)
        except OSError as error:
            return Seen(condition_of(error))

    def _mark_if_any(self) -> Mark | None:
        try:
            return self._mark()
        except OSError:
            return None

    def _mark(self) -> Mark | None:
        """Which file our mark is; None where there is none that can be read. A new disk may use the numbers of the old one."""
        with (self.folder / MARK).open("rb") as file:
            status = os.fstat(file.fileno())
            try:
                owner = json.loads(file.read())["owner"]
            except (ValueError, KeyError, TypeError):
                return None
        if owner != self._owner:
            raise Conflict(
                f"{self.folder} holds blobs of another platform", code=PLACE_FOREIGN, hint="name another directory"
            )
        return status.st_dev, status.st_ino, status.st_ctime_ns

    def mark(self, *, is_home: bool = False) -> None:
        """Make the directory a place of this platform; only its own may hold something already. Raises Unavailable, Conflict."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not is_home and any(self.folder.iterdir()) and not self.is_marked():
                raise Conflict(f"{self.folder} is not empty", code=PLACE_FOREIGN, hint="name an empty directory")
            with (self.folder / MARK).open("w") as file:
                file.write(json.dumps({"owner": self._owner}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            sync_directory(self.folder)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be used: {error.strerror}", code=TOO_FEW_COPIES) from error

    def create(self, blob_id: str, room: int) -> FileWriter:
        """Begin a copy here. Raises Unavailable."""
        return self.disk.create(blob_id, room=room)

    def set_aside(self, error: BaseException) -> None:
        """Leave it out for a while."""
        if not self.is_set_aside:
            logger.warning("the place %s is left out for %d s: %s", self.name, SET_ASIDE_S, error)
        self._until = time.monotonic() + SET_ASIDE_S

    def return_now(self) -> None:
        """Use it again without waiting."""
        self._until = 0.0

    def close(self) -> None:
        self.threads.shutdown(wait=False)
        if self._disk is not None:
            self._disk.close()
