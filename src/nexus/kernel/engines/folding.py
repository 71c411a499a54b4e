"""Folds the write-ahead log back into the database beside the writer, so that nobody waits for it.

Folding decrypts, encrypts and writes every page that has changed. A thread of its own does all but the last of it; the
writer, between two commits, does the rest, after which the log starts again from its beginning.
"""

import logging
import threading

import apsw

FOLD_PAGES = 4_000
"""Pages (16 MiB) in the log before it is folded, where nothing else is said: a page that changes often is then encrypted less often."""
MAX_LOG_PAGES = 64_000
"""Pages (256 MiB) at which the writer folds them all itself: the disk cannot keep up, and everybody must wait."""
PASSES = 2
"""The second pass takes what came in during the first, and leaves little to the writer."""

logger = logging.getLogger(__name__)


class Folding:
    """The folding of one database. `after_commit` is the writing connection's hook."""

    def __init__(self, connection: apsw.Connection, name: str, fold_pages: int = FOLD_PAGES) -> None:
        """`connection`: for this alone; closed by `close`."""
        self._connection = connection
        self._fold_pages = fold_pages
        self._wanted = threading.Event()
        self._busy = False
        """From the moment that the writer asks until the thread has done its share."""
        self._prepared = False
        """The thread has done its share and the writer has not."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"folding:{name}", daemon=True)
        self._thread.start()

    def after_commit(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """Called by SQLite on the writer thread once a commit is durable; `pages` are in the log."""
        if pages < self._fold_pages:
            self._prepared = False
        elif self._prepared or pages >= MAX_LOG_PAGES:
            self._prepared = False
            _fold(connection)
        elif not self._busy:
            self._busy = True
            self._wanted.set()
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Finish what is being folded and end the thread."""
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closed:
                return
            for _ in range(PASSES):
                _fold(self._connection)
            self._prepared, self._busy = True, False


def _fold(connection: apsw.Connection) -> None:
    """Fold what no reader still needs. What cannot be folded now stays in the log, where it is as durable as before."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except (apsw.BusyError, apsw.LockedError):
        pass  # another process is folding
    except apsw.Error as error:
        logger.warning("the write-ahead log could not be folded: %s", type(error).__name__)
