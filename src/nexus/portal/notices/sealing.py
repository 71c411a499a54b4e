"""How addresses are kept: sealed to the worker, who alone writes to them; the doors keep a hint that they can show.

address  HPKE to the public key of waiting mail; info names the account
hint     one byte version (1), nonce (12 bytes), AES-256-GCM; the associated data name the account
code     HMAC-SHA-256 over account and digits: whoever reads the database cannot try the hundred million codes
"""

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.crypto.hpke import OpeningKey, SealingKey
from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
DIGITS: Final = 8
VERSION: Final = b"\x01"
_HINT: Final = b"nexus/portal/notice-hint/v1"
_CODE: Final = b"nexus/portal/notice-code/v1"


class NoticeSealing:
    """What the doors can do: seal addresses, and know a code again."""

    def __init__(self, key: Secret, mail: SealingKey) -> None:
        """`key`: 32 bytes, shared with other uses: what is used here is derived from it, anew each time. `mail`: see the module."""
        self._key = key
        self._mail = mail

    def address(self, account: str, address: str) -> bytes:
        """The address as only the worker reads it."""
        return self._mail.seal(address.encode(), _context(account))

    def hint(self, account: str, address: str) -> bytes:
        """Enough of the address for its owner to know it again."""
        nonce, (mailbox, _, domain) = secrets.token_bytes(NONCE_BYTES), address.partition("@")
        plain = f"{mailbox[0]}…@{domain}".encode()
        return VERSION + nonce + AESGCM(self._derived(_HINT)).encrypt(nonce, plain, account.encode())

    def open_hint(self, account: str, sealed: bytes) -> str:
        """Raises Damaged if it was changed or moved from another account; empty for none."""
        if not sealed:
            return ""
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return AESGCM(self._derived(_HINT)).decrypt(nonce, body, account.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Damaged("the hint of an address does not open", code="portal.sealed-hint") from error

    def code(self, account: str, typed: str) -> bytes:
        """What is kept of a code."""
        digits = "".join(sign for sign in typed if sign.isdigit())
        return hmac.digest(self._derived(_CODE), f"{account}\0{digits}".encode(), "sha256")

    def _derived(self, label: bytes) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=label).derive(self._key.reveal())


def new_code() -> str:
    """Eight digits, in two groups."""
    drawn = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    return f"{drawn[:4]} {drawn[4:]}"


def opened(key: OpeningKey, account: str, sealed: bytes) -> str:
    """An address in clear, for the worker. Raises Damaged."""
    plain = key.open(sealed, _context(account))
    try:
        return plain.reveal().decode()
    finally:
        plain.wipe()


def _context(account: str) -> bytes:
    return f"nexus portal notice v1:{account}".encode()
