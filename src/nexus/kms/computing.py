"""What keys compute without opening anything: signatures and pseudorandom functions."""

from collections.abc import Sequence
from typing import Final

from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import Operation
from nexus.kms import rules
from nexus.kms.model import MAX_BATCH_ITEMS, Key, KeyClass, key_resource
from nexus.kms.requests import PrfResult
from nexus.kms.vault import Vault

MAX_MESSAGE_BYTES: Final = 65_536
"""Sign a digest, a checkpoint or a statement; never a document."""
MAX_INPUT_BYTES: Final = 1_024
_SIGNING: Final = frozenset({KeyClass.SIGNING})
_PSEUDONYMISATION: Final = frozenset({KeyClass.PSEUDONYMISATION})


class Computing:
    """Signing and pseudonymisation keys at work."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def sign(self, key_id: str, message: bytes, version: int | None = None) -> bytes:
        """A raw signature by the newest version, or by the one that verifiers know.

        Not an entry by itself: the audit log has its own checkpoints signed, and would never come to rest.
        """
        key = self._vault.key(key_id)
        rules.require_foreign(key)
        rules.require_unbound(key)
        return self.sign_own(key, message, version)

    def sign_own(self, key: Key, message: bytes, version: int | None = None) -> bytes:
        """As `sign`, also with the keys that the service keeps for its certificates."""
        rules.require_class(key, _SIGNING)
        rules.require_enabled(key)
        if len(message) > MAX_MESSAGE_BYTES:
            raise Invalid(f"a message to sign has {MAX_MESSAGE_BYTES} bytes at most", code="kms.message-length")
        return self._vault.use(key, version or key.current.number).sign(message)

    def public_key(self, key_id: str, version: int | None = None) -> bytes:
        """The raw public key of a version. Known of every key that was ever made, also of disabled ones."""
        key = self._vault.key(key_id)
        rules.require_class(key, _SIGNING)
        wanted = version or key.current.number
        for candidate in key.versions:
            if candidate.number == wanted and candidate.public_key is not None:
                return candidate.public_key
        raise NotFound(f"{key_id} has no version {wanted}", code="kms.no-version")

    async def prf(self, op: Operation, key_id: str, inputs: Sequence[bytes], version: int | None = None) -> PrfResult:
        """HMAC-SHA-256 of each input under a pseudonymisation key; one entry for the batch, with its size."""
        key = self._vault.key(key_id)
        rules.require_unbound(key)
        return await self.prf_own(op, key, inputs, version)

    async def prf_own(self, op: Operation, key: Key, inputs: Sequence[bytes], version: int | None = None) -> PrfResult:
        """As `prf`, also with a key that is bound to a use."""
        rules.require_class(key, _PSEUDONYMISATION)
        rules.require_enabled(key)
        if len(inputs) > MAX_BATCH_ITEMS or any(len(each) > MAX_INPUT_BYTES for each in inputs):
            raise Invalid(f"a batch has {MAX_BATCH_ITEMS} inputs of {MAX_INPUT_BYTES} bytes at most", code="kms.batch")
        number = version or key.current.number
        compute, epoch = self._vault.use(key, number).mac, self._vault.epoch
        outputs = tuple(map(compute, inputs))
        await self._db.record(
            op.allowed("kms.pseudonym.compute", key_resource(key.id), version=number, inputs=len(inputs))
        )
        if self._vault.epoch != epoch:
            rules.require_enabled(self._vault.key(key.id))
        return PrfResult(version=number, outputs=outputs)
