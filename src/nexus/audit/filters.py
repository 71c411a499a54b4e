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

    def of_block(self, contents: Iterable[EntryContent]) -> set[bytes]:
        """Every term by which one of the entries can be found. Entries near each other say much the same: each term is hashed once."""
        alike: set[tuple[str | None, ...]] = set()
        terms: set[tuple[str, str]] = set()
        for content in contents:
            actor, resource = content.actor, content.resource
            terms.add(("operation", content.operation))
            said = (
                actor.id,
                actor.person,
                content.subject,
                content.action,
                resource.type,
                resource.id,
                content.outcome,
            )
            if said not in alike:
                alike.add(said)
                terms.update(_terms(content))
        return {self.digest(kind, value) for kind, value in terms}


def _terms(content: EntryContent) -> Iterator[tuple[str, str]]:
    """The terms of an entry but its operation, which no other has."""
    actor, resource = content.actor, content.resource
    yield "actor", actor.id
    if actor.person is not None:
        yield "actor", actor.person
    yield "person", concerned(content)
    yield "action", content.action
    for at, character in enumerate(content.action):
        if character == ".":
            yield "prefix", content.action[: at + 1]
    yield "resource", f"{resource.type}:{resource.id}"
    container, slash, _ = resource.id.partition("/")
    if slash:
        yield "prefix", f"{resource.type}:{container}/"
    yield "outcome", content.outcome


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
