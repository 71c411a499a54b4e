"""The end of a key: ordered under an approval, waited for, carried out, certified.

1. `schedule`: the key is unusable at once; its holders drop it. `cancel` leads back to disabled.
2. When the waiting period is over, the key becomes `destroying`: from here on nothing calls it off.
3. The provider destroys every version, wherever a backup of it may be.
4. The certificate is signed; it and the end of the key commit together, with the entry that carries it to the log.

A crash between two steps is finished by the next `carry_out_due`: each step may be done again.
"""

import logging
from typing import Final

from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid, NexusError
from nexus.kernel.operation import Operation
from nexus.kms import certificate, rules, store
from nexus.kms.certificate import Certificate, DestroyedVersion, Signature, Statement
from nexus.kms.computing import Computing
from nexus.kms.lifecycle import LifeCycle
from nexus.kms.model import SYSTEM_OWNER, Algorithm, Key, KeyEvent, KeyEventKind, KeyState, key_resource
from nexus.kms.ports import Announcer
from nexus.kms.requests import KeyRef, ScheduleDestruction
from nexus.kms.store import StoredKey
from nexus.kms.vault import Vault

SIGNING_PURPOSE: Final = "signs destruction certificates"
SIGNING_ROTATION_DAYS: Final = 365
_SIGNED_WITH: Final = (Algorithm.ED25519, Algorithm.ML_DSA_44)
_SCHEDULABLE: Final = {KeyState.ENABLED, KeyState.DISABLED}

_log: Final = logging.getLogger("nexus.kms")


