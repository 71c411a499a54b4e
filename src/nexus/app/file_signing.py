"""The signer of files that prove what they say, kept by the key service: the private half never comes here."""

from nexus.crypto.signatures import Signature, signed
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.uses import Use


class FileSigner:
    """The ports `Signer` of consent, intake and releases: a key of the key service that is bound to one use."""

    def __init__(self, kms: KeyServiceClient, use: Use) -> None:
        self._kms = kms
        self._use = use

    async def sign(self, op: Operation, message: bytes) -> Signature:
        """By the version whose turn it is. Raises Sealed or Unavailable while there is none."""
        made = await self._kms.sign_bound(self._use, message, op)
        key = await self._kms.bound_key(self._use, op)
        public = next(each.public_key for each in key.versions if each.number == made.version)
        return signed(f"{made.key_id}.{made.version}", public, made.signature)
