"""What a client calls a place, and what that is: `/bucket/prefix/name`. Pure. No path leads out of the buckets."""

import posixpath
import unicodedata
from dataclasses import dataclass

from nexus.kernel.errors import Invalid
from nexus.warehouse.sftp.model import MAX_NAME_BYTES


@dataclass(frozen=True, slots=True)
class Place:
    """The root (no bucket), a bucket (no key), or a name in one."""

    bucket: str
    key: str

    @property
    def is_root(self) -> bool:
        return not self.bucket

    @property
    def prefix(self) -> str:
        """Before the names of what lies in it."""
        return f"{self.key}/" if self.key else ""


def absolute(path: bytes) -> str:
    """The same place from the root, without `.` and `..`. Raises Invalid on what is no name."""
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        raise _no_name() from None
    if len(path) > MAX_NAME_BYTES or any(unicodedata.category(one)[0] == "C" for one in text) or "\\" in text:
        raise _no_name()
    return "/" + posixpath.normpath("/" + text).lstrip("/")


def place(path: bytes) -> Place:
    """What a path names. Raises Invalid."""
    bucket, _, key = absolute(path).lstrip("/").partition("/")
    return Place(bucket, key)


def _no_name() -> Invalid:
    return Invalid("this is no name of a file", code="sftp.name", hint="UTF-8, without control characters")
