"""The key service as the object store knows it: wraps under AES-GCM, seals, disables and destroys keys on command."""

from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.crypto import wrapping
from nexus.kernel.errors import Conflict, NotFound, Sealed, Unavailable
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms.model import DataKey, KeyEvent, KeyEventKind

_CODES = {"disabled": "kms.key-not-enabled", "destroyed": "kms.key-destroyed"}
"""As the key service says it."""


class SimulatedDataKeys:
    """Keys by id, each a list of versions. `calls` counts what was asked of the service."""

    def __init__(self) -> None:
        self.versions: dict[str, list[AESGCM]] = {}
        self.state: dict[str, str] = {}
        self.sealed = False
        self.lost = False
        self.calls: dict[str, int] = {"generate": 0, "unwrap": 0, "rewrap": 0}
        self.unwrapped_for: list[str] = []
        self._callbacks: list[Callable[[KeyEvent], None]] = []

    def add_key(self, key_id: str = "key_site", key: bytes | None = None) -> str:
        self.versions[key_id] = [AESGCM(key or AESGCM.generate_key(256))]
        self.state[key_id] = "enabled"
        return key_id

    def rotate(self, key_id: str) -> None:
        self.versions[key_id].append(AESGCM(AESGCM.generate_key(256)))

    def seal(self) -> None:
        self.sealed = True
        self._tell(KeyEventKind.SEALED)

    def unseal(self) -> None:
        self.sealed = False
        self._tell(KeyEventKind.UNSEALED)

    def lose(self) -> None:
        self.lost = True
        self._tell(KeyEventKind.LOST)

    def disable(self, key_id: str) -> None:
        self.state[key_id] = "disabled"
        self._tell(KeyEventKind.KEY_CHANGED, key_id)

    def enable(self, key_id: str) -> None:
        self.state[key_id] = "enabled"
        self._tell(KeyEventKind.KEY_CHANGED, key_id)

    def destroy(self, key_id: str) -> None:
        self.state[key_id] = "destroyed"
        self.versions[key_id] = []
        self._tell(KeyEventKind.KEY_CHANGED, key_id)

    # The port

    @property
    def leased(self) -> bool:
        return not (self.sealed or self.lost)

    def subscribe(self, callback: Callable[[KeyEvent], None]) -> None:
        self._callbacks.append(callback)

    async def generate(self, key_id: str, context: Mapping[str, str], op: Operation) -> DataKey:
        self.calls["generate"] += 1
        plaintext = AESGCM.generate_key(256)
        return DataKey(Secret(plaintext), self._wrap(key_id, plaintext, context))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str], op: Operation) -> Secret:
        self.calls["unwrap"] += 1
        self.unwrapped_for.append(op.actor.id)
        return Secret(self._open(wrapped, context))

    async def rewrap(
        self, wrapped: Sequence[bytes], contexts: Sequence[Mapping[str, str]], op: Operation
    ) -> Sequence[bytes]:
        self.calls["rewrap"] += 1
        pairs = zip(wrapped, contexts, strict=True)
        return [self._wrap(wrapping.parse(blob).key_id, self._open(blob, context), context) for blob, context in pairs]

    def _wrap(self, key_id: str, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        versions = self._usable(key_id)
        aad = wrapping.associated_data(key_id, len(versions), wrapping.canonical(context))
        return wrapping.WrappedKey(key_id, len(versions), wrapping.seal(versions[-1], plaintext, aad)).encode()

    def _open(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        wrapped = wrapping.parse(blob)
        cipher = self._usable(wrapped.key_id)[wrapped.version - 1]
        aad = wrapping.associated_data(wrapped.key_id, wrapped.version, wrapping.canonical(context))
        return wrapping.unseal(cipher, wrapped.sealed, aad)

    def _usable(self, key_id: str) -> list[AESGCM]:
        if self.lost:
            raise Unavailable("the key service cannot be reached", code="kms.unreachable")
        if self.sealed:
            raise Sealed("the key service is sealed", code="kms.sealed")
        if key_id not in self.versions:
            raise NotFound("no such key", code="kms.no-such-key")
        if self.state[key_id] != "enabled":
            raise Conflict(f"the key is {self.state[key_id]}", code=_CODES[self.state[key_id]])
        return self.versions[key_id]

    def _tell(self, kind: KeyEventKind, key_id: str = "") -> None:
        for callback in self._callbacks:
            callback(KeyEvent(kind, key_id))
