"""The service of the second level: it sees links and no identity, holds each domain's secret, and keeps the ledger.

What it knows leads from a pseudonym to a link and to other pseudonyms, never to a person. Every domain has secrets of its
own, one for each epoch, made by the key service and unwrapped into this process only.
"""

import asyncio
import logging
from typing import Final

from nexus.kernel.database import Database, Migration, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NexusError, NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import ledger, messages, notation
from nexus.pseudonyms.function import Pseudonymising
from nexus.pseudonyms.level import Level
from nexus.pseudonyms.messages import (
    Enter,
    Link,
    Links,
    Nothing,
    One,
    OpenDomain,
    Opened,
    Pairs,
    Pseudonyms,
    Renewed,
    Several,
    Statistics,
    Transfer,
)
from nexus.pseudonyms.notation import Domain, Writing
from nexus.pseudonyms.ports import Keys
from nexus.pseudonyms.renewing import Renewing

SCHEMA: Final = Migration(
    "pseudonyms_second",
    1,
    (
        "CREATE TABLE pseudonyms_domain (name TEXT NOT NULL, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL,"
        " ready INTEGER NOT NULL, PRIMARY KEY (name, epoch)) STRICT",
    ),
)
RENEW_WAIT_S: Final = 2.0
"""How long who orders a renewal waits for its end; a large domain goes on without being waited for."""
_LATEST: Final = "SELECT epoch, wrapped FROM pseudonyms_domain WHERE name = ? AND ready = 1 ORDER BY epoch DESC LIMIT 1"
_COMING: Final = "SELECT epoch, wrapped FROM pseudonyms_domain WHERE name = ? AND ready = 0"
_log: Final = logging.getLogger("nexus.pseudonyms")


