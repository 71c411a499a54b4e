"""What the object store needs from others. `app/wiring/` decides who keeps these promises."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.model import DataKey, KeyEvent
from nexus.objects.declaration import Declaration
from nexus.objects.model import Bucket


class KeyRights(Protocol):
    """Who may use which key of the key service for the objects that he reads or writes."""

    async def owner_of(self, key_id: str) -> str | None:
        """The owner of a key that wraps data keys (`site:<name>`, …); None if there is none of this id."""

    def check(self, op: Operation, key_id: str, owner: str) -> None:
        """Return if `op.actor` may use the key; raise Denied otherwise. Never waits."""


Version = tuple[int, ...]
"""Of all that rulings rest on. None of its numbers ever falls."""


class Ruled(Struct, frozen=True):
    """Whether a use of a patient's data is allowed, and by what. `decision`: the id of the one it rests on."""

    allowed: bool
    reason: str
    decision: str | None = None
    until: Instant = Instant(0)
    """Until when it holds, if `version` stays; the moment of the question if it must not be remembered."""


class Subjects(Protocol):
    """What patients allow. Asked inside the transaction that records a read: never waits, and never remembers."""

    def version(self, tx: Transaction) -> Version:
        """Another value whenever a ruling may be another one, since the decision that changed it committed."""

    def changed(self, tx: Transaction, since: Version, now: Version) -> Collection[str] | None:
        """The subjects of whom a ruling may be another one at `now`, the version of the transaction, than it was at `since`.

        None if that may be so of anybody.
        """

    def rulings(self, tx: Transaction, op: Operation, bucket: Bucket, subjects: Sequence[str]) -> Mapping[str, Ruled]:
        """For each subject, whether the actor may have data of this bucket for his purpose. Who is missing is refused."""

    def standing(self, tx: Transaction, bucket: Bucket, at: Instant) -> Ruled:
        """Whether the bucket may be read at all at this moment, whoever's data lie in it: a release may while its project is ready."""

    def renew(self, tx: Transaction) -> None:
        """Make `version` another one: what was remembered anywhere is to be asked anew, since something was erased."""

    def belong(self, tx: Transaction, site: str, subjects: Sequence[str]) -> bool:
        """Whether each of these is a patient of the site; of any site, if it is empty."""

    def check(self, declared: Declaration) -> None:
        """Raise Invalid unless its words are those that patients decide in."""


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
