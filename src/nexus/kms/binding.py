"""Bound keys at work: made at the first request, used by the callers that the use names, each time recorded."""

import hashlib
from collections.abc import Sequence

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import Denied, NexusError
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret
from nexus.kms import certifying, rules, uses
from nexus.kms.computing import Computing
from nexus.kms.datakeys import DataKeys
from nexus.kms.lifecycle import LifeCycle
from nexus.kms.model import Context, DataKey, Key, key_resource
from nexus.kms.requests import PrfResult
from nexus.kms.uses import USES, BoundKey, BoundSignature, Use
from nexus.kms.vault import Vault

SIGN = "kms.bound-key.sign"
READ = "kms.bound-key.read"
COMPUTE = "kms.bound-key.compute"
WRAP = "kms.bound-key.wrap"


class BoundKeys:
    """One key for each use; a destroyed one is followed by a new one at the next request."""

    def __init__(
        self,
        db: Database,
        vault: Vault,
        *,
        lifecycle: LifeCycle,
        computing: Computing,
        data_keys: DataKeys,
        clock: Clock,
    ) -> None:
        self._db = db
        self._vault = vault
        self._lifecycle = lifecycle
        self._computing = computing
        self._data_keys = data_keys
        self._clock = clock

    async def key(self, op: Operation, caller: str, use: Use) -> BoundKey:
        """The key of a use and its versions; made now if there is none. Raises Denied to callers it does not name."""
        rule = USES[use]
        await self._require(op, READ, use, caller, rule.signers | rule.readers)
        key = await self._key(op, use)
        return BoundKey(
            key_id=key.id,
            use=use,
            algorithm=key.algorithm,
            versions=uses.listed(rule, key.versions, self._clock.now()),
        )

    async def sign(
        self, op: Operation, caller: str, use: Use, message: bytes, version: int | None = None
    ) -> BoundSignature:
        """Sign for a use; recorded, with the hash of what was signed, before the signature leaves."""
        rule = USES[use]
        await self._require(op, SIGN, use, caller, rule.signers)
        key = await self._key(op, use)
        number = version or uses.whose_turn(rule, key.versions, self._clock.now())
        await self._check(op, key, use, message, number)
        epoch = self._vault.epoch
        signature = self._computing.sign_own(key, message, number)
        digest = hashlib.sha256(message).hexdigest()
        await self._db.record(op.allowed(SIGN, key_resource(key.id), use=use.value, version=number, sha256=digest))
        if self._vault.epoch != epoch:  # sealed or disabled while the entry was written: the signature must not get out
            rules.require_enabled(self._vault.key(key.id))
        return BoundSignature(key_id=key.id, version=number, signature=signature)

    async def prf(
        self, op: Operation, caller: str, use: Use, inputs: Sequence[bytes], version: int | None = None
    ) -> PrfResult:
        """HMAC-SHA-256 of each input under the key of a use; one entry for the batch. No inputs: the newest version."""
        await self._require(op, COMPUTE, use, caller, USES[use].computers)
        return await self._computing.prf_own(op, await self._key(op, use), inputs, version)

    async def generate(self, op: Operation, caller: str, use: Use, context: Context) -> DataKey:
        """A fresh data key under the key of a use."""
        await self._require(op, WRAP, use, caller, USES[use].wrappers)
        return await self._data_keys.generate_own(op, await self._key(op, use), context)

    async def unwrap(self, op: Operation, caller: str, use: Use, wrapped: bytes, context: Context) -> Secret:
        """A data key under the key of a use, and no other. Raises Damaged."""
        await self._require(op, WRAP, use, caller, USES[use].wrappers)
        return await self._data_keys.unwrap_own(op, await self._key(op, use), wrapped, context)

    async def _require(self, op: Operation, action: str, use: Use, caller: str, named: frozenset[str]) -> None:
        if caller in named:
            return
        await self._db.record(op.denied(action, key_resource(use.value), caller=caller))
        raise Denied(f"the caller {caller} may not use the key of {use.value}", code="kms.bound-caller")

    async def _check(self, op: Operation, key: Key, use: Use, message: bytes, number: int) -> None:
        """What a use signs has a form: the authority signs certificates of doors and services, and nothing else."""
        if use is not Use.CERTIFICATE_AUTHORITY:
            return
        try:
            certifying.check(message, self._computing.public_key(key.id, number), self._clock.now())
        except NexusError as error:
            await self._db.record(op.denied(SIGN, key_resource(key.id), use=use.value, why=error.code))
            raise

    async def _key(self, op: Operation, use: Use) -> Key:
        return self._vault.bound(use.value) or await self._lifecycle.create_bound(op, use)
