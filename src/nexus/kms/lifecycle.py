"""Create, list, read, rotate, disable, enable: each one transaction, with its entry in it."""

from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kms import rules, store
from nexus.kms.model import (
    ALGORITHMS,
    SYSTEM_OWNER,
    Algorithm,
    Key,
    KeyClass,
    KeyEvent,
    KeyEventKind,
    KeyState,
    key_resource,
)
from nexus.kms.ports import Announcer, Held, KeySpec
from nexus.kms.requests import CreateKey, KeyPage, KeyRef, ListKeys
from nexus.kms.store import NewVersion, StoredKey
from nexus.kms.uses import BOUND_OWNER, USES, Use
from nexus.kms.vault import Vault, spec_of


class LifeCycle:
    """Keys from creation to disablement; what ends them is in `destruction.py`."""

    def __init__(self, db: Database, vault: Vault, announcer: Announcer, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._vault = vault
        self._announcer = announcer

    async def create(self, op: Operation, request: CreateKey) -> Key:
        """Raises Invalid where class and algorithm do not go together."""
        algorithm = rules.algorithm_of(request)
        return await self._create(op, request, algorithm)

    async def create_own(self, op: Operation, purpose: str, algorithm: Algorithm, rotation_days: int) -> Key:
        """A signing key that the service makes for itself."""
        request = CreateKey(
            owner=SYSTEM_OWNER, purpose=purpose, rotation_days=rotation_days, key_class=KeyClass.SIGNING
        )
        return await self._create(op, request, algorithm)

    async def create_bound(self, op: Operation, use: Use) -> Key:
        """The key of a use, made now unless it exists (two first requests may come at once)."""
        rule = USES[use]
        request = CreateKey(
            owner=BOUND_OWNER, purpose=rule.purpose, rotation_days=rule.rotation_days, key_class=rule.key_class
        )
        async with self._vault.changing:
            if (found := self._vault.bound(use.value)) is not None:
                return found
            key = new_key(request, rule.key_class, rule.algorithm, self._clock.now(), bound_use=use.value)
            held = self._vault.provider.generate(spec_of(key, 1))
            return await self.store_new(op, "kms.key.create", key, held)

    async def _create(self, op: Operation, request: CreateKey, algorithm: Algorithm) -> Key:
        async with self._vault.changing:
            key = new_key(request, request.key_class, algorithm, self._clock.now())
            held = self._vault.provider.generate(spec_of(key, 1))
            return await self.store_new(op, "kms.key.create", key, held)

    async def store_new(self, op: Operation, action: str, key: Key, held: Held) -> Key:
        """Commit a key whose first version the provider holds already; if that fails, the material is discarded."""
        try:
            first = self.version(spec_of(key, 1), held, 1, key.created_at)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                entry = op.allowed(
                    action,
                    key_resource(key.id),
                    key_class=key.key_class.value,
                    algorithm=key.algorithm.value,
                    owner=key.owner,
                    key_purpose=key.purpose,
                    rotation_days=key.rotation_days,
                    exportable=key.exportable,
                    bound_use=key.bound_use or None,
                    custody=first.custody.value,
                    public_key=first.public_key.hex() if first.public_key else None,
                )
                return Recorded(store.insert_key(tx, key, first), entry)

            return self._vault.put(await self._db.write(work))
        except BaseException:
            self._vault.discard(held)
            raise

    async def list_keys(self, op: Operation, request: ListKeys) -> KeyPage:
        """A page of the inventory; recorded as one reading."""
        following = [stored.key for stored in self._vault.all() if stored.key.id > request.after]
        page = tuple(following[: request.limit])
        await self._db.record(op.allowed("kms.key.list", PLATFORM, keys=len(page)))
        return KeyPage(keys=page, next=page[-1].id if len(following) > len(page) else "")

    async def read(self, op: Operation, request: KeyRef) -> Key:
        key = self._vault.key(request.key_id)
        await self._db.record(op.allowed("kms.key.read", key_resource(key.id)))
        return key

    async def rotate(self, op: Operation, request: KeyRef, *, automatic: bool = False) -> Key:
        """Add a version. Raises Conflict on a key that is not enabled, Invalid on an imported one."""
        async with self._vault.changing:
            key = self._vault.key(request.key_id)
            rules.require_enabled(key)
            rules.require_class(key, frozenset(KeyClass) - {KeyClass.IMPORTED})
            number = key.current.number + 1
            held = self._vault.provider.generate(spec_of(key, number))
            return await self.store_version(op, "kms.key.rotate", key, held, automatic=automatic)

    async def store_version(self, op: Operation, action: str, key: Key, held: Held, *, automatic: bool = False) -> Key:
        """Commit the next version of a key, which the provider holds already."""
        number = key.current.number + 1
        try:
            now = self._clock.now()
            version = self.version(spec_of(key, number), held, number, now)
            due = rules.next_rotation(now, key.rotation_days)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                entry = op.allowed(
                    action,
                    key_resource(key.id),
                    version=number,
                    automatic=automatic,
                    custody=version.custody.value,
                    public_key=version.public_key.hex() if version.public_key else None,
                )
                return Recorded(store.add_version(tx, key.id, version, due), entry)

            return self._vault.put(await self._db.write(work))
        except BaseException:
            self._vault.discard(held)
            raise

    async def disable(self, op: Operation, request: KeyRef) -> Key:
        """Acknowledged once no holder of a cached key can use it any more."""
        key = await self._move(op, request.key_id, KeyState.DISABLED, "kms.key.disable", {KeyState.ENABLED})
        await self._announcer.announce(KeyEvent(KeyEventKind.KEY_CHANGED, key.id))
        return key

    async def enable(self, op: Operation, request: KeyRef) -> Key:
        return await self._move(op, request.key_id, KeyState.ENABLED, "kms.key.enable", {KeyState.DISABLED})

    async def _move(self, op: Operation, key_id: str, to: KeyState, action: str, from_: set[KeyState]) -> Key:
        async with self._vault.changing:
            key = self._vault.key(key_id)
            rules.require_foreign(key)
            rules.require_state(key, from_, to)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                return Recorded(store.set_state(tx, key_id, to), op.allowed(action, key_resource(key_id)))

            return self._vault.put(await self._db.write(work))

    def version(self, spec: KeySpec, held: Held, number: int, at: Instant) -> NewVersion:
        """What is stored of a version that the provider holds; the public half, where there is one."""
        signing = spec.algorithm in ALGORITHMS[KeyClass.SIGNING]
        public = self._vault.provider.use(spec, held.handle).public_bytes() if signing else None
        return NewVersion(number, at, held.custody, held.handle, public)


def new_key(
    request: CreateKey,
    key_class: KeyClass,
    algorithm: Algorithm,
    at: Instant,
    *,
    key_id: str | None = None,
    bound_use: str = "",
) -> Key:
    """A key that is about to be stored, with no version yet."""
    return Key(
        id=key_id or new_id("key"),
        key_class=key_class,
        algorithm=algorithm,
        owner=request.owner,
        purpose=request.purpose,
        state=KeyState.ENABLED,
        exportable=request.exportable,
        created_at=at,
        rotation_days=request.rotation_days,
        next_rotation_at=rules.next_rotation(at, request.rotation_days),
        versions=(),
        bound_use=bound_use,
    )
