"""What the embedded database says when it fails, in our words."""

from pathlib import Path

import apsw

from nexus.kernel.errors import Damaged, NexusError, Unavailable


def explain(error: BaseException, path: Path) -> NexusError:
    """A database error in words. SQL text and parameters stay out of it: they may hold personal data."""
    if isinstance(error, apsw.FullError):
        return Unavailable(
            "the disk is full", code="database.disk-full", hint="free space on the data disk, then retry"
        )
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable("the database is locked by another process", code="database.locked", hint="retry")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Damaged(
            f"{path.name} is damaged, or the key is not its key",
            code="database.damaged",
            hint="stop, keep a copy of the files, and restore the last backup",
        )
    if isinstance(error, apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError):
        return Unavailable(f"the disk refused to read or write {path.name}", code="database.io")
    if isinstance(error, apsw.ConstraintError):
        return NexusError("a constraint of the database refuses it", code="database.constraint")
    return NexusError(f"unexpected {type(error).__name__} in {path.name}", code="database.unexpected")
