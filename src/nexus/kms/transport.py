"""Keys that come from elsewhere, and exportable keys that go elsewhere: wrapped, in both directions."""

import hashlib
from typing import Final

from nexus.kernel.clock import HOUR, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation
from nexus.kms import rules, store
from nexus.kms.lifecycle import LifeCycle, new_key
from nexus.kms.model import WRAPPING, Algorithm, Key, KeyClass, key_resource
from nexus.kms.ports import Held, KeySpec
from nexus.kms.requests import (
    CreateKey,
    ExportedKey,
    ExportKey,
    ImportKey,
    ImportParameters,
    ImportVersion,
)
from nexus.kms.vault import Vault, spec_of

IMPORT_LIFE: Final = 24 * HOUR
"""How long a transport key waits for the key that it was made for."""
MAX_OPEN_IMPORTS: Final = 16
"""Making transport keys is slow (seconds on some tokens) and fills the token."""
_IMPORTED: Final = frozenset({KeyClass.IMPORTED})
_EXPORTABLE: Final = WRAPPING | {KeyClass.PSEUDONYMISATION}


class Transport:
    """Import in two calls: parameters, then the wrapped key. A transport key serves once."""

    def __init__(self, db: Database, vault: Vault, lifecycle: LifeCycle, clock: Clock) -> None:
        self._db = db
        self._vault = vault
        self._lifecycle = lifecycle
        self._clock = clock

    async def import_parameters(self, op: Operation) -> ImportParameters:
        """A fresh transport key. Raises Conflict when too many are waiting."""
        async with self._vault.changing:
            provider, import_id = self._vault.provider, new_id("imp")
            with self._db.read() as tx:
                if store.count_imports(tx) >= MAX_OPEN_IMPORTS:
                    raise Conflict(f"{MAX_OPEN_IMPORTS} imports wait to be completed", code="kms.imports-open")
            expires_at = Instant(self._clock.now() + IMPORT_LIFE)
            held = provider.generate(_transport_spec(import_id))
            try:
                public = provider.use(_transport_spec(import_id), held.handle).public_bytes()

                def work(tx: Transaction) -> Recorded[None]:
                    store.insert_import(tx, import_id, held.handle, expires_at)
                    return Recorded(None, op.allowed("kms.key.import", key_resource("new"), transport=import_id))

                await self._db.write(work)
            except BaseException:
                self._vault.discard(held)
                raise
        return ImportParameters(
            import_id=import_id, public_key=public, oaep_hash=provider.facts.oaep_hash, expires_at=expires_at
        )

    async def import_key(self, op: Operation, request: ImportKey) -> Key:
        """A new key of the class `imported`. Raises Damaged when the material does not open, NotFound when too late."""
        described = CreateKey(
            owner=request.owner,
            purpose=request.purpose,
            rotation_days=request.rotation_days,
            exportable=request.exportable,
        )
        algorithm = rules.algorithm_of(described)
        async with self._vault.changing:
            key = new_key(described, KeyClass.IMPORTED, algorithm, self._clock.now())
            held = self._admit(request.import_id, key, 1, request.wrapped)
            stored = await self._lifecycle.store_new(op, "kms.key.import", key, held)
            await self.forget_import(request.import_id)
            return stored

    async def import_version(self, op: Operation, request: ImportVersion) -> Key:
        """The next version of an imported key: how it rotates."""
        async with self._vault.changing:
            key = self._vault.key(request.key_id)
            rules.require_class(key, _IMPORTED)
            rules.require_enabled(key)
            held = self._admit(request.import_id, key, key.current.number + 1, request.wrapped)
            stored = await self._lifecycle.store_version(op, "kms.key.import", key, held)
            await self.forget_import(request.import_id)
            return stored

    async def export_key(self, op: Operation, request: ExportKey) -> ExportedKey:
        """The newest version, wrapped for the recipient. Needs an approval; raises Denied on a key that never leaves."""
        approval = rules.require_approval(op)
        key = self._vault.key(request.key_id)
        rules.require_class(key, _EXPORTABLE)
        rules.require_enabled(key)
        number, epoch = key.current.number, self._vault.epoch
        handle = self._vault.stored(key.id).handles[number]
        wrapped = self._vault.provider.release(spec_of(key, number), handle, request.recipient)
        entry = op.allowed(
            "kms.key.export",
            key_resource(key.id),
            version=number,
            approval=approval,
            recipient_sha256=hashlib.sha256(request.recipient).hexdigest(),
        )
        await self._db.record(entry)
        if self._vault.epoch != epoch:
            rules.require_enabled(self._vault.key(key.id))
        return ExportedKey(
            key_id=key.id, version=number, wrapped=wrapped, oaep_hash=self._vault.provider.facts.oaep_hash
        )

    async def forget_import(self, import_id: str) -> None:
        """Destroy a transport key that has served, or that came too late. Twice is once."""
        with self._db.read() as tx:
            found = store.find_import(tx, import_id)
        if found is not None:
            self._vault.provider.destroy(found[0])
            await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: store.delete_import(tx, import_id))

    def _admit(self, import_id: str, key: Key, number: int, wrapped: bytes) -> Held:
        with self._db.read() as tx:
            found = store.find_import(tx, import_id)
        if found is None or found[1] <= self._clock.now():
            raise NotFound(
                "there is no such import, or it has expired or been used",
                code="kms.no-import",
                hint="get new import parameters and wrap the key again",
            )
        transport = self._vault.provider.use(_transport_spec(import_id), found[0])
        return self._vault.provider.admit(spec_of(key, number), transport, wrapped)


def _transport_spec(import_id: str) -> KeySpec:
    return KeySpec(f"import/{import_id}", Algorithm.RSA_3072)
