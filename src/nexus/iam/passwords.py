"""Passwords: which are good enough, and their argon2id hashes in a small, bounded pool.

One hash costs 64 MiB: without a bound, a flood of sign-ins would cost the machine its memory.
"""

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from nexus.iam.breached import BreachedPasswords
from nexus.kernel.errors import Invalid, Throttled
from nexus.kernel.secret import Secret

MIN_LENGTH = 12
MAX_LENGTH = 256
"""Characters of a password."""
MIN_DISTINCT = 6
"""Different characters that a password has at least."""
WORKERS = 2
"""Hashes at once: 128 MiB."""
MAX_WAITING = 32
"""Sign-ins that wait for a hash; one more is told to come back."""
RETRY_AFTER_S = 2
SALT_BYTES = 16
HASH_BYTES = 32

COMMON = frozenset(
    {
        "password",
        "passwort",
        "motdepasse",
        "azerty",
        "azertyuiop",
        "qwerty",
        "qwertyuiop",
        "qwertz",
        "administrator",
        "administrateur",
        "admin",
        "letmein",
        "welcome",
        "bienvenue",
        "bonjour",
        "iloveyou",
        "jetaime",
        "changeme",
        "changezmoi",
        "hopital",
        "hospital",
        "nexus",
        "soleil",
        "doudou",
        "chouchou",
        "marseille",
        "abcdefghijkl",
        "abcdefghijklmnop",
        "secret",
        "sante",
        "medecin",
        "docteur",
    }
)
"""Words that, with digits and signs around them or written twice, make the passwords that are tried first."""
_LEET = str.maketrans("013457@$!", "oieastasi")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """argon2id: memory in KiB, passes, lanes. The default is the second recommendation of RFC 9106."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


class Passwords:
    """Hashes and verifies, a few at a time."""

    def __init__(self, cost: Cost | None = None, breached: BreachedPasswords | None = None) -> None:
        cost = cost or Cost()
        self._breached = breached or BreachedPasswords()
        self._hasher = PasswordHasher(
            cost.passes, cost.memory_kib, cost.lanes, hash_len=HASH_BYTES, salt_len=SALT_BYTES
        )
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="argon2")
        self._waiting = 0
        self._nobody = _nobodys_hash(cost)

    async def check(self, password: Secret, login: str) -> None:
        """Refuse a password that is easy to guess or known from a breach. Raises Invalid, Throttled, Unavailable."""
        check_password(password, login)
        if await self._run(lambda: self._breached.holds(password)):
            raise _weak("this password is known from a breach elsewhere: choose one that you use nowhere else")

    async def hash(self, password: Secret) -> str:
        """The hash to store. Raises Throttled while too many are waiting."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: Secret) -> bool:
        """Whether it is the password. Without a stored hash it takes the same time and the answer is no."""
        matches = await self._run(lambda: self._matches(stored or self._nobody, password))
        return matches and stored is not None

    def close(self) -> None:
        """Let running hashes finish and end the threads."""
        self._pool.shutdown()

    def _matches(self, stored: str, password: Secret) -> bool:
        try:
            return self._hasher.verify(stored, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Throttled(
                "too many sign-ins at once", retry_after_s=RETRY_AFTER_S, code="iam.busy", hint="try again in a moment"
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _nobodys_hash(cost: Cost) -> str:
    """A hash that no password has, of this cost: verifying against it costs what verifying costs."""
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


def check_password(password: Secret, login: str) -> None:
    """Refuse a password that is easy to guess. Raises Invalid with what is wrong, never with the password."""
    text = _text(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise _weak(f"use {MIN_LENGTH} to {MAX_LENGTH} characters; four random words are good")
    if login.lower() in text.lower():
        raise _weak("leave your login out of it")
    if len(set(text.lower())) < MIN_DISTINCT:
        raise _weak(f"use at least {MIN_DISTINCT} different characters")
    if _is_common(text):
        raise _weak("this is among the passwords that are tried first")


def _is_common(text: str) -> bool:
    """Whether nothing but a common word (repeated, decorated, in leet) is left."""
    for plain in (text.lower(), text.lower().translate(_LEET)):
        letters = "".join(c for c in unicodedata.normalize("NFD", plain) if c.isascii() and c.isalpha())
        rest = letters
        for word in sorted(COMMON, key=len, reverse=True):
            rest = rest.replace(word, "")
        if letters and len(rest) < len(letters) and len(rest) <= 3:
            return True
        if not letters:
            return True
    return False


def _weak(hint: str) -> Invalid:
    return Invalid("the password is too easy to guess", code="iam.weak-password", hint=hint)


def _text(password: Secret) -> str:
    try:
        return unicodedata.normalize("NFC", password.reveal().decode())
    except UnicodeDecodeError as error:
        raise Invalid("the password is not text", code="iam.weak-password") from error


def _bytes(password: Secret) -> bytes:
    """The same characters give the same bytes, however a keyboard composed them."""
    raw = password.reveal()
    try:
        return unicodedata.normalize("NFC", raw.decode()).encode()[: MAX_LENGTH * 4]
    except UnicodeDecodeError:
        return raw[: MAX_LENGTH * 4]
