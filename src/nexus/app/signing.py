"""The audit log's signer, kept by the key service: the private halves never come here."""

from collections.abc import Sequence

from nexus.app.custody import Index
from nexus.crypto.notes import VerifierKey
from nexus.kms.client import KeyServiceClient


class LogSigner:
    """One signing key of the log (the port `audit.ports.Signer`)."""

    def __init__(self, kms: KeyServiceClient, key_id: str, key: VerifierKey) -> None:
        self._kms = kms
        self._key_id = key_id
        self._key = key

    @property
    def key(self) -> VerifierKey:
        return self._key

    async def sign(self, message: bytes) -> bytes:
        return await self._kms.sign(self._key_id, message)


def log_signers(kms: KeyServiceClient, index: Index) -> Sequence[LogSigner]:
    """Both signers of the log, in the order of its keys: Ed25519, ML-DSA-44."""
    ids = (index.log_ed25519, index.log_mldsa44)
    return [LogSigner(kms, key_id, VerifierKey.parse(text)) for key_id, text in zip(ids, index.log_keys, strict=True)]
