"""What the two services need from others."""

from collections.abc import Mapping
from typing import Protocol

from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.pseudonyms.messages import Enter, Link, One, Pseudonyms, Transfer


class Keys(Protocol):
    """Secrets under a key of the key service that is this level's own: the other level's process may not use it."""

    async def generate(self, context: Mapping[str, str]) -> tuple[Secret, bytes]:
        """A fresh secret of 32 bytes, and the same wrapped."""

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> Secret:
        """A secret that was wrapped in this context. Raises Damaged, Sealed, Unavailable."""


class SecondLevel(Protocol):
    """The second level, as the first one calls it."""

    async def enter(self, op: Operation, request: Enter) -> Pseudonyms:
        """Pseudonyms of links."""

    async def link_of(self, op: Operation, request: One) -> Link:
        """The link of a pseudonym. Raises NotFound."""


class Transfers(Protocol):
    """The second level, as those call it who build data for projects."""

    async def transfer(self, op: Operation, request: Transfer) -> Pseudonyms:
        """Other pseudonyms for the same people in another domain. Raises NotFound, Invalid, Conflict."""
