"""The SSH key that belongs to an access key: made of its secret, one way, by whoever has that. Pure.

    seed = HKDF-SHA-256(secret, salt = id of the access key, info = "nexus/sftp/ssh-key/1", 32 bytes)

The seed is an Ed25519 private key. The platform, which keeps the secret sealed, computes the public half when somebody
enters; the secret itself never travels, and from the SSH key nobody computes it.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from nexus.kernel.secret import Secret

SEED_BYTES: Final = 32
_INFO: Final = b"nexus/sftp/ssh-key/1"


def private_key(access_key_id: str, secret: Secret) -> Ed25519PrivateKey:
    """The private half, for the provider."""
    seed = HKDF(SHA256(), SEED_BYTES, salt=access_key_id.encode(), info=_INFO).derive(secret.reveal())
    return Ed25519PrivateKey.from_private_bytes(seed)


def private_file(key: Ed25519PrivateKey) -> bytes:
    """As OpenSSH keeps it: `ssh -i`."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def public_line(key: Ed25519PrivateKey) -> str:
    """The public half, as in a `.pub` file without a comment."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
