"""A store of blobs whose bytes are at hand or not as a script says, with copies that may be damaged: for the reading of bodies."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor


class MoodyReader:
    """An open blob. `moods`: whether the next question finds the bytes at hand."""

    def __init__(self, copies: list[bytes], moods: Iterator[bool]) -> None:
        self._copies = copies
        self._moods = moods
        self.closed = False
        self.waits = 0

    @property
    def size(self) -> int:
        return len(self._copies[0])

    def read(self, offset: int, length: int) -> bytes:
        self.waits += 1
        return self._copies[0][offset : offset + length]

    def at_hand(self, offset: int, into: memoryview) -> bool:
        into[:] = bytes(len(into))  # what is not at hand leaves anything in it
        found = self._copies[0][offset : offset + len(into)]
        if not next(self._moods) or len(found) < len(into):
            return False
        into[:] = found
        return True

    def elsewhere(self) -> bool:
        del self._copies[0]
        if self._copies:
            return True
        self._copies.append(b"")
        return False

    def cut(self, length: int) -> None:
        """Lose what is behind so many bytes."""
        self._copies[0] = self._copies[0][:length]

    def close(self) -> None:
        self.closed = True


class MoodyBlobs:
    """One blob in some copies, the first of which is read first."""

    def __init__(self, copies: list[bytes], moods: Iterator[bool]) -> None:
        self.threads = ThreadPoolExecutor(2)
        self.opened: list[MoodyReader] = []
        self._copies = copies
        self._moods = moods

    def reader(self, blob_id: str) -> MoodyReader:
        self.opened.append(MoodyReader(list(self._copies), self._moods))
        return self.opened[-1]
