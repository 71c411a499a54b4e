"""Who is in a release: under which pseudonym of the project, with which key, in which bucket."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import pyarrow as pa
from msgspec import UNSET, UnsetType

from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.operation import Operation
from nexus.pseudonyms import notation

BATCH: Final = 10_000
"""Persons who are asked about at once."""
PERSONS_A_BUCKET: Final = 1_000
LEAST_BUCKETS: Final = 8
MOST_BUCKETS: Final = 4_096


class Pseudonyms(Protocol):
    """The second level of pseudonyms, as far as releases are concerned (`pseudonyms.transferring.Transferring`)."""

    async def to_domain(self, op: Operation, pseudonyms: Sequence[str], domain: str) -> Sequence[str]:
        """Those of the same people in another domain, in order. Raises NotFound, Invalid, Conflict, Unavailable."""


class Consent(Protocol):
    """What patients allow, for the purpose of the project."""

    async def state(self, op: Operation) -> str:
        """The state of everybody's decisions: another text whenever an answer may be another one."""

    async def allowed(self, op: Operation, pseudonyms: Sequence[str]) -> Collection[str]:
        """Those of these, by their pseudonyms in the warehouse, who allow the use now. Whom nobody knows is not among them."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a release."""

    cdm: int
    """`person_id` in the warehouse."""
    pseudonym: str
    key: int
    """`person_id` in the release."""
    bucket: int


async def chosen(
    op: Operation, known: Mapping[int, str], domain: str, *, pseudonyms: Pseudonyms, consent: Consent, buckets: int = 0
) -> tuple[str, tuple[Person, ...]]:
    """The state of decisions, and everybody who allows the use.

    `known`: the warehouse's pseudonym of each `person_id`. `buckets`: as many as the parent has, or 0. Raises Invalid where a person
    has no pseudonym, Conflict if decisions change meanwhile or two keys are the same.
    """
    before = await consent.state(op)
    rows: list[tuple[int, str]] = []
    for batch in _batches(sorted(known.items())):
        for _, warehouse in batch:
            _require_pseudonym(warehouse)
        allowed = set(await consent.allowed(op, [warehouse for _, warehouse in batch]))
        left = [(person, warehouse) for person, warehouse in batch if warehouse in allowed]
        theirs = await pseudonyms.to_domain(op, [warehouse for _, warehouse in left], domain) if left else ()
        rows += [(person, pseudonym) for (person, _), pseudonym in zip(left, theirs, strict=True)]
    if await consent.state(op) != before:
        raise Conflict("patients decided while the release was prepared", code="release.decided", hint="build it again")
    number = buckets or fitting(len(rows))
    people = tuple(
        Person(person, pseudonym, key_of(pseudonym), bucket_of(pseudonym, number)) for person, pseudonym in rows
    )
    epoch_of(people)
    if len({person.key for person in people}) != len(people):
        raise Conflict("two persons would have one key, or one pseudonym", code="release.keys")
    return before, people


def epoch_of(people: Sequence[Person]) -> int | UnsetType:
    """Under which secret of their domain these have their pseudonyms. Raises Conflict where it was renewed between two of them."""
    epochs = {notation.read(person.pseudonym)[0].epoch for person in people}
    if len(epochs) > 1:
        raise Conflict(
            "the domain was renewed while the release was prepared", code="release.decided", hint="build it again"
        )
    return epochs.pop() if epochs else UNSET


def fitting(persons: int) -> int:
    """How many buckets: a power of two, so that a bucket has about a thousand persons."""
    number = LEAST_BUCKETS
    while number < MOST_BUCKETS and number * PERSONS_A_BUCKET < persons:
        number *= 2
    return number


def bucket_of(pseudonym: str, buckets: int) -> int:
    """The bucket of a person."""
    return int.from_bytes(hashlib.sha256(b"nexus/release/bucket\0" + pseudonym.encode("ascii")).digest()[:8]) % buckets


def key_of(pseudonym: str) -> int:
    """`person_id` in the release: 63 bits of a hash of the pseudonym."""
    return int.from_bytes(hashlib.sha256(b"nexus/release/person\0" + pseudonym.encode("ascii")).digest()[:8]) >> 1


def as_table(people: Sequence[Person]) -> pa.Table:
    """For the engine."""
    return pa.table(
        {
            "cdm": pa.array([person.cdm for person in people], pa.int64()),
            "pseudonym": pa.array([person.pseudonym for person in people], pa.string()),
            "key": pa.array([person.key for person in people], pa.int64()),
            "bucket": pa.array([person.bucket for person in people], pa.int32()),
        }
    )


def _require_pseudonym(text: str) -> None:
    try:
        notation.read(text)
    except Invalid:
        raise Invalid(
            "a person of the warehouse has no pseudonym",
            code="release.no-pseudonym",
            hint="convert deliveries whose identifiers were pseudonymised at intake",
        ) from None


def _batches(rows: Sequence[tuple[int, str]]) -> Iterator[Sequence[tuple[int, str]]]:
    for begin in range(0, len(rows), BATCH):
        yield rows[begin : begin + BATCH]
