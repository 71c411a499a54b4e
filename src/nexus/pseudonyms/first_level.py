"""The service of the first level: it sees identities and no domain's secret, and keeps who stands behind each link.

Its secret is a key of the key service that computes links there and is let out to nobody, to this process neither. Its
database, the linkage table, is encrypted under a key that no other process holds. A link alone says nothing to who reads it
there, and a pseudonym leads to no link without the second service: to say who somebody is takes both.
"""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nexus.kernel.clock import DAY
from nexus.kernel.database import Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NexusError, NotFound
from nexus.kernel.operation import Entry, Operation, Resource
from nexus.pseudonyms import messages, notation
from nexus.pseudonyms.function import link_message, renewal_message
from nexus.pseudonyms.identity import Identity
from nexus.pseudonyms.level import Level
from nexus.pseudonyms.messages import (
    Enter,
    Identified,
    Identify,
    KnownAs,
    Names,
    One,
    Person,
    Pseudonymise,
    Pseudonyms,
    Several,
)
from nexus.pseudonyms.ports import Linking, SecondLevel

SCHEMA: Final = Migration(
    "pseudonyms_first",
    1,
    (
        "CREATE TABLE pseudonyms_first_epoch (epoch INTEGER PRIMARY KEY, version INTEGER NOT NULL,"
        " proof BLOB NOT NULL) STRICT",
        "CREATE TABLE pseudonyms_linkage (link BLOB NOT NULL, identity BLOB NOT NULL, PRIMARY KEY (link))"
        " WITHOUT ROWID, STRICT",
        "CREATE TABLE pseudonyms_subject (link BLOB NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (link, subject))"
        " WITHOUT ROWID, STRICT",
        "CREATE TABLE pseudonyms_identified (at INTEGER NOT NULL, people INTEGER NOT NULL) STRICT",
    ),
)
BY_NAME: Final = Migration(
    "pseudonyms_first", 2, ("CREATE INDEX pseudonyms_subject_named ON pseudonyms_subject (subject)",)
)
MAX_IDENTIFIED_A_DAY: Final = 1_000
"""People that can be looked up in 24 hours, whoever asks: what a door that was broken into learns at most."""
_PROOF: Final = b"nexus/pseudonym/this-is-the-secret/1\0"
_KEEP: Final = "INSERT INTO pseudonyms_linkage (link, identity) VALUES (?, ?) ON CONFLICT DO NOTHING"
_OF_NAME: Final = "SELECT link FROM pseudonyms_subject WHERE subject = ?"
_NAME: Final = "INSERT INTO pseudonyms_subject (link, subject) VALUES (?, ?) ON CONFLICT DO NOTHING"


