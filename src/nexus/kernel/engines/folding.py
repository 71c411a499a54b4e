"""Folds the write-ahead log back into the database beside the writer, so that nobody waits for it.

Folding decrypts, encrypts and writes every page that has changed. A thread of its own does that again and again while the log
grows. Before the log can start again from its beginning, the writer must fold the little that is left, between two commits,
and every writer waits for that: two syncs, 5 to 30 ms. So it happens seldom, in a long log.
"""

import logging
import threading

import apsw

FOLD_PAGES = 4_000
"""Pages (16 MiB) that come into the log before they are folded, where nothing else is said: a page that changes often is then encrypted less often."""
LONG_LOG_PAGES = 32_000
"""Pages (128 MiB) at which the writer has the log start again. Whoever reads at that moment prevents it: the next time is soon."""
MAX_LOG_PAGES = 64_000
"""Pages (256 MiB) at which the writer folds them all itself: the disk cannot keep up, and everybody must wait."""
logger = logging.getLogger(__name__)


class Folding:
    """The folding of one database. `after_commit` is the writing connection's hook."""

    def __init__(
        self, connection: apsw.Connection, name: str, fold_pages: int = FOLD_PAGES, long_log_pages: int = LONG_LOG_PAGES
    ) -> None:
        """`connection`: for this alone; closed by `close`. `long_log_pages`: the log starts again at so many."""
        self._connection = connection
        self._fold_pages = fold_pages
        self._long_log_pages = long_log_pages
        self._wanted = threading.Event()
        self._busy = False
        """From the moment that the writer asks until the thread has done its share."""
        self._prepared = False
        """The thread has done its share of a long log and the writer has not."""
        self._folded = 0
        """Pages of the log that need not be asked for."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"folding:{name}", daemon=True)
        self._thread.start()

    def after_commit(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """Called by SQLite on the writer thread once a commit is durable; `pages` are in the log."""
        if pages < self._folded:  # it has started again
            self._folded, self._prepared = 0, False
        due = pages - self._folded >= (self._fold_pages if pages < self._long_log_pages else self._fold_pages // 4)
        if self._prepared or (due and pages >= MAX_LOG_PAGES):
            self._prepared = False
            self._folded = pages
            _fold(connection)
        elif due and not self._busy:
            self._busy = True
            self._folded = (
                pages  # whether it succeeds or another process is at it: the next time is after as many again
            )
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
            if _fold(self._connection) >= self._long_log_pages:
                _fold(self._connection)  # what came in meanwhile, so that little is left to the writer
                self._prepared = True
            self._busy = False


def _fold(connection: apsw.Connection) -> int:
    """Fold what no reader still needs. What cannot be folded now stays in the log, where it is as durable as before.

    Returns the pages in the log, 0 if they could not be folded.
    """
    try:
        return connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[0]
    except (apsw.BusyError, apsw.LockedError):
        return 0  # another process is folding
    except apsw.Error as error:
        logger.warning("the write-ahead log could not be folded: %s", type(error).__name__)
        return 0
