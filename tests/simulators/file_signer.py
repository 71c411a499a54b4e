"""A key that signs receipts and manifests, in this process."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nexus.crypto.signatures import Signature, signed
from nexus.kernel.operation import Operation


class LocalFileSigner:
    """The ports `Signer` of consent, intake and releases; each has a key of its own."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    async def sign(self, op: Operation | None, message: bytes) -> Signature:
        return signed("key_local.1", self.public, self.key.sign(message))
