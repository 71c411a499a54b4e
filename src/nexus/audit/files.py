"""The log's directory as the worker keeps it: tiles that follow the database, one checkpoint file, one lock.

The files are derived from the database and can be written again from it. They are also a second memory: a database
that contradicts the checkpoint on disk has been truncated, rolled back or forked.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nexus.audit import store
from nexus.audit.policy import LogIdentity
from nexus.audit.tiles import TileReader, TileWriter, write_durably
from nexus.crypto.merkle import root_at
from nexus.crypto.notes import Checkpoint, Note, verify_note
from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict, Damaged, Unavailable

CHECKPOINT = "checkpoint"
CHUNK_ENTRIES = 8192
"""Entries read from the database at a time."""

_LOCK = ".lock"


class LogFiles:
    """Open on one process at a time. Every method blocks: call it on a thread."""

    def __init__(self, db: Database, identity: LogIdentity, directory: Path) -> None:
        self._db, self._identity, self._directory = db, identity, directory
        self._lock: int | None = None
        self._writer: TileWriter | None = None
        self._size = 0

    def open(self) -> store.Head:
        """Lock the directory, compare it with the database, bring the tiles up to the head. Raises Conflict, Damaged."""
        self._take_lock()
        # Step 1. What was published is remembered twice: in the file and in the database.
        with self._db.read() as tx:
            head = store.read_head(tx)
            newest = store.latest_checkpoint(tx)
        on_disk = self.published()
        remembered = [on_disk] if on_disk else []
        if newest is not None:
            remembered.append(require_own(self._identity, Note.parse(newest.note)))
        # Step 2. The database holds at least what was published.
        for checkpoint in remembered:
            if checkpoint.size > head.size:
                raise rolled_back(checkpoint.size, head.size, "a checkpoint that was published")
        # Step 3. The tree of the database begins with each tree that was published.
        self.extend(head)
        self.require_consistent(remembered)
        self.sync()
        return head

    def close(self) -> None:
        """Let another process take over."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def published(self) -> Checkpoint | None:
        """The checkpoint on disk, its signatures verified; None before the first. Raises Damaged."""
        try:
            source = (self._directory / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        return require_own(self._identity, Note.parse(source))

    def extend(self, head: store.Head) -> None:
        """Bring the tiles up to the head of the database and compare the two; `sync` is left to do.

        Raises Damaged, or Unavailable where the disk refuses: then the next call starts from what was published.
        """
        with self._disk():
            writer = self._writer = self._writer or self._resume(self.published())
            while writer.size < head.size:
                with self._db.read() as tx:
                    end = min(head.size, writer.size + CHUNK_ENTRIES)
                    leaves = store.leaves_between(tx, writer.size, end)
                writer.append(leaves)
            writer.flush()
        self._size = writer.size
        if writer.frontier().root() != head.root:
            raise Damaged(
                f"the entries of the audit log do not make the root of its head at size {head.size}",
                code="audit.forked",
                hint="entries were altered after they were written: run nexus audit log verify to see which",
            )

    def require_consistent(self, remembered: Iterable[Checkpoint]) -> None:
        """Raise Damaged unless the log begins with each of these checkpoints (none larger than the log)."""
        tree = self.tree()
        for checkpoint in remembered:
            if root_at(checkpoint.size, tree.nodes) != checkpoint.root:
                raise Damaged(
                    f"the audit log differs from a checkpoint that it signed at size {checkpoint.size}",
                    code="audit.forked",
                    hint="stop, keep every copy of the data, and find out which of them is the true one",
                )

    def sync(self) -> None:
        """Make the tiles durable: before the checkpoint that covers them is published."""
        with self._disk():
            if self._writer is not None:
                self._writer.sync()

    def tree(self) -> TileReader:
        """The tree as written, for proofs."""
        return TileReader(self._directory, self._size)

    def put_checkpoint(self, note: Note) -> None:
        """Replace the checkpoint file, durably."""
        with self._disk():
            write_durably(self._directory / CHECKPOINT, str(note).encode())

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Where the disk refuses, what the writer believes to have written is forgotten."""
        try:
            yield
        except OSError as error:
            self._writer = None
            raise Unavailable(
                f"the disk refused to write the files of the audit log ({error.strerror})",
                code="audit.files",
                hint="free space on the data disk; the log itself is in the database and goes on",
            ) from error

    def _resume(self, on_disk: Checkpoint | None) -> TileWriter:
        """Go on from the published files if their right edge makes the published root, else write them again."""
        with suppress(Damaged):
            if on_disk is not None:
                writer = TileWriter.resume(self._directory, on_disk.size)
                if writer.frontier().root() == on_disk.root:
                    return writer
        return TileWriter(self._directory)

    def _take_lock(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Conflict("another process publishes this log", code="audit.locked") from None
        self._lock = lock


def require_own(identity: LogIdentity, note: Note) -> Checkpoint:
    """The checkpoint of a note that every key of the log has signed. Raises Damaged."""
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != identity.origin or len(verify_note(note, identity.keys)) != len(identity.keys):
        raise Damaged("a stored checkpoint is not signed by this log", code="audit.checkpoint-signature")
    return checkpoint


def rolled_back(known: int, size: int, source: str) -> Damaged:
    """The error for a log that is shorter than what somebody remembers of it."""
    return Damaged(
        f"the audit log holds {size} entries, but {source} covers {known}: it was truncated or rolled back",
        code="audit.rolled-back",
        hint="an older copy of the data was restored, or entries were removed: bring back the newest data directory",
    )
