"""The service of the second level: it sees links and no identity, holds each domain's secret, and keeps the ledger.

What it knows leads from a pseudonym to a link and to other pseudonyms, never to a person. Every domain has secrets of its
own, one for each epoch, made by the key service and unwrapped into this process only.
"""

from typing import Final

from nexus.kernel.database import Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import ledger, messages, notation
from nexus.pseudonyms.function import Pseudonymising
from nexus.pseudonyms.messages import Enter, Link, One, OpenDomain, Opened, Pairs, Pseudonyms, Renewed, Transfer
from nexus.pseudonyms.notation import Domain, Writing
from nexus.pseudonyms.ports import Keys

SCHEMA: Final = Migration(
    "pseudonyms_second",
    1,
    (
        "CREATE TABLE pseudonyms_domain (name TEXT NOT NULL, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL,"
        " PRIMARY KEY (name, epoch)) STRICT",
    ),
)
_LATEST: Final = "SELECT epoch, wrapped FROM pseudonyms_domain WHERE name = ? ORDER BY epoch DESC LIMIT 1"
_PAIRS: Final = (
    "SELECT old.body, new.body FROM pseudonyms_ledger old JOIN pseudonyms_ledger new ON new.domain = old.domain"
    " AND new.epoch = old.epoch + 1 AND new.link = old.link WHERE old.domain = ? AND old.epoch = ? AND old.body > ?"
    " ORDER BY old.body LIMIT ?"
)


class SecondLevel:
    """Links in, pseudonyms out; from one domain to another; to a next secret."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._keys = keys
        self._made: dict[Domain, Pseudonymising] = {}

    async def open_domain(self, op: Operation, request: OpenDomain) -> Opened:
        """A new domain, under a secret of its own. Raises Conflict if there is one of that name, Invalid."""
        domain = Domain(request.domain, 1)
        _, wrapped = await self._keys.generate(_context(domain))

        def work(tx: Transaction) -> Recorded[None]:
            if tx.one(_LATEST, (domain.name,)) is not None:
                raise Conflict(f"there is a domain {domain.name}", code="pseudonyms.domain-exists")
            _insert(tx, domain, wrapped)
            return Recorded(None, op.allowed("pseudonyms.domain.open", _resource(domain), epoch=domain.epoch))

        await self._database.write(work)
        return Opened(domain.name, domain.epoch, 0)

    async def enter(self, op: Operation, request: Enter) -> Pseudonyms:
        """Pseudonyms under the newest secret of a domain, each in the ledger. Raises NotFound, Conflict."""
        messages.bounded(len(request.links))
        made = await self._newest(request.domain)

        def work(tx: Transaction) -> Recorded[list[bytes]]:
            entry = op.allowed("pseudonyms.enter", _resource(made.domain), people=len(request.links))
            return Recorded(ledger.enter(tx, made, request.links), entry)

        return _written(made.domain, await self._database.write(work))

    async def transfer(self, op: Operation, request: Transfer) -> Pseudonyms:
        """Other pseudonyms for the same people in another domain. Raises NotFound, Conflict, Invalid."""
        messages.bounded(len(request.pseudonyms))
        read = [notation.read(one) for one in request.pseudonyms]
        sources = {domain for domain, _ in read}
        made = await self._newest(request.domain)
        if len(sources) != 1 or made.domain.name in {domain.name for domain in sources}:
            raise Invalid("a transfer goes from one domain to another one", code="pseudonyms.transfer")
        (source,) = sources

        def work(tx: Transaction) -> Recorded[list[bytes]]:
            bodies = ledger.transfer(tx, source, made, [body for _, body in read])
            entry = op.allowed("pseudonyms.transfer", _resource(made.domain), source=source.name, people=len(read))
            return Recorded(bodies, entry)

        return _written(made.domain, await self._database.write(work))

    async def renew(self, op: Operation, request: OpenDomain) -> Opened:
        """The next epoch of a domain whose secret leaked: everybody of the last one gets a pseudonym in it. Needs no identity."""
        old = (await self._newest(request.domain)).domain
        new = Domain(old.name, old.epoch + 1)
        secret, wrapped = await self._keys.generate(_context(new))
        made = Pseudonymising(new, secret)

        def work(tx: Transaction) -> Recorded[int]:
            latest = tx.one(_LATEST, (old.name,))
            if latest is None or latest[0] != old.epoch:
                raise Conflict(f"the domain {old.name} was renewed meanwhile", code="pseudonyms.renewed")
            _insert(tx, new, wrapped)
            people = sum(1 for _ in ledger.renewal(tx, old, made))
            entry = op.allowed("pseudonyms.domain.renew", _resource(new), epoch=new.epoch, people=people)
            return Recorded(people, entry)

        return Opened(new.name, new.epoch, await self._database.write(work))

    async def renewed(self, op: Operation, request: Renewed) -> Pairs:
        """Old and new pseudonyms, to rewrite what was made with the old ones. Raises NotFound, Invalid."""
        new = (await self._newest(request.domain)).domain
        if new.epoch == 1:
            raise NotFound(f"the domain {new.name} was never renewed", code="pseudonyms.never-renewed")
        old = Domain(new.name, new.epoch - 1)
        after = notation.read(request.after)[1] if request.after else b""
        await self._database.record(op.allowed("pseudonyms.domain.renewed", _resource(new), epoch=new.epoch))
        with self._database.read() as tx:
            rows = tx.all(_PAIRS, (old.name, old.epoch, after, messages.MAX_BATCH))
        before, now = Writing(old), Writing(new)
        return Pairs(tuple((before.write(first), now.write(second)) for first, second in rows))

    async def link_of(self, op: Operation, request: One) -> Link:
        """The link of a pseudonym, recorded before it is said. Raises NotFound, Invalid."""
        domain, body = notation.read(request.pseudonym)
        with self._database.read() as tx:
            link = ledger.link_of(tx, domain, body)
        await self._database.record(op.allowed("pseudonyms.trace", _resource(domain), epoch=domain.epoch))
        return Link(link)

    async def _newest(self, name: str) -> Pseudonymising:
        with self._database.read() as tx:
            row = tx.one(_LATEST, (name,))
        if row is None:
            raise NotFound(f"there is no domain {name}", code="pseudonyms.no-domain", hint="open it first")
        domain = Domain(name, row[0])
        if domain not in self._made:
            self._made[domain] = Pseudonymising(domain, await self._keys.unwrap(row[1], _context(domain)))
        return self._made[domain]


def _insert(tx: Transaction, domain: Domain, wrapped: bytes) -> None:
    tx.execute(
        "INSERT INTO pseudonyms_domain (name, epoch, wrapped) VALUES (?, ?, ?)", (domain.name, domain.epoch, wrapped)
    )


def _written(domain: Domain, bodies: list[bytes]) -> Pseudonyms:
    writing = Writing(domain)
    return Pseudonyms(tuple([writing.write(body) for body in bodies]))


def _context(domain: Domain) -> dict[str, str]:
    return {"pseudonyms": "second", "domain": domain.name, "epoch": str(domain.epoch)}


def _resource(domain: Domain) -> Resource:
    return Resource("PseudonymDomain", domain.name)
