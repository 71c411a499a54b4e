"""The key that the command line's secrets are sealed under: in the kernel, never in a file.

Linux keeps it in the keyring of the user (`user-keyring(7)`): in memory, for all sessions of that user, gone with a restart of
the machine. A stolen file, disk or backup is worthless without it. Where the kernel offers none (some containers), the
key comes from a passphrase that is asked for each time, through argon2id.
"""

import ctypes
import os
import platform
import secrets
from typing import Final, Protocol

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.kernel.errors import Unauthenticated, Unavailable
from nexus.kernel.secret import Secret

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SALT_BYTES: Final = 16
KEYRING, PASSPHRASE = b"\x01", b"\x02"
"""First byte of what is sealed: where its key is."""
DESCRIPTION: Final = b"nexus:command-line"
_USER_KEYRING: Final = -4
_SEARCH, _READ = 10, 11
_CALLS: Final = {"x86_64": (248, 250), "aarch64": (217, 219)}
"""Numbers of add_key(2) and keyctl(2)."""
MEMORY_KIB: Final = 64 * 1024
_PASSES, _LANES = 3, 4


class Ask(Protocol):
    """Asks the person at the keyboard for her passphrase. Raises where nobody can be asked."""

    def __call__(self) -> Secret: ...


class Locker:
    """Seals and opens the secrets of one sign-in."""

    def __init__(self, ask: Ask, *, kernel: bool = True, memory_kib: int = MEMORY_KIB) -> None:
        """`kernel`: whether to look for the kernel's keyring at all. `memory_kib`: cost of a passphrase."""
        self._memory_kib = memory_kib
        self._ask = ask
        self._kernel = kernel
        self._typed: Secret | None = None

    def seal(self, content: bytes, bound_to: str) -> bytes:
        """Sealed under the kernel's key, or under a passphrase. Only for `bound_to` can it be opened again."""
        key = _kernel_key(make=True) if self._kernel else None
        nonce = secrets.token_bytes(NONCE_BYTES)
        if key is not None:
            return KEYRING + nonce + AESGCM(key.reveal()).encrypt(nonce, content, bound_to.encode())
        salt = secrets.token_bytes(SALT_BYTES)
        return (
            PASSPHRASE + salt + nonce + AESGCM(self._from_passphrase(salt)).encrypt(nonce, content, bound_to.encode())
        )

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Raises Unauthenticated if the key is gone (a restart), wrong, or the bytes were changed."""
        where, rest = sealed[:1], sealed[1:]
        if where == KEYRING:
            key = _kernel_key(make=False)
            raw = key.reveal() if key else b""
        elif where != PASSPHRASE or len(rest) <= SALT_BYTES + NONCE_BYTES:
            raw = b""
        else:
            raw, rest = self._from_passphrase(rest[:SALT_BYTES]), rest[SALT_BYTES:]
        try:
            return AESGCM(raw).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound_to.encode())
        except (InvalidTag, ValueError) as error:
            raise Unauthenticated(
                "your sign-in can no longer be opened", code="cli.locked", hint="sign in again: nexus login"
            ) from error

    def _from_passphrase(self, salt: bytes) -> bytes:
        self._typed = self._typed or self._ask()
        typed = self._typed.reveal()
        return hash_secret_raw(typed, salt, _PASSES, self._memory_kib, _LANES, KEY_BYTES, Type.ID)


def nobody_to_ask() -> Secret:
    """For programs."""
    raise Unavailable(
        "this machine's kernel keeps no keys, and nobody is here to type a passphrase",
        code="cli.no-keyring",
        hint="programs use a service token (NEXUS_TOKEN)",
    )


def _kernel_key(*, make: bool) -> Secret | None:
    """The user's key in the kernel; None where there is none and none can be made."""
    numbers = _CALLS.get(platform.machine())
    if numbers is None or os.name != "posix":
        return None
    add_key, keyctl = numbers
    libc = ctypes.CDLL(None, use_errno=True)
    ring = ctypes.c_int(_USER_KEYRING)
    found = libc.syscall(keyctl, _SEARCH, ring, b"user", DESCRIPTION, 0)
    if found < 0 and make:
        fresh = secrets.token_bytes(KEY_BYTES)
        found = libc.syscall(add_key, b"user", DESCRIPTION, fresh, ctypes.c_size_t(KEY_BYTES), ring)
    if found < 0:
        return None
    buffer = ctypes.create_string_buffer(KEY_BYTES)
    length = libc.syscall(keyctl, _READ, ctypes.c_int(found), buffer, ctypes.c_size_t(KEY_BYTES))
    return Secret(buffer.raw) if length == KEY_BYTES else None
