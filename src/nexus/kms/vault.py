"""What exists only while the service is unsealed: the open provider, the inventory in memory, keys in use."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from nexus.kernel.database import Database
from nexus.kernel.errors import Damaged, NexusError, NotFound, Sealed, Unavailable
from nexus.kernel.secret import Secret
from nexus.kms import store
from nexus.kms.anchors import AnchorRegister, slot_of
from nexus.kms.model import Key, KeyState
from nexus.kms.ports import Held, KeySpec, Provider, ProviderFacts, ProviderKey
from nexus.kms.store import StoredKey

_log: Final = logging.getLogger("nexus.kms")

ProviderFactory = Callable[[AnchorRegister], Provider]


class Vault:
    """Open or closed. Every method but `open`, `close` and the properties raises Sealed while it is closed.

    The inventory is read once, on opening, and kept in step by `put` after each commit: this process is the only
    writer of kms.db.
    """

    def __init__(self, db: Database, register: AnchorRegister, factory: ProviderFactory) -> None:
        self.changing = asyncio.Lock()
        """Held by whoever changes keys, from reading the state to `put`."""
        self.wraps: dict[tuple[str, int], int] = {}
        """Data keys wrapped by each version since they were last written down."""
        self.missing: frozenset[str] = frozenset()
        """Keys that the provider does not hold although the inventory lists them."""
        self._db = db
        self._register = register
        self._factory = factory
        self._provider: Provider | None = None
        self._keys: dict[str, StoredKey] | None = None
        self._epoch = 0

    @property
    def is_open(self) -> bool:
        return self._keys is not None

    @property
    def epoch(self) -> int:
        """Grows with each closing and each change of a key's state: equal before and after means nothing happened."""
        return self._epoch

    @property
    def anchor_places(self) -> int:
        return self._register.places

    def facts(self) -> ProviderFacts | None:
        """What the provider says of itself; None while it cannot be reached."""
        try:
            return self._reach().facts
        except Unavailable:
            return None

    # Opening and closing

    def create_register(self) -> None:
        """At the founding: lay out the anchor register, and let go of it again."""
        self._register.open(create=True)
        self._register.close()

    def open(self, secret: Secret) -> None:
        """Raises Denied on a secret that the provider refuses, Unavailable or Damaged when a part is missing."""
        provider = self._reach()
        self._register.open(create=False)
        try:
            provider.open(secret)
            with self._db.read() as tx:
                self._keys = store.load_all(tx)
        except NexusError:
            provider.close()
            self._register.close()
            raise
        self.missing = frozenset(self._find_missing(provider))

    def close(self) -> None:
        """Zeroise: keys, anchors, the session. Never raises; twice is once."""
        self._keys = None
        self._epoch += 1
        if self._provider is not None:
            self._provider.close()
        self._register.close()

    def _reach(self) -> Provider:
        if self._provider is None:
            self._provider = self._factory(self._register)
        return self._provider

    def _find_missing(self, provider: Provider) -> Iterable[str]:
        for stored in self._open_keys().values():
            if stored.key.state is KeyState.DESTROYED:
                continue
            try:
                for number, handle in stored.handles.items():
                    provider.use(spec_of(stored.key, number), handle)
            except (NotFound, Damaged) as error:
                _log.error("the provider does not hold %s (%s)", stored.key.id, error.code)
                yield stored.key.id

    # The inventory

    def key(self, key_id: str) -> Key:
        """Raises NotFound."""
        return self.stored(key_id).key

    def stored(self, key_id: str) -> StoredKey:
        stored = self._open_keys().get(key_id)
        if stored is None:
            raise NotFound(f"there is no key {key_id}", code="kms.no-key")
        return stored

    def all(self) -> list[StoredKey]:
        """By id: oldest first, and keys of one millisecond always in the same order, so that pages leave none out."""
        return sorted(self._open_keys().values(), key=lambda stored: stored.key.id)

    def bound(self, use: str) -> Key | None:
        """The key that signs for a use, if there is one that was not destroyed."""
        for stored in self._open_keys().values():
            if stored.key.bound_use == use and stored.key.state is not KeyState.DESTROYED:
                return stored.key
        return None

    def put(self, stored: StoredKey) -> Key:
        """Take over what has been committed; if the vault was closed meanwhile, the next opening reads it."""
        self._epoch += 1
        if self._keys is not None:
            self._keys[stored.key.id] = stored
        return stored.key

    def destroyed_in_register(self, stored: StoredKey) -> bool:
        """Whether every version of a key bears a tombstone: it was destroyed, whatever the database says."""
        return all(slot_of(handle) in self._register.destroyed for handle in stored.handles.values())

    # Keys in use

    @property
    def provider(self) -> Provider:
        self._open_keys()
        assert self._provider is not None
        return self._provider

    def use(self, key: Key, number: int) -> ProviderKey:
        """One version of a key. Raises NotFound on a version that never was, Damaged on one that has gone missing."""
        handle = self.stored(key.id).handles.get(number)
        if handle is None:
            raise NotFound(f"{key.id} has no version {number}", code="kms.no-version")
        try:
            return self.provider.use(spec_of(key, number), handle)
        except NotFound as error:
            raise Damaged(
                f"the provider does not hold version {number} of {key.id}",
                code="kms.key-missing",
                hint="`nexus doctor` says which keys are missing; bring the provider back to its present state",
            ) from error

    def discard(self, held: Held) -> None:
        """Destroy material whose key was never stored. If that fails too, it stays behind unused: nothing names it."""
        try:
            self.provider.destroy(held.handle)
        except NexusError as error:
            _log.warning("unused key material stays in the provider (%s)", error.code)

    def _open_keys(self) -> dict[str, StoredKey]:
        if self._keys is None:
            raise Sealed("the key service is sealed", code="kms.sealed", hint="unseal it: `nexus unseal`")
        return self._keys


def spec_of(key: Key, number: int) -> KeySpec:
    """The name and nature under which a provider holds a version."""
    return KeySpec(f"{key.id}/{number}", key.algorithm, key.exportable)
