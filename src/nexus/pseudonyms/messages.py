"""What is asked of the two services, as it travels between processes (MessagePack)."""

from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from nexus.kernel.errors import Invalid
from nexus.pseudonyms import identity
from nexus.pseudonyms.identity import Identity, Sex

MAX_BATCH: Final = 10_000
"""Identities, links or pseudonyms in one call."""
MAX_IDENTIFIED: Final = 100
"""People looked up in one call."""


class NirGiven(Struct, frozen=True, array_like=True, tag="nir"):
    """A NIR as a source writes it."""

    text: str
    subject: str = ""
    """Under which name consent knows the patient (`sub_…`), where it does: who is asked for again is shown to her."""

    def __repr__(self) -> str:
        return "NirGiven(<hidden>)"


class TraitsGiven(Struct, frozen=True, array_like=True, tag="traits"):
    """Traits at birth as a source writes them."""

    family_name: str
    given_name: str
    born: date
    sex: Sex
    commune: str
    twin_rank: int = 1
    subject: str = ""

    def __repr__(self) -> str:
        return "TraitsGiven(<hidden>)"


class RecordGiven(Struct, frozen=True, array_like=True, tag="record"):
    """What one provider calls somebody of whom no more is known."""

    provider: str
    number: str
    subject: str = ""

    def __repr__(self) -> str:
        return "RecordGiven(<hidden>)"


Given = NirGiven | TraitsGiven | RecordGiven


def read(given: Given) -> Identity:
    """The identity, in its canonical form. Raises Invalid; quotes nothing."""
    if isinstance(given, NirGiven):
        return identity.nir(given.text)
    if isinstance(given, RecordGiven):
        return identity.lone_record(given.provider, given.number)
    return identity.birth_traits(
        given.family_name, given.given_name, given.born, given.sex, given.commune, twin_rank=given.twin_rank
    )


class Pseudonymise(Struct, frozen=True, array_like=True):
    """Pseudonyms of these people in a domain."""

    domain: str
    people: tuple[Given, ...]


class Enter(Struct, frozen=True, array_like=True):
    """Pseudonyms of these links in a domain."""

    domain: str
    links: tuple[bytes, ...]


class Transfer(Struct, frozen=True, array_like=True):
    """The pseudonyms in `domain` of those who have these in another one."""

    domain: str
    pseudonyms: tuple[str, ...]


class OpenDomain(Struct, frozen=True, array_like=True):
    """A domain that did not exist, or the next epoch of one."""

    domain: str


class Renewed(Struct, frozen=True, array_like=True):
    """Who has which pseudonym now: pairs of old and new from behind `after` on, an old pseudonym or nothing."""

    domain: str
    after: str = ""


class One(Struct, frozen=True, array_like=True):
    """Somebody, by a pseudonym."""

    pseudonym: str


class Why(StrEnum):
    """For what somebody is looked up."""

    RECONTACT = "recontact"
    EMERGENCY = "emergency"


class Identify(Struct, frozen=True, array_like=True):
    """Who these are. `project` and `reason` are recorded, for the patient to read."""

    pseudonyms: tuple[str, ...]
    why: Why
    project: str
    reason: str


class Pseudonyms(Struct, frozen=True, array_like=True):
    """In the order of what was asked."""

    pseudonyms: tuple[str, ...]


class Pairs(Struct, frozen=True, array_like=True):
    """Old and new pseudonyms. Empty: there are no more."""

    pairs: tuple[tuple[str, str], ...]


class Opened(Struct, frozen=True, array_like=True):
    """A domain, its epoch, and how many people have a pseudonym in it. Not `ready`: a renewal is under way."""

    domain: str
    epoch: int
    people: int
    ready: bool = True


class Statistics(Struct, frozen=True, array_like=True):
    """Every epoch of every domain."""

    domains: tuple[Opened, ...]


class Link(Struct, frozen=True, array_like=True):
    """What stands for a person between the two services. Leaves them never."""

    link: bytes


class Person(Struct, frozen=True, array_like=True):
    """Who has a pseudonym. `subjects`: the names under which consent knows her; none: she cannot be shown it."""

    pseudonym: str
    identity: bytes
    """Canonical, as docs/formats/pseudonym.md writes it."""
    subjects: tuple[str, ...]

    def __repr__(self) -> str:
        return "Person(<hidden>)"


class Identified(Struct, frozen=True, array_like=True):
    """Who they are, in the order of what was asked."""

    people: tuple[Person, ...]


class Several(Struct, frozen=True, array_like=True):
    """People, by their pseudonyms."""

    pseudonyms: tuple[str, ...]


class Links(Struct, frozen=True, array_like=True):
    """What stands for them between the two services, in order. Leaves them never."""

    links: tuple[bytes, ...]


class Names(Struct, frozen=True, array_like=True):
    """Under which names consent knows each of them, in order: one for each site where she is registered, or none."""

    names: tuple[tuple[str, ...], ...]


class KnownAs(Struct, frozen=True, array_like=True):
    """People, by the names under which consent knows them."""

    domain: str
    names: tuple[str, ...]


class Nothing(Struct, frozen=True, array_like=True):
    """No argument."""


class Entries(Struct, frozen=True, array_like=True):
    """How many entries at most."""

    limit: int


class Waiting(Struct, frozen=True, array_like=True):
    """Entries of the outbox: position, id, topic, body."""

    entries: tuple[tuple[int, str, str, bytes], ...]


class Forget(Struct, frozen=True, array_like=True):
    """Entries up to and including this position are in the log."""

    upto: int


class Collected(Struct, frozen=True, array_like=True):
    """How many were forgotten."""

    count: int


class CopyTo(Struct, frozen=True, array_like=True):
    """A file that is not there yet."""

    path: str


class Copied(Struct, frozen=True, array_like=True):
    """Done."""


def bounded(count: int) -> None:
    """Raises Invalid on a batch that is too large."""
    if count > MAX_BATCH:
        raise Invalid(
            f"one call has {MAX_BATCH:,} people at most", code="pseudonyms.batch", hint="send smaller batches"
        )
