"""What everybody sees: the published records, and their RDF, remembered for a few seconds so that strangers cost next to nothing."""

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple

from nexus.kernel.clock import SECOND, Clock
from nexus.kernel.database import Database, Transaction
from nexus.kernel.operation import Operation
from nexus.warehouse.catalogue import graph, jsonld, store, turtle
from nexus.warehouse.catalogue.model import CATALOGUE, Holder, withdrawn
from nexus.warehouse.catalogue.rdf import Node
from nexus.warehouse.catalogue.record import Party, Record, decode

REMEMBERED: Final = 5 * SECOND
"""How long a page may show what was withdrawn since."""
FORMATS: Final = {"ttl": turtle.MEDIA_TYPE, "jsonld": jsonld.MEDIA_TYPE}
"""Endings of addresses -> what is found there."""


class Document(NamedTuple):
    """RDF as it is sent."""

    body: bytes
    etag: str


class PublicCatalogue:
    """The records, by name."""

    def __init__(self, database: Database, clock: Clock, holder: Holder, require: Callable[[], None]) -> None:
        """`require` raises while the platform is sealed: nothing is shown then, not even from memory."""
        self._database = database
        self._clock = clock
        self._holder = holder
        self._require = require
        self._records: dict[str, Record] = {}
        self._documents: dict[tuple[str, str], Document] = {}
        self._read_at: int | None = None

    def records(self) -> dict[str, Record]:
        """What is published. Raises Sealed, Unavailable, Damaged."""
        self._require()
        now = self._clock.now()
        if self._read_at is None or not 0 <= now - self._read_at < REMEMBERED:
            with self._database.read() as tx:
                found = [decode(kept) for kept in store.published(tx)]
            self._records, self._documents, self._read_at = {each.name: each for each in found}, {}, now
        return self._records

    def document(self, form: str, name: str = "") -> Document:
        """RDF in one of `FORMATS`: of a dataset, by the name of a record that there is, or of the whole catalogue."""
        records = self.records()
        made = self._documents.get((form, name))
        if made is None:
            nodes = [graph.dataset(records[name])] if name else self._whole(records)
            body = (turtle.write(nodes) if form == "ttl" else jsonld.write(nodes)).encode()
            made = self._documents[form, name] = Document(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        return made

    def _whole(self, records: dict[str, Record]) -> list[Node]:
        publisher = Party(name=self._holder.name, contact=self._holder.contact)
        return graph.catalogue(list(records.values()), self._holder.address + CATALOGUE, publisher)


class Leaving:
    """The port `releases.ports.Shown`: a release that is retired leaves the catalogue in the same commit."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def leave(self, tx: Transaction, op: Operation, release: str) -> str:
        """The name that it had there; empty if nobody saw it."""
        found = store.of_release(tx, release)
        if found is None or found.record is None:
            return ""
        store.put(tx, withdrawn(found, op.actor.id, self._clock.now()))
        return found.name
