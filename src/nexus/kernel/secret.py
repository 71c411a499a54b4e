"""Bytes that refuse to be printed, compared in variable time, pickled or formatted by accident."""

import hmac
from typing import NoReturn


class Secret:
    """Key bytes, passwords, tokens. `reveal()` is the only way in, so that every use can be found by search.

    `wipe()` overwrites our copy. CPython may hold others (see docs/explanation/threat-model.md): wiping narrows
    the window, it does not promise that no copy remains.
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes | bytearray | memoryview) -> None:
        self._bytes = bytearray(value)

    def reveal(self) -> bytes:
        """A copy of the bytes. Raises ValueError once wiped."""
        if not self._bytes:
            raise ValueError("this secret has been wiped")
        return bytes(self._bytes)

    def wipe(self) -> None:
        """Overwrite the bytes with zeros and forget them."""
        self._bytes[:] = bytes(len(self._bytes))
        self._bytes.clear()

    def __len__(self) -> int:
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._bytes, other._bytes)

    __hash__ = None  # type: ignore[assignment]  # a hash would be an equality oracle in dicts and logs

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
