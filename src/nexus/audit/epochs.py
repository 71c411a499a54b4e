"""Epoch keys: what seals the entries of one person, for one run of one process and at most one day.

Each key is sealed to the audit public key and stored before it is used. The process keeps it in memory only, so that a
door can write entries and never read those of other processes, of other days or from before its start.
"""

import os
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.audit.payload import NONCE_BYTES
from nexus.crypto.hpke import OpeningKey, SealingKey
from nexus.kernel.clock import DAY, Clock
from nexus.kernel.secret import Secret

KEY_BYTES = 32
MAX_AGE = DAY
"""Microseconds after which a process takes a new key for a person."""
MAX_CACHED = 4096
"""Persons whose keys a process keeps in memory; whoever comes after that makes the oldest go."""
PERSON_TAG_BYTES = 16

_EPOCH_LABEL = b"nexus/audit/epoch/v1\n"
_PERSON_LABEL = b"nexus/audit/person/v1\n"


@dataclass(slots=True)
class Epoch:
    """A key in use. `sealed` is its stored form; `stored` says whether that is known to have been committed."""

    id: int
    tag: bytes
    sealed: bytes
    born: int
    cipher: AESGCM
    stored: bool = False
    _used: int = field(default=0)

    def next_nonce(self) -> bytes:
        """A counter: the key is this object's alone, so that no nonce comes twice, not even after a rollback."""
        self._used += 1
        return self._used.to_bytes(NONCE_BYTES, "big")


class EpochKeys:
    """The keys of one process. Used from one thread."""

    def __init__(self, public_key: SealingKey, clock: Clock) -> None:
        self._public_key = public_key
        self._clock = clock
        self._epochs: OrderedDict[str, Epoch] = OrderedDict()
        self._erasures = -1
        self._process = os.getpid()

    def forget_if_erased(self, erasures: int) -> None:
        """Drop every key if somebody was erased since the last call, or if this is a forked copy of the process."""
        if erasures != self._erasures or self._process != os.getpid():
            self._epochs.clear()
            self._erasures, self._process = erasures, os.getpid()

    def for_person(self, person: str) -> Epoch:
        """The key for a person's next entry: a new one for a person not seen before, or for long."""
        epoch = self._epochs.get(person)
        if epoch is None or self._clock.now() - epoch.born > MAX_AGE:
            epoch = self._epochs[person] = self._create(person)
            if len(self._epochs) > MAX_CACHED:
                self._epochs.popitem(last=False)
        self._epochs.move_to_end(person)
        return epoch

    def _create(self, person: str) -> Epoch:
        epoch, key = secrets.randbits(63), secrets.token_bytes(KEY_BYTES)
        sealed = self._public_key.seal(key + person.encode("utf-8", "backslashreplace"), _info(epoch))
        return Epoch(epoch, person_tag(person), sealed, self._clock.now(), AESGCM(key))


def person_tag(person: str) -> bytes:
    """What stands in the database for a person until they are erased."""
    return sha256(_PERSON_LABEL + person.encode("utf-8", "backslashreplace")).digest()[:PERSON_TAG_BYTES]


def open_epoch(private_key: OpeningKey, epoch: int, sealed: bytes) -> tuple[Secret, str]:
    """The key and the person of a stored epoch. Raises Damaged."""
    plain = private_key.open(sealed, _info(epoch)).reveal()
    return Secret(plain[:KEY_BYTES]), plain[KEY_BYTES:].decode()


def _info(epoch: int) -> bytes:
    return _EPOCH_LABEL + epoch.to_bytes(8, "big")