class Destruction:
    """`demo_seconds` shortens the waiting period, in a demonstration only."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        *,
        lifecycle: LifeCycle,
        computing: Computing,
        announcer: Announcer,
        clock: Clock,
        instance: str,
        demonstration: bool,
        demo_seconds: int,
    ) -> None:
        if demo_seconds and not demonstration:
            raise Invalid(
                "demo_destruction_seconds is accepted only where the data directory is marked as a demonstration",
                code="kms.not-a-demonstration",
                hint="remove the setting: keys wait 7 to 30 days before they are destroyed",
            )
        self._db = db
        self._vault = vault
        self._lifecycle = lifecycle
        self._computing = computing
        self._announcer = announcer
        self._clock = clock
        self._instance = instance
        self._demo_seconds = demo_seconds

    async def schedule(self, op: Operation, request: ScheduleDestruction) -> Key:
        """Raises Denied without an approval, Conflict on a key that is on its way out already."""
        approval = rules.require_approval(op)
        async with self._vault.changing:
            key = self._vault.key(request.key_id)
            rules.require_foreign(key)
            rules.require_state(key, _SCHEDULABLE, KeyState.PENDING_DESTRUCTION)
            due = rules.destroy_at(self._clock.now(), request.waiting_days, self._demo_seconds)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                entry = op.allowed("kms.key.destroy", key_resource(key.id), approval=approval, destroy_at=rfc3339(due))
                return Recorded(store.schedule(tx, key.id, due, approval), entry)

            scheduled = self._vault.put(await self._db.write(work))
        await self._announcer.announce(KeyEvent(KeyEventKind.KEY_CHANGED, key.id))
        return scheduled

    async def cancel(self, op: Operation, request: KeyRef) -> Key:
        """Back to disabled: a person decides whether to enable it. Raises Conflict once destruction has begun."""
        async with self._vault.changing:
            key = self._vault.key(request.key_id)
            rules.require_state(key, {KeyState.PENDING_DESTRUCTION}, KeyState.DISABLED)

            def work(tx: Transaction) -> Recorded[StoredKey]:
                return Recorded(
                    store.unschedule(tx, key.id), op.allowed("kms.key.cancel-destruction", key_resource(key.id))
                )

            return self._vault.put(await self._db.write(work))

    async def carry_out_due(self, op: Operation) -> list[Key]:
        """Destroy every key whose time has come, and finish what a crash interrupted."""
        now = self._clock.now()
        ended = []
        for stored in self._vault.all():
            key = stored.key
            due = key.state is KeyState.PENDING_DESTRUCTION and key.destroy_at is not None and key.destroy_at <= now
            if due or key.state is KeyState.DESTROYING:
                try:
                    ended.append(await self._carry_out(op, key.id))
                except NexusError as error:  # the next key must not wait for this one; it is tried again
                    _log.error("%s is not destroyed yet: %s", key.id, error.code)
        return ended

    async def _carry_out(self, op: Operation, key_id: str) -> Key:
        async with self._vault.changing:
            stored = self._vault.stored(key_id)
            if stored.key.state is KeyState.PENDING_DESTRUCTION:
                stored = await self._begin(op, stored.key)
            for handle in stored.handles.values():
                self._vault.provider.destroy(handle)
            encoded = await self._certify(stored.key)
            now = self._clock.now()

            def work(tx: Transaction) -> Recorded[StoredKey]:
                entry = op.allowed(
                    "kms.key.destroy", key_resource(key_id), step="destroyed", certificate=encoded.decode()
                )
                return Recorded(store.bury(tx, key_id, now, encoded), entry)

            key = self._vault.put(await self._db.write(work))
        await self._announcer.announce(KeyEvent(KeyEventKind.KEY_CHANGED, key_id))
        return key

    async def _begin(self, op: Operation, key: Key) -> StoredKey:
        def work(tx: Transaction) -> Recorded[StoredKey]:
            entry = op.allowed("kms.key.destroy", key_resource(key.id), step="begun")
            return Recorded(store.set_state(tx, key.id, KeyState.DESTROYING), entry)

        stored = await self._db.write(work)
        self._vault.put(stored)
        return stored

    async def bury_returned(self, op: Operation) -> list[Key]:
        """After a restore of an old kms.db: what the register knows as destroyed is destroyed, and said so."""
        returned = []
        for stored in self._vault.all():
            key = stored.key
            if key.state in (KeyState.DESTROYED, KeyState.DESTROYING) or not self._vault.destroyed_in_register(stored):
                continue

            def work(tx: Transaction, key: Key = key) -> Recorded[StoredKey]:
                entry = op.allowed("kms.key.destroy", key_resource(key.id), step="found-destroyed-after-restore")
                return Recorded(store.bury(tx, key.id, self._clock.now(), b""), entry)

            returned.append(self._vault.put(await self._db.write(work)))
        return returned

    # The certificate

    async def ensure_signing_keys(self, op: Operation) -> None:
        """Make the service's own signing keys at the first unsealing."""
        owned = {stored.key.algorithm for stored in self._vault.all() if stored.key.owner == SYSTEM_OWNER}
        for algorithm in _SIGNED_WITH:
            if algorithm not in owned:
                await self._lifecycle.create_own(op, SIGNING_PURPOSE, algorithm, SIGNING_ROTATION_DAYS)

    async def _certify(self, key: Key) -> bytes:
        statement = self._statement(key)
        message = certificate.signed_bytes(statement)
        signatures = []
        for stored in self._vault.all():
            signer = stored.key
            if signer.owner == SYSTEM_OWNER:
                signatures.append(
                    Signature(
                        algorithm=signer.algorithm.value,
                        key_id=signer.id,
                        version=signer.current.number,
                        signature=self._computing.sign_own(signer, message),
                    )
                )
        return certificate.encode(Certificate(statement=statement, signatures=tuple(signatures)))

    def _statement(self, key: Key) -> Statement:
        facts = self._vault.provider.facts
        with self._db.read() as tx:
            approval = store.approval_of(tx, key.id)
        return Statement(
            format=certificate.FORMAT,
            instance=self._instance,
            key_id=key.id,
            key_class=key.key_class.value,
            algorithm=key.algorithm.value,
            owner=key.owner,
            purpose=key.purpose,
            created_at=rfc3339(key.created_at),
            version_count=len(key.versions),
            versions=tuple(
                DestroyedVersion(number=each.number, created_at=rfc3339(each.created_at), custody=each.custody.value)
                for each in key.versions[-certificate.MAX_LISTED_VERSIONS :]
            ),
            approval=approval,
            scheduled_for=rfc3339(key.destroy_at or key.created_at),
            destroyed_at=rfc3339(self._clock.now()),
            provider=facts.name,
            emulated=facts.emulated,
            method=facts.destruction,
        )
