"""The little of SSH's encoding that certificates need (RFC 4251, section 5): strings and numbers, both ways."""

from collections.abc import Iterable

from nexus.kernel.errors import Invalid

_LENGTH_BYTES = 4


def string(value: bytes) -> bytes:
    """Length in four bytes, then the bytes."""
    return len(value).to_bytes(_LENGTH_BYTES, "big") + value


def strings(values: Iterable[bytes]) -> bytes:
    """One string after the other."""
    return b"".join(map(string, values))


def uint32(value: int) -> bytes:
    """A number in four bytes."""
    return value.to_bytes(4, "big")


def uint64(value: int) -> bytes:
    """A number in eight bytes."""
    return value.to_bytes(8, "big")


class Reader:
    """Takes values from the front. Every method raises Invalid where the bytes end too early."""

    __slots__ = ("_at", "_bytes")

    def __init__(self, content: bytes) -> None:
        self._bytes = content
        self._at = 0

    @property
    def consumed(self) -> bytes:
        """Everything taken so far."""
        return self._bytes[: self._at]

    @property
    def ended(self) -> bool:
        return self._at == len(self._bytes)

    def take(self, count: int) -> bytes:
        taken = self._bytes[self._at : self._at + count]
        if len(taken) != count:
            raise malformed()
        self._at += count
        return taken

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(_LENGTH_BYTES), "big"))

    def text(self) -> str:
        """A string that is printable ASCII; Invalid on any other."""
        try:
            text = self.string().decode("ascii")
        except UnicodeDecodeError:
            raise malformed() from None
        if not text.isprintable():
            raise malformed()
        return text

    def texts(self) -> tuple[str, ...]:
        """Strings inside a string, to its end."""
        inner = Reader(self.string())
        found = []
        while not inner.ended:
            found.append(inner.text())
        return tuple(found)

    def pairs(self) -> tuple[tuple[str, bytes], ...]:
        """Names and data inside a string, to its end: the form of a certificate's options."""
        inner = Reader(self.string())
        found = []
        while not inner.ended:
            found.append((inner.text(), inner.string()))
        return tuple(found)

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")


def malformed() -> Invalid:
    """These bytes are not what they should be."""
    return Invalid("this is no key or certificate in the form of SSH", code="bastion.malformed")
