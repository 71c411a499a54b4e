"""Search filters: which terms may occur in a block of entries, in a form that says nothing without the private key.

A block of 1,024 entries has one Bloom filter over keyed hashes of its terms (actor, action, resource, ...). A search
opens only the blocks whose filter has all its terms. The key is derived from the audit private key: a door that can
write the log, or whoever holds the database and its key, learns nothing from the filters, not even by guessing.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from nexus.audit.model import EntryContent
from nexus.crypto.hpke import OpeningKey

BLOCK_ENTRIES = 1024
BITS_PER_TERM = 12
PROBES = 8
"""Bits that each term sets: with 12 bits a term, one block in 300 is opened in vain."""

_KEY_LABEL = b"nexus/audit/filter/v1"
_DIGEST_BYTES = 16


class Terms:
    """Makes keyed hashes of search terms."""

    def __init__(self, private_key: OpeningKey) -> None:
        self._key = private_key.derive(_KEY_LABEL).reveal()

    def digest(self, kind: str, value: str) -> bytes:
        """The hash of one term. `kind`: actor, action, resource, prefix, outcome, operation or person."""
        text = f"{kind}:{value}".encode("utf-8", "backslashreplace")
        return blake2b(text, key=self._key, digest_size=_DIGEST_BYTES).digest()

    def of_entry(self, content: EntryContent) -> Iterator[bytes]:
        """Every term by which an entry can be found."""
        actor, resource = content.actor, content.resource
        yield self.digest("actor", actor.id)
        if actor.person is not None:
            yield self.digest("actor", actor.person)
        yield self.digest("person", concerned(content))
        yield self.digest("action", content.action)
        for at, character in enumerate(content.action):
            if character == ".":
                yield self.digest("prefix", content.action[: at + 1])
        yield self.digest("resource", f"{resource.type}:{resource.id}")
        container, slash, _ = resource.id.partition("/")
        if slash:
            yield self.digest("prefix", f"{resource.type}:{container}/")
        yield self.digest("outcome", content.outcome)
        yield self.digest("operation", content.operation)


def concerned(content: EntryContent) -> str:
    """Whom an entry concerns: it is sealed under the key of this person or patient."""
    return content.subject or content.actor.person or content.actor.id


def build_filter(digests: Iterable[bytes]) -> bytes:
    """The filter of a block: as many bits as its distinct terms need."""
    distinct = set(digests)
    size = max(64, len(distinct) * BITS_PER_TERM)
    bits = bytearray((size + 7) // 8)
    for digest in distinct:
        for bit in _bits(digest, len(bits) * 8):
            bits[bit >> 3] |= 1 << (bit & 7)
    return bytes(bits)


def may_hold(bits: bytes, digests: Iterable[bytes]) -> bool:
    """False if the block certainly lacks one of the terms."""
    size = len(bits) * 8
    return all(bits[bit >> 3] >> (bit & 7) & 1 for digest in digests for bit in _bits(digest, size))


def _bits(digest: bytes, size: int) -> Iterator[int]:
    first = int.from_bytes(digest[:8], "big")
    step = int.from_bytes(digest[8:], "big") | 1
    return ((first + probe * step) % size for probe in range(PROBES))
