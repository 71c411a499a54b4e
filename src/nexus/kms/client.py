"""The key service as its callers see it: one connection over the unix socket, from asyncio."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nexus.kernel.operation import Operation
from nexus.kernel.outbox import Message
from nexus.kernel.secret import Secret
from nexus.kms.model import DataKey, Key, KeyEvent, KeyServiceStatus, RewrapJob
from nexus.kms.requests import (
    CreateKey,
    ExportedKey,
    ExportKey,
    FinishRewrap,
    ImportKey,
    ImportParameters,
    ImportVersion,
    Initialise,
    Initialised,
    KeyPage,
    KeyRef,
    ListKeys,
    Nothing,
    PrfResult,
    RewrapJobs,
    RewrapProgress,
    ScheduleDestruction,
    Sealing,
    Unseal,
)


class KeyServiceClient:
    """Reconnects by itself. Every call raises Unavailable when the service cannot be reached in time, Sealed when it
    is sealed, and otherwise what the service raised, restored with its code and hint.
    """

    def __init__(self, socket: Path, *, caller: str, token: Secret) -> None:
        """`caller`: a name of `callers.CALLERS`; `token`: what the supervisor gave that caller."""
        raise NotImplementedError

    async def start(self) -> None:
        """Connect and keep connected. Returns once connected or after the first failure; never raises for it."""
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    # The lease

    def subscribe(self, callback: Callable[[KeyEvent], None]) -> None:
        """`callback` runs on the event loop, at once, and must not raise or wait; it wipes what the event concerns."""
        raise NotImplementedError

    @property
    def leased(self) -> bool:
        """Whether cached keys may be used now: connected, unsealed, and heard of within the lease. Cheap; ask at
        each use of a cached key."""
        raise NotImplementedError

    # Data keys

    async def generate(self, key_id: str, context: Mapping[str, str], op: Operation) -> DataKey:
        raise NotImplementedError

    async def wrap(self, key_id: str, secret: Secret, context: Mapping[str, str], op: Operation) -> bytes:
        raise NotImplementedError

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        raise NotImplementedError

    async def rewrap(
        self, wrapped: Sequence[bytes], contexts: Sequence[Mapping[str, str]], op: Operation
    ) -> list[bytes]:
        raise NotImplementedError

    # Signatures and pseudonyms

    async def sign(self, key_id: str, message: bytes, *, version: int | None = None) -> bytes:
        raise NotImplementedError

    async def public_key(self, key_id: str, *, version: int | None = None) -> bytes:
        raise NotImplementedError

    async def prf(
        self, key_id: str, inputs: Sequence[bytes], op: Operation, *, version: int | None = None
    ) -> PrfResult:
        raise NotImplementedError

    # Life cycle (the operations of operations.py)

    async def create(self, op: Operation, request: CreateKey) -> Key:
        raise NotImplementedError

    async def list_keys(self, op: Operation, request: ListKeys) -> KeyPage:
        raise NotImplementedError

    async def read(self, op: Operation, request: KeyRef) -> Key:
        raise NotImplementedError

    async def rotate(self, op: Operation, request: KeyRef) -> Key:
        raise NotImplementedError

    async def disable(self, op: Operation, request: KeyRef) -> Key:
        raise NotImplementedError

    async def enable(self, op: Operation, request: KeyRef) -> Key:
        raise NotImplementedError

    async def schedule_destruction(self, op: Operation, request: ScheduleDestruction) -> Key:
        raise NotImplementedError

    async def cancel_destruction(self, op: Operation, request: KeyRef) -> Key:
        raise NotImplementedError

    async def import_parameters(self, op: Operation, request: Nothing) -> ImportParameters:
        raise NotImplementedError

    async def import_key(self, op: Operation, request: ImportKey) -> Key:
        raise NotImplementedError

    async def import_version(self, op: Operation, request: ImportVersion) -> Key:
        raise NotImplementedError

    async def export_key(self, op: Operation, request: ExportKey) -> ExportedKey:
        raise NotImplementedError

    # Rewrap jobs

    async def begin_rewrap(self, op: Operation, request: KeyRef) -> RewrapJob:
        raise NotImplementedError

    async def rewrap_jobs(self, op: Operation, request: Nothing) -> RewrapJobs:
        raise NotImplementedError

    async def rewrap_progress(self, op: Operation, request: RewrapProgress) -> RewrapJob:
        raise NotImplementedError

    async def finish_rewrap(self, op: Operation, request: FinishRewrap) -> RewrapJob:
        raise NotImplementedError

    # The seal

    async def status(self) -> KeyServiceStatus:
        raise NotImplementedError

    async def read_status(self, op: Operation, request: Nothing) -> KeyServiceStatus:
        """`status` as an operation of the doors: recorded."""
        raise NotImplementedError

    async def initialise(self, request: Initialise) -> Initialised:
        raise NotImplementedError

    async def unseal(self, secret: Secret, op: Operation | None = None) -> KeyServiceStatus:
        raise NotImplementedError

    async def unseal_by_request(self, op: Operation, request: Unseal) -> KeyServiceStatus:
        raise NotImplementedError

    async def seal(self, op: Operation, request: Nothing | None = None) -> Sealing:
        raise NotImplementedError

    # The outbox

    async def entries(self, limit: int) -> list[Message]:
        """The oldest audit entries that nobody has acknowledged. Served while sealed: they need no key."""
        raise NotImplementedError

    async def entries_done(self, upto: int) -> int:
        raise NotImplementedError
