"""The service of the first level: it sees identities and no domain's secret, and keeps who stands behind each link.

Its database, the linkage table, is encrypted under a key that no other process holds. A link alone says nothing to who
reads it there, and a pseudonym leads to no link without the second service: to say who somebody is takes both.
"""

from typing import Final

from nexus.kernel.database import Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Invalid, NexusError, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import messages
from nexus.pseudonyms.function import Linking
from nexus.pseudonyms.identity import Identity
from nexus.pseudonyms.messages import Enter, Identified, One, Pseudonymise, Pseudonyms
from nexus.pseudonyms.ports import Keys, SecondLevel

SCHEMA: Final = Migration(
    "pseudonyms_first",
    1,
    (
        "CREATE TABLE pseudonyms_first_secret (epoch INTEGER PRIMARY KEY, wrapped BLOB NOT NULL) STRICT",
        "CREATE TABLE pseudonyms_linkage (link BLOB NOT NULL, identity BLOB NOT NULL, PRIMARY KEY (link))"
        " WITHOUT ROWID, STRICT",
    ),
)
_KEEP: Final = "INSERT INTO pseudonyms_linkage (link, identity) VALUES (?, ?) ON CONFLICT DO NOTHING"


class FirstLevel:
    """Identities in, pseudonyms out, through the second level."""

    def __init__(self, database: Database, keys: Keys, second: SecondLevel) -> None:
        self._database = database
        self._keys = keys
        self._second = second
        self._linking: Linking | None = None

    async def open(self, op: Operation) -> None:
        """Fetch the secret from the key service; the first time, have it made. Raises Sealed, Unavailable, Damaged."""
        with self._database.read() as tx:
            rows = tx.all("SELECT epoch, wrapped FROM pseudonyms_first_secret ORDER BY epoch")
        if not rows:
            rows = [(1, await self._found(op))]
        self._linking = Linking([await self._keys.unwrap(wrapped, _context(epoch)) for epoch, wrapped in rows])

    async def pseudonymise(self, op: Operation, request: Pseudonymise) -> Pseudonyms:
        """Pseudonyms in the order of the people. Raises Invalid with the place of the first who cannot be read."""
        messages.bounded(len(request.people))
        people = [_read(place, given) for place, given in enumerate(request.people)]
        linking = self._opened()
        links = [linking.link(one) for one in people]
        rows = [(link, one.canonical()) for link, one in zip(links, people, strict=True)]

        def work(tx: Transaction) -> Recorded[None]:
            tx.execute_many(_KEEP, rows)
            return Recorded(None, op.allowed("pseudonyms.link", _domain(request.domain), people=len(rows)))

        await self._database.write(work)
        return await self._second.enter(op, Enter(request.domain, tuple(links)))

    async def identify(self, op: Operation, request: One) -> Identified:
        """Who has a pseudonym. Recorded before it is said. Raises NotFound, Invalid."""
        link = (await self._second.link_of(op, request)).link
        with self._database.read() as tx:
            found = tx.one("SELECT identity FROM pseudonyms_linkage WHERE link = ?", (link,))
        if found is None:
            raise NotFound("nobody stands behind this pseudonym", code="pseudonyms.unknown")
        domain = request.pseudonym.split("-")[1]
        await self._database.record(op.allowed("pseudonyms.identify", _domain(domain)))
        return Identified(found[0])

    def _opened(self) -> Linking:
        if self._linking is None:
            raise NexusError("the first level has no secret yet", code="pseudonyms.closed")
        return self._linking

    async def _found(self, op: Operation) -> bytes:
        _, wrapped = await self._keys.generate(_context(1))

        def work(tx: Transaction) -> Recorded[None]:
            tx.execute("INSERT INTO pseudonyms_first_secret (epoch, wrapped) VALUES (?, ?)", (1, wrapped))
            return Recorded(None, op.allowed("pseudonyms.found", Resource("Platform", "pseudonyms"), level=1))

        await self._database.write(work)
        return wrapped


def _context(epoch: int) -> dict[str, str]:
    return {"pseudonyms": "first", "epoch": str(epoch)}


def _domain(name: str) -> Resource:
    return Resource("PseudonymDomain", name)


def _read(place: int, given: messages.Given) -> Identity:
    try:
        return messages.read(given)
    except Invalid as error:
        raise Invalid(f"person {place + 1}: {error.message}", code=error.code, hint=error.hint) from None
