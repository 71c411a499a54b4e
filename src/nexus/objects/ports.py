"""What the object store needs from others. `app/wiring/` decides who keeps these promises."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.model import DataKey, KeyEvent


class KeyRights(Protocol):
    """Who may use which key of the key service for the objects that he reads or writes."""

    async def owner_of(self, key_id: str) -> str | None:
        """The owner of a key that wraps data keys (`site:<name>`, …); None if there is none of this id."""

    def check(self, op: Operation, key_id: str, owner: str) -> None:
        """Return if `op.actor` may use the key; raise Denied otherwise. Never waits."""


class DataKeys(Protocol):
    """The key service, as far as bucket keys are concerned.

    Every call raises Sealed or Unavailable when no key can be had, Damaged when `context` is not the one that the key
    was wrapped under, and Conflict or NotFound when the wrapping key is disabled or destroyed.
    """

    @property
    def leased(self) -> bool:
        """Whether keys that were opened before may be used at this moment. Asked at each use; never waits."""

    async def generate(self, key_id: str, context: Mapping[str, str], op: Operation) -> DataKey:
        """A fresh 32-byte data key, plain and wrapped under `key_id`."""

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        """The data key inside `wrapped`."""

    async def rewrap(
        self, wrapped: Sequence[bytes], contexts: Sequence[Mapping[str, str]], op: Operation
    ) -> Sequence[bytes]:
        """The same data keys, each wrapped under the newest version of its key; plain keys never leave the service."""

    def subscribe(self, callback: Callable[[KeyEvent], None]) -> None:
        """Call back, at once and from any thread, before who sealed, disabled or destroyed is answered."""
