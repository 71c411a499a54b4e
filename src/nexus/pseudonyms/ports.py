"""What the two services need from others."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from nexus.kernel.operation import Operation, Resource
from nexus.kernel.secret import Secret
from nexus.pseudonyms.messages import Enter, Link, Links, One, Pseudonymise, Pseudonyms, Several, Transfer


class Linking(Protocol):
    """The secret of the first level where it lies, in the key service: computed with there, and let out to nobody."""

    async def newest(self, op: Operation) -> int:
        """The number of the newest version of the secret; made now if there is none. Raises Sealed, Unavailable."""

    async def macs(self, op: Operation, messages: Sequence[bytes], version: int) -> Sequence[bytes]:
        """HMAC-SHA-256 of each message, in order. Raises NotFound on a version that never was, Sealed, Unavailable."""


class Keys(Protocol):
    """Secrets under a key of the key service that is the second level's own: no other process may use it."""

    async def generate(self, context: Mapping[str, str]) -> tuple[Secret, bytes]:
        """A fresh secret of 32 bytes, and the same wrapped."""

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> Secret:
        """A secret that was wrapped in this context. Raises Damaged, Sealed, Unavailable."""


class SecondLevel(Protocol):
    """The second level, as the first one calls it."""

    async def enter(self, op: Operation, request: Enter) -> Pseudonyms:
        """Pseudonyms of links."""

    async def given(self, op: Operation, request: Enter) -> Pseudonyms:
        """Those that these links have in every epoch of a domain; enters nothing. Raises NotFound, Unavailable."""

    async def link_of(self, op: Operation, request: One) -> Link:
        """The link of a pseudonym. Raises NotFound."""

    async def links_of(self, op: Operation, request: Several) -> Links:
        """The links of pseudonyms of one domain, in order. Raises NotFound, Invalid."""


class Transfers(Protocol):
    """The second level, as those call it who build data for projects."""

    async def transfer(self, op: Operation, request: Transfer) -> Pseudonyms:
        """Other pseudonyms for the same people in another domain. Raises NotFound, Invalid, Conflict."""


class Service(Protocol):
    """One of the two services, as a door asks it."""

    async def call(self, method: str, op: Operation, request: Any) -> Any:
        """Ask, and wait for the answer (`wire.METHODS`). Raises what the service raises, Unavailable without one."""


class ProjectDomains(Protocol):
    """Which domains are whose."""

    def domains(self, project: str) -> frozenset[str]:
        """The domains of a project: none of one that does not exist."""


class FirstLevel(Protocol):
    """The first level, as who reads deliveries asks it."""

    async def pseudonymise(self, op: Operation, request: Pseudonymise) -> Pseudonyms:
        """Pseudonyms in the order of the people. Raises Invalid, NotFound, Conflict."""


class Body(Protocol):
    """What a version of an object holds: as a stream, and in pieces from anywhere. `size` in bytes."""

    @property
    def size(self) -> int: ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def part(self, first: int, length: int) -> bytes:
        """A piece of the same content. Recorded. Raises Conflict if another content has come in its place."""

    async def aclose(self) -> None:
        """End the stream; pieces can still be read."""


class Objects(Protocol):
    """Files that are rewritten, where they lie."""

    def require(self, op: Operation, source: str, target: str) -> None:
        """Return if the actor may read the one bucket and write the other. Raises Denied, NotFound."""

    def resource(self, bucket: str) -> Resource:
        """A bucket as the gate sees it; nobody's where there is none."""

    async def read(self, op: Operation, bucket: str, key: str) -> Body:
        """The newest version of an object. Raises NotFound."""

    async def write(self, op: Operation, bucket: str, key: str, body: AsyncIterator[bytes]) -> None:
        """A new version of an object: whole, or not at all."""