class FirstLevel(Level):
    """Identities in, pseudonyms out, through the second level."""

    def __init__(self, database: Database, linking: Linking, second: SecondLevel) -> None:
        super().__init__(database)
        self._linking = linking
        self._second = second
        self._epochs: list[tuple[int, bytes]] = []

    async def open(self, op: Operation) -> None:
        """Find out which versions of the secret count; the first time, have it made. Raises Sealed, Unavailable."""
        with self._database.read() as tx:
            rows = tx.all("SELECT version, proof FROM pseudonyms_first_epoch ORDER BY epoch")
        self._epochs = [(version, proof) for version, proof in rows] or [await self._found(op)]

    async def pseudonymise(self, op: Operation, request: Pseudonymise) -> Pseudonyms:
        """Pseudonyms in the order of the people. Raises Invalid with the place of the first who cannot be read."""
        messages.bounded(len(request.people))
        people = [_read(place, given) for place, given in enumerate(request.people)]
        links = await self._links(op, people)
        rows = sorted((link, one.canonical()) for link, one in zip(links, people, strict=True))
        named = [(link, one.subject) for link, one in zip(links, request.people, strict=True) if one.subject]

        def work(tx: Transaction) -> Recorded[None]:
            tx.execute_many(_KEEP, rows)
            tx.execute_many(_NAME, named)
            return Recorded(None, op.allowed("pseudonyms.link", _domain(request.domain), people=len(rows)))

        await self._database.write(work)
        return await self._second.enter(op, Enter(request.domain, tuple(links)))

    async def identify(self, op: Operation, request: Identify) -> Identified:
        """Who these are. Recorded under each patient's name before it is said.

        Raises Denied without the approval of a second person, NotFound, Invalid, Conflict when the day's number is reached.
        """
        if not op.approval:
            raise Denied("a second person must approve this", code="pseudonyms.approval-missing")
        if not 0 < len(request.pseudonyms) <= messages.MAX_IDENTIFIED:
            raise Invalid(f"one call has 1 to {messages.MAX_IDENTIFIED} people", code="pseudonyms.batch")
        read = [notation.read(one)[0].name for one in request.pseudonyms]
        await self._count(op, request, len(read))
        links = [(await self._second.link_of(op, One(one))).link for one in request.pseudonyms]
        with self._database.read() as tx:
            people = [_person(tx, one, link) for one, link in zip(request.pseudonyms, links, strict=True)]
        for domain, person in zip(read, people, strict=True):
            for entry in _shown(op, request, domain, person):
                await self._database.record(entry)
        return Identified(tuple(people))

    async def names(self, op: Operation, request: Several) -> Names:
        """Under which names consent knows these people, and no identity. Recorded. Raises NotFound, Invalid."""
        messages.bounded(len(request.pseudonyms))
        links = (await self._second.links_of(op, request)).links
        with self._database.read() as tx:
            found = tuple(_names(tx, link) for link in links)
        await self._database.record(
            op.allowed("pseudonyms.names", Resource("Platform", "pseudonyms"), people=len(found))
        )
        return Names(found)

    async def known_as(self, op: Operation, request: KnownAs) -> Pseudonyms:
        """The pseudonyms in every epoch of a domain of whom consent knows by these names, without order. Gives nobody a new one.
        Recorded. Raises NotFound.
        """
        messages.bounded(len(request.names))
        with self._database.read() as tx:
            links = sorted({link for name in request.names for (link,) in tx.all(_OF_NAME, (name,))})
        entry = op.allowed("pseudonyms.known", _domain(request.domain), people=len(links))
        await self._database.record(entry)
        return await self._second.given(op, Enter(request.domain, tuple(links)))

    async def _links(self, op: Operation, people: Sequence[Identity]) -> Sequence[bytes]:
        """Link upon link, through every version of the secret; each proves itself beside, so that no other one counts."""
        if not self._epochs:
            raise NexusError("the first level has no secret yet", code="pseudonyms.closed")
        made: Sequence[bytes] = []
        asked = [link_message(one) for one in people]
        for version, proof in self._epochs:
            *made, shown = await self._linking.macs(op, [*asked, _PROOF], version)
            if not hmac.compare_digest(shown, proof):
                raise Damaged(
                    "the secret of the first level is another one",
                    code="pseudonyms.other-secret",
                    hint="restore the key service together with the linkage table; a destroyed secret is gone for good",
                )
            asked = [renewal_message(link) for link in made]
        return made

    async def _count(self, op: Operation, request: Identify, people: int) -> None:
        """The day's number, before anything is looked up: an attempt that fails counts too."""

        def work(tx: Transaction) -> Recorded[None]:
            tx.execute("DELETE FROM pseudonyms_identified WHERE at <= ?", (op.at - DAY,))
            row = tx.one("SELECT coalesce(sum(people), 0) FROM pseudonyms_identified")
            if row is None or row[0] + people > MAX_IDENTIFIED_A_DAY:
                raise Conflict(
                    f"{MAX_IDENTIFIED_A_DAY} people were looked up within a day",
                    code="pseudonyms.too-many-identified",
                    hint="go on tomorrow",
                )
            tx.execute("INSERT INTO pseudonyms_identified (at, people) VALUES (?, ?)", (op.at, people))
            entry = op.allowed("pseudonyms.ask", Resource("Project", request.project), why=request.why, people=people)
            return Recorded(None, entry)

        await self._database.write(work)

    async def _found(self, op: Operation) -> tuple[int, bytes]:
        version = await self._linking.newest(op)
        (proof,) = await self._linking.macs(op, [_PROOF], version)

        def work(tx: Transaction) -> Recorded[None]:
            row = (1, version, proof)
            tx.execute("INSERT INTO pseudonyms_first_epoch (epoch, version, proof) VALUES (?, ?, ?)", row)
            return Recorded(None, op.allowed("pseudonyms.found", Resource("Platform", "pseudonyms"), level=1))

        await self._database.write(work)
        return version, proof


def _person(tx: Transaction, pseudonym: str, link: bytes) -> Person:
    found = tx.one("SELECT identity FROM pseudonyms_linkage WHERE link = ?", (link,))
    if found is None:
        raise NotFound("nobody stands behind this pseudonym", code="pseudonyms.unknown")
    return Person(pseudonym, found[0], _names(tx, link))


def _names(tx: Transaction, link: bytes) -> tuple[str, ...]:
    subjects = tx.all("SELECT subject FROM pseudonyms_subject WHERE link = ? ORDER BY subject", (link,))
    return tuple(subject for (subject,) in subjects)


def _shown(op: Operation, request: Identify, domain: str, person: Person) -> list[Entry]:
    """An entry under each name of the patient; one under nobody's where she has none."""
    resource = Resource("PseudonymDomain", domain, {"project": request.project})
    entry = op.allowed(f"pseudonyms.person.{request.why}", resource, reason=request.reason, approval=op.approval)
    return [replace(entry, subject=subject) for subject in person.subjects] or [entry]


def _domain(name: str) -> Resource:
    return Resource("PseudonymDomain", name)


def _read(place: int, given: messages.Given) -> Identity:
    try:
        return messages.read(given)
    except Invalid as error:
        raise Invalid(f"person {place + 1}: {error.message}", code=error.code, hint=error.hint) from None
