"""Data keys: made, wrapped and opened under a key of the inventory, bound to their context."""

import secrets
from collections.abc import Sequence
from typing import Final

from nexus.crypto import wrapping
from nexus.crypto.wrapping import WrappedKey
from nexus.kernel.database import Database
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms import rules
from nexus.kms.model import (
    MAX_CONTEXT_BYTES,
    MAX_DATA_KEY_BYTES,
    WRAPPING,
    Context,
    DataKey,
    Key,
    key_resource,
)
from nexus.kms.vault import Vault

DATA_KEY_BYTES: Final = 32


class DataKeys:
    """Whatever hands out a plaintext key is recorded, durably, before it does."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def generate(self, op: Operation, key_id: str, context: Context) -> DataKey:
        """A fresh data key, with its wrapped form. Raises Denied for a key that is bound to a use."""
        return await self.generate_own(op, self._wrapping_key(key_id), context)

    async def generate_own(self, op: Operation, key: Key, context: Context) -> DataKey:
        """As `generate`, also under a key that is bound to a use."""
        _require_usable(key)
        plaintext = secrets.token_bytes(DATA_KEY_BYTES)
        spelled = canonical(context)
        wrapped = self.seal(key, plaintext, spelled)
        await self._record(op, "kms.data-key.generate", key, key.current.number, spelled)
        return DataKey(Secret(plaintext), wrapped)

    def wrap(self, key_id: str, plaintext: Secret, context: Context) -> bytes:
        """Wrap a key that the caller has already: nothing is opened, and nothing changes."""
        if not 0 < len(plaintext) <= MAX_DATA_KEY_BYTES:
            raise Invalid(f"a data key has 1 to {MAX_DATA_KEY_BYTES} bytes", code="kms.data-key-length")
        return self.seal(self._wrapping_key(key_id), plaintext.reveal(), canonical(context))

    async def unwrap(self, op: Operation, wrapped: bytes, context: Context) -> Secret:
        """Raises Damaged on altered bytes or another context, Conflict if the key is disabled, Denied if it is bound."""
        return await self.unwrap_own(op, self._wrapping_key(wrapping.parse(wrapped).key_id), wrapped, context)

    async def unwrap_own(self, op: Operation, key: Key, wrapped: bytes, context: Context) -> Secret:
        """As `unwrap`, also under a key that is bound to a use. Raises Damaged on what another key wrapped."""
        _require_usable(key)
        blob = wrapping.parse(wrapped)
        if blob.key_id != key.id:
            raise Damaged("another key wrapped this", code="kms.other-key")
        spelled = canonical(context)
        plaintext = Secret(self.unseal(key, blob, spelled))
        await self._record(op, "kms.data-key.unwrap", key, blob.version, spelled)
        return plaintext

    async def _record(self, op: Operation, action: str, key: Key, version: int, context: bytes) -> None:
        epoch = self._vault.epoch
        entry = op.allowed(action, key_resource(key.id), version=version, context=context.decode())
        await self._db.record(entry)
        if self._vault.epoch != epoch:  # sealed or disabled while the entry was written: the key must not get out
            _require_usable(self._vault.key(key.id))

    # Shared with the rewrap jobs

    def seal(self, key: Key, plaintext: bytes, context: bytes) -> bytes:
        """Under the newest version."""
        number = key.current.number
        associated = wrapping.associated_data(key.id, number, context)
        sealed = self._vault.use(key, number).seal(plaintext, associated)
        counted = (key.id, number)
        self._vault.wraps[counted] = self._vault.wraps.get(counted, 0) + 1
        return WrappedKey(key.id, number, sealed).encode()

    def unseal(self, key: Key, blob: WrappedKey, context: bytes) -> bytes:
        """Under whichever version sealed it."""
        associated = wrapping.associated_data(blob.key_id, blob.version, context)
        return self._vault.use(key, blob.version).unseal(blob.sealed, associated)

    def rewrap(self, wrapped: bytes, context: Context) -> bytes:
        """The same data key under the newest version; unchanged if it is there already."""
        blob = wrapping.parse(wrapped)
        key = self._wrapping_key(blob.key_id)
        if blob.version == key.current.number:
            return wrapped
        spelled = canonical(context)
        return self.seal(key, self.unseal(key, blob, spelled), spelled)

    def _wrapping_key(self, key_id: str) -> Key:
        key = self._vault.key(key_id)
        rules.require_unbound(key)
        _require_usable(key)
        return key


def _require_usable(key: Key) -> None:
    rules.require_class(key, WRAPPING)
    rules.require_enabled(key)


def canonical(context: Context) -> bytes:
    """The canonical spelling of a context within the limits. Raises Invalid."""
    rules.check_context(context)
    spelled = wrapping.canonical(context)
    if len(spelled) > MAX_CONTEXT_BYTES:
        raise Invalid(f"a context has {MAX_CONTEXT_BYTES} bytes at most", code="kms.context")
    return spelled


def key_ids(wrapped: Sequence[bytes]) -> dict[str, int]:
    """How many of these data keys are under each key. Raises Damaged."""
    counted: dict[str, int] = {}
    for blob in wrapped:
        key_id = wrapping.parse(blob).key_id
        counted[key_id] = counted.get(key_id, 0) + 1
    return counted
