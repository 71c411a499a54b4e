"""What both SSH doors have in common: the algorithms that they offer, the key that they show, and all that they refuse."""

from typing import Any, Final

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nexus.kernel.secret import Secret

KEEPALIVE_S: Final = 15
KEEPALIVES: Final = 3
"""A client that has not answered for so many times is gone."""
KEY_EXCHANGES: Final = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
)
"""In the order of preference; those against quantum computers are offered where the libraries have them."""
CIPHERS: Final = ("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com")


def closed(host_key: Secret, *, login_grace_s: float) -> dict[str, Any]:
    """Options of an asyncssh server: public keys and nothing else prove who one is, and nothing is forwarded.

    `host_key`: 32 bytes, Ed25519. Raises Sealed while it is not there.
    """
    known = {name.decode() for name in asyncssh.kex.get_kex_algs()}
    return {
        "server_host_keys": [_host_key(host_key)],
        "config": None,
        "public_key_auth": True,
        "password_auth": False,
        "kbdint_auth": False,
        "host_based_auth": False,
        "gss_kex": False,
        "gss_auth": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "allow_scp": False,
        "encoding": None,
        "compression_algs": None,
        "kex_algs": [name for name in KEY_EXCHANGES if name in known],
        "encryption_algs": list(CIPHERS),
        "login_timeout": login_grace_s,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES,
        "server_version": "Nexus",
    }


def _host_key(seed: Secret) -> asyncssh.SSHKey:
    key = Ed25519PrivateKey.from_private_bytes(seed.reveal())
    return asyncssh.import_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
