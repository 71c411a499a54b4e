"""The key service as its callers see it: the methods of its socket, typed, for asyncio."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.observing import Calls
from nexus.kernel.operation import Operation
from nexus.kernel.outbox import Message
from nexus.kernel.secret import Secret
from nexus.kms import calls, frames
from nexus.kms.connection import CONNECT_WAIT_S, KeptConnection
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
from nexus.kms.uses import BoundKey, BoundSignature, Use

TIMEOUT_S: Final = 10.0
SLOW_TIMEOUT_S: Final = 60.0
"""For what derives keys from passphrases, makes RSA keys, or works through a batch."""


T = TypeVar("T")


def _decoders(*types: Any) -> dict[Any, Any]:
    return {type_: frames.decoder(type_) for type_ in types}


_DECODERS: Final = _decoders(
    bytes,
    int,
    list[bytes],
    list[Message],
    Secret,
    Key,
    KeyPage,
    KeyServiceStatus,
    RewrapJob,
    RewrapJobs,
    ImportParameters,
    ExportedKey,
    Initialised,
    PrfResult,
    Sealing,
    BoundKey,
    BoundSignature,
    calls.GenerateAnswer,
)


class KeyServiceClient:
    """Reconnects by itself. Every call raises Unavailable when the service cannot be reached in time, Sealed when it
    is sealed, and otherwise what the service raised, restored with its code and hint.
    """

    def __init__(
        self,
        socket: Path,
        identity: ServiceIdentity,
        wait_s: float = CONNECT_WAIT_S,
        observer: Calls | None = None,
    ) -> None:
        """`identity`: the certificate of the calling service, whose name stands in `callers.CALLERS`.

        `wait_s`: how long a call waits for a connection before it fails. `observer`: watches calls.
        """
        self._connection = KeptConnection(socket, identity, wait_s, observer)

    async def start(self) -> None:
        """Connect and keep connected. Returns once connected or after an attempt that failed; never raises for it."""
        await self._connection.start()

    async def close(self) -> None:
        await self._connection.close()

    async def _call(
        self,
        result: type[T],
        method: str,
        operation: Operation | None,
        arguments: Any,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> T:
        encoded = await self._connection.call(method, operation, arguments, timeout_s)
        return cast(T, _DECODERS[result].decode(encoded))

    # The lease

    def subscribe(self, callback: Callable[[KeyEvent], None]) -> None:
        """`callback` runs on the event loop, at once, and must not raise or wait; it wipes what the event concerns."""
        self._connection.subscribe(callback)

    @property
    def leased(self) -> bool:
        """Whether cached keys may be used now: connected, unsealed, and heard of within the lease. Cheap; ask at
        each use of a cached key."""
        return self._connection.leased

    # Data keys

    async def generate(self, key_id: str, context: Mapping[str, str], op: Operation) -> DataKey:
        """A fresh data key of 32 bytes under `key_id`, bound to `context`. Recorded."""
        made = await self._call(calls.GenerateAnswer, "generate", op, calls.GenerateCall(key_id, context))
        return DataKey(made.plaintext, made.wrapped)

    async def wrap(self, key_id: str, secret: Secret, context: Mapping[str, str], op: Operation) -> bytes:
        """Wrap a key that the caller made (512 bytes at most)."""
        return await self._call(bytes, "wrap", op, calls.WrapCall(key_id, secret, context))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        """Recorded before it returns. Raises Damaged with another context, Conflict if the key is not enabled."""
        return await self._call(Secret, "unwrap", op, calls.UnwrapCall(wrapped, context))

    async def rewrap(
        self, wrapped: Sequence[bytes], contexts: Sequence[Mapping[str, str]], op: Operation
    ) -> list[bytes]:
        """The same data keys under the newest versions of their keys; 4096 at a time."""
        arguments = calls.RewrapCall(tuple(wrapped), tuple(contexts))
        return await self._call(list[bytes], "rewrap", op, arguments, timeout_s=SLOW_TIMEOUT_S)

    # Signatures and pseudonyms

    async def sign(self, key_id: str, message: bytes, *, version: int | None = None) -> bytes:
        """A raw signature, by the newest version unless told otherwise."""
        return await self._call(bytes, "sign", None, calls.SignCall(key_id, message, version))

    async def public_key(self, key_id: str, *, version: int | None = None) -> bytes:
        """The raw public key: 32 bytes Ed25519, 1312 bytes ML-DSA-44, 65 bytes P-256."""
        return await self._call(bytes, "public_key", None, calls.PublicKeyCall(key_id, version))

    async def bound_key(self, use: Use, op: Operation) -> BoundKey:
        """The key that signs for a use, with every version that verifiers must know. Made at the first call."""
        return await self._call(BoundKey, "bound_key", op, calls.BoundKeyCall(use))

    async def sign_bound(
        self, use: Use, message: bytes, op: Operation, *, version: int | None = None
    ) -> BoundSignature:
        """A signature for a use, by the version whose turn it is unless told otherwise. Recorded. Raises Denied to
        callers that the use does not name."""
        return await self._call(BoundSignature, "sign_bound", op, calls.SignBoundCall(use, message, version))

    async def prf_bound(
        self, use: Use, inputs: Sequence[bytes], op: Operation, *, version: int | None = None
    ) -> PrfResult:
        """As `prf`, with the key of a use. No inputs: tells the newest version. Raises Denied to callers it does not name."""
        arguments = calls.PrfBoundCall(use, tuple(inputs), version)
        return await self._call(PrfResult, "prf_bound", op, arguments, timeout_s=SLOW_TIMEOUT_S)

    async def generate_bound(self, use: Use, context: Mapping[str, str], op: Operation) -> DataKey:
        """A fresh data key of 32 bytes under the key of a use, bound to `context`. Recorded."""
        made = await self._call(calls.GenerateAnswer, "generate_bound", op, calls.GenerateBoundCall(use, context))
        return DataKey(made.plaintext, made.wrapped)

    async def unwrap_bound(self, use: Use, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        """Recorded before it returns. Raises Damaged with another context or key, Denied to callers that the use does
        not name."""
        return await self._call(Secret, "unwrap_bound", op, calls.UnwrapBoundCall(use, wrapped, context))

    async def prf(
        self, key_id: str, inputs: Sequence[bytes], op: Operation, *, version: int | None = None
    ) -> PrfResult:
        """HMAC-SHA-256 of each input inside the service; 4096 at a time. Keep the version: outputs differ by it."""
        arguments = calls.PrfCall(key_id, tuple(inputs), version)
        return await self._call(PrfResult, "prf", op, arguments, timeout_s=SLOW_TIMEOUT_S)

    # Life cycle (the operations of operations.py)

    async def create(self, op: Operation, request: CreateKey) -> Key:
        return await self._call(Key, "create", op, request)

    async def list_keys(self, op: Operation, request: ListKeys) -> KeyPage:
        return await self._call(KeyPage, "list_keys", op, request)

    async def read(self, op: Operation, request: KeyRef) -> Key:
        return await self._call(Key, "read", op, request)

    async def rotate(self, op: Operation, request: KeyRef) -> Key:
        return await self._call(Key, "rotate", op, request)

    async def disable(self, op: Operation, request: KeyRef) -> Key:
        return await self._call(Key, "disable", op, request)

    async def enable(self, op: Operation, request: KeyRef) -> Key:
        return await self._call(Key, "enable", op, request)

    async def schedule_destruction(self, op: Operation, request: ScheduleDestruction) -> Key:
        return await self._call(Key, "schedule_destruction", op, request)

    async def cancel_destruction(self, op: Operation, request: KeyRef) -> Key:
        return await self._call(Key, "cancel_destruction", op, request)

    async def import_parameters(self, op: Operation, request: Nothing) -> ImportParameters:
        return await self._call(ImportParameters, "import_parameters", op, request, timeout_s=SLOW_TIMEOUT_S)

    async def import_key(self, op: Operation, request: ImportKey) -> Key:
        return await self._call(Key, "import_key", op, request)

    async def import_version(self, op: Operation, request: ImportVersion) -> Key:
        return await self._call(Key, "import_version", op, request)

    async def export_key(self, op: Operation, request: ExportKey) -> ExportedKey:
        return await self._call(ExportedKey, "export_key", op, request)

    # Rewrap jobs

    async def begin_rewrap(self, op: Operation, request: KeyRef) -> RewrapJob:
        return await self._call(RewrapJob, "begin_rewrap", op, request)

    async def rewrap_jobs(self, op: Operation, request: Nothing) -> RewrapJobs:
        return await self._call(RewrapJobs, "rewrap_jobs", op, request)

    async def rewrap_progress(self, op: Operation, request: RewrapProgress) -> RewrapJob:
        return await self._call(RewrapJob, "rewrap_progress", op, request)

    async def finish_rewrap(self, op: Operation, request: FinishRewrap) -> RewrapJob:
        return await self._call(RewrapJob, "finish_rewrap", op, request)

    # The seal

    async def status(self) -> KeyServiceStatus:
        """Works while sealed."""
        return await self._call(KeyServiceStatus, "status", None, Nothing())

    async def read_status(self, op: Operation, request: Nothing) -> KeyServiceStatus:
        """`status` as an operation of the doors: recorded."""
        return await self._call(KeyServiceStatus, "read_status", op, request)

    async def initialise(self, request: Initialise) -> Initialised:
        """Once in the life of a platform; it stays sealed. The shares, if any, exist in this answer only."""
        return await self._call(Initialised, "initialise", None, request, timeout_s=SLOW_TIMEOUT_S)

    async def unseal(self, secret: Secret, op: Operation | None = None) -> KeyServiceStatus:
        """The passphrase, or one share. Raises Denied, Invalid (a mistyped share), Throttled."""
        return await self._call(KeyServiceStatus, "unseal", op, Unseal(secret=secret), timeout_s=SLOW_TIMEOUT_S)

    async def unseal_by_request(self, op: Operation, request: Unseal) -> KeyServiceStatus:
        return await self.unseal(request.secret, op)

    async def seal(self, op: Operation, request: Nothing | None = None) -> Sealing:
        """Returns once no process can use a cached key any more."""
        return await self._call(Sealing, "seal", op, Nothing())

    # The outbox

    async def entries(self, limit: int) -> list[Message]:
        """The oldest audit entries that nobody has acknowledged. Served while sealed: they need no key."""
        return await self._call(list[Message], "entries", None, calls.EntriesCall(limit))

    async def entries_done(self, upto: int) -> int:
        """Forget the entries up to and including this position; returns how many they were."""
        return await self._call(int, "entries_done", None, calls.EntriesDoneCall(upto))