class SecondLevel(Level):
    """Links in, pseudonyms out; from one domain to another; to a next secret."""

    def __init__(self, database: Database, keys: Keys, *, renewing: Renewing | None = None) -> None:
        super().__init__(database)
        self._keys = keys
        self._renewing = renewing or Renewing(database)
        self._made: dict[Domain, Pseudonymising] = {}
        self._running: dict[str, asyncio.Task[int]] = {}

    async def resume(self, op: Operation) -> None:
        """Go on with renewals that a restart interrupted."""
        with self._database.read() as tx:
            names = [name for (name,) in tx.all("SELECT name FROM pseudonyms_domain WHERE ready = 0")]
        for name in names:
            await self._renew(op, name)

    def forget(self) -> None:
        """Drop every domain's secret."""
        self._made.clear()

    async def open_domain(self, op: Operation, request: OpenDomain) -> Opened:
        """A new domain, under a secret of its own. Raises Conflict if there is one of that name, Invalid."""
        domain = Domain(request.domain, 1)
        _, wrapped = await self._keys.generate(_context(domain))

        def work(tx: Transaction) -> Recorded[None]:
            if tx.one(_LATEST, (domain.name,)) is not None:
                raise Conflict(f"there is a domain {domain.name}", code="pseudonyms.domain-exists")
            _insert(tx, domain, wrapped, ready=True)
            return Recorded(None, op.allowed("pseudonyms.domain.open", _resource(domain), epoch=domain.epoch))

        await self._database.write(work)
        return Opened(domain.name, domain.epoch, 0)

    async def statistics(self, op: Operation, request: Nothing) -> Statistics:
        """How many have a pseudonym, in each epoch of each domain. Counts of people, and nobody's pseudonym."""
        with self._database.read() as tx:
            rows = tx.all("SELECT name, epoch, ready FROM pseudonyms_domain ORDER BY name, epoch")
            found = [
                Opened(name, epoch, ledger.count(tx, Domain(name, epoch)), bool(ready)) for name, epoch, ready in rows
            ]
        await self._database.record(op.allowed("pseudonyms.domain.count", Resource("Platform", "pseudonyms")))
        return Statistics(tuple(found))

    async def enter(self, op: Operation, request: Enter) -> Pseudonyms:
        """Pseudonyms under the newest secret of a domain, each in the ledger. Raises NotFound, Conflict."""
        messages.bounded(len(request.links))
        made = await self._newest(request.domain)

        def work(tx: Transaction) -> Recorded[list[bytes]]:
            entry = op.allowed("pseudonyms.enter", _resource(made.domain), people=len(request.links))
            return Recorded(ledger.enter(tx, made, request.links), entry)

        return _written(made.domain, await self._database.write(work))

    async def given(self, op: Operation, request: Enter) -> Pseudonyms:
        """Those that these links have in every epoch of a domain, the oldest first: what was made before a renewal is found
        by them. Enters nothing; a link without one has none in the answer. Raises NotFound.
        """
        messages.bounded(len(request.links))
        with self._database.read() as tx:
            rows = tx.all(
                "SELECT epoch, wrapped FROM pseudonyms_domain WHERE name = ? ORDER BY epoch", (request.domain,)
            )
        if not rows:
            raise _no_domain(request.domain)
        found: list[str] = []
        for epoch, wrapped in rows:
            made = await self._opened(Domain(request.domain, epoch), wrapped)
            bodies = made.bodies(request.links)
            with self._database.read() as tx:
                known = ledger.known(tx, made.domain, bodies)
            found += Writing(made.domain).write_all([body for body in bodies if body in known])
        entry = op.allowed("pseudonyms.known", Resource("PseudonymDomain", request.domain), people=len(request.links))
        await self._database.record(entry)
        return Pseudonyms(tuple(found))

    async def transfer(self, op: Operation, request: Transfer) -> Pseudonyms:
        """Other pseudonyms for the same people, in another domain or in the newest epoch. Raises NotFound, Conflict, Invalid."""
        messages.bounded(len(request.pseudonyms))
        read = [notation.read(one) for one in request.pseudonyms]
        sources = {domain for domain, _ in read}
        made = await self._newest(request.domain)
        if len(sources) != 1 or made.domain in sources:
            raise Invalid(
                "a transfer goes from one domain to another one, or to a newer epoch", code="pseudonyms.transfer"
            )
        (source,) = sources

        def work(tx: Transaction) -> Recorded[list[bytes]]:
            bodies = ledger.transfer(tx, source, made, [body for _, body in read])
            entry = op.allowed("pseudonyms.transfer", _resource(made.domain), source=source.name, people=len(read))
            return Recorded(bodies, entry)

        return _written(made.domain, await self._database.write(work))

    async def renew(self, op: Operation, request: OpenDomain) -> Opened:
        """The next epoch of a domain whose secret leaked: everybody gets a pseudonym in it. Needs no identity.

        A renewal that is under way is waited for, and no second one begun. Not `ready` in the answer: it goes on.
        """
        with self._database.read() as tx:
            coming = tx.one(_COMING, (request.domain,))
        if coming is None:
            await self._prepare(op, (await self._newest(request.domain)).domain)
        task = await self._renew(op, request.domain)
        await asyncio.wait([task], timeout=RENEW_WAIT_S)
        if task.done():
            task.result()
        with self._database.read() as tx:
            row = tx.one("SELECT max(epoch), min(ready) FROM pseudonyms_domain WHERE name = ?", (request.domain,))
            assert row is not None
            return Opened(request.domain, row[0], ledger.count(tx, Domain(request.domain, row[0])), bool(row[1]))

    async def renewed(self, op: Operation, request: Renewed) -> Pairs:
        """Old and new pseudonyms, to rewrite what was made with the old ones. Raises NotFound, Invalid, Conflict."""
        made = await self._newest(request.domain)
        new = made.domain
        if new.epoch == 1:
            raise NotFound(f"the domain {new.name} was never renewed", code="pseudonyms.never-renewed")
        old = Domain(new.name, new.epoch - 1)
        after = notation.read(request.after)[1] if request.after else b""

        def work(tx: Transaction) -> Recorded[tuple[list[bytes], list[bytes]]]:
            rows = ledger.page(tx, old, after, messages.MAX_BATCH)
            news = ledger.enter(tx, made, [link for _, link in rows])
            entry = op.allowed("pseudonyms.domain.pairs", _resource(new), epoch=new.epoch)
            return Recorded(([body for body, _ in rows], news), entry)

        olds, news = await self._database.write(work)
        return Pairs(tuple(zip(Writing(old).write_all(olds), Writing(new).write_all(news), strict=True)))

    async def link_of(self, op: Operation, request: One) -> Link:
        """The link of a pseudonym, recorded before it is said. Raises NotFound, Invalid."""
        domain, body = notation.read(request.pseudonym)
        with self._database.read() as tx:
            (link,) = ledger.links_of(tx, domain, [body])
        await self._database.record(op.allowed("pseudonyms.trace", _resource(domain), epoch=domain.epoch))
        return Link(link)

    async def links_of(self, op: Operation, request: Several) -> Links:
        """The links of pseudonyms, recorded before they are said. Raises NotFound, Invalid."""
        messages.bounded(len(request.pseudonyms))
        read = [notation.read(one) for one in request.pseudonyms]
        links: dict[tuple[Domain, bytes], bytes] = {}
        with self._database.read() as tx:
            for domain in {domain for domain, _ in read}:
                these = [one for one in read if one[0] == domain]
                links |= zip(these, ledger.links_of(tx, domain, [body for _, body in these]), strict=True)
        where = Resource("Platform", "pseudonyms")
        await self._database.record(op.allowed("pseudonyms.trace", where, people=len(read)))
        return Links(tuple(links[one] for one in read))

    async def _prepare(self, op: Operation, old: Domain) -> None:
        new = Domain(old.name, old.epoch + 1)
        _, wrapped = await self._keys.generate(_context(new))

        def work(tx: Transaction) -> Recorded[None]:
            latest = tx.one("SELECT max(epoch) FROM pseudonyms_domain WHERE name = ?", (old.name,))
            if latest != (old.epoch,):
                raise Conflict(f"the domain {old.name} was renewed meanwhile", code="pseudonyms.renewed")
            _insert(tx, new, wrapped, ready=False)
            return Recorded(None, op.allowed("pseudonyms.domain.renew", _resource(new), epoch=new.epoch))

        await self._database.write(work)

    async def _renew(self, op: Operation, name: str) -> asyncio.Task[int]:
        """The task that brings a domain into its next epoch; one for each domain."""
        running = self._running.get(name)
        if running is not None and not running.done():
            return running
        with self._database.read() as tx:
            coming = tx.one(_COMING, (name,))
        if coming is None:
            raise Conflict(f"the domain {name} was renewed meanwhile", code="pseudonyms.renewed")
        made = await self._opened(Domain(name, coming[0]), coming[1])
        task = asyncio.create_task(self._renewing.run(op, coming[0] - 1, made), name=f"renew {name}")
        task.add_done_callback(_told)
        self._running[name] = task
        return task

    async def _newest(self, name: str) -> Pseudonymising:
        with self._database.read() as tx:
            row = tx.one(_LATEST, (name,))
        if row is None:
            raise _no_domain(name)
        return await self._opened(Domain(name, row[0]), row[1])

    async def _opened(self, domain: Domain, wrapped: bytes) -> Pseudonymising:
        if domain not in self._made:
            self._made[domain] = Pseudonymising(domain, await self._keys.unwrap(wrapped, _context(domain)))
        return self._made[domain]


def _no_domain(name: str) -> NotFound:
    return NotFound(f"there is no domain {name}", code="pseudonyms.no-domain", hint="open it first")


def _told(task: asyncio.Task[int]) -> None:
    """A renewal that failed is gone on with at the next order, or the next start; here it is only said."""
    if not task.cancelled() and (error := task.exception()) is not None:
        text = f"{error.message} ({error.code})" if isinstance(error, NexusError) else type(error).__name__
        _log.error("a renewal stopped: %s", text)


def _insert(tx: Transaction, domain: Domain, wrapped: bytes, *, ready: bool) -> None:
    row = (domain.name, domain.epoch, wrapped, ready)
    tx.execute("INSERT INTO pseudonyms_domain (name, epoch, wrapped, ready) VALUES (?, ?, ?, ?)", row)


def _written(domain: Domain, bodies: list[bytes]) -> Pseudonyms:
    return Pseudonyms(tuple(Writing(domain).write_all(bodies)))


def _context(domain: Domain) -> dict[str, str]:
    return {"pseudonyms": "second", "domain": domain.name, "epoch": str(domain.epoch)}


def _resource(domain: Domain) -> Resource:
    return Resource("PseudonymDomain", domain.name)
