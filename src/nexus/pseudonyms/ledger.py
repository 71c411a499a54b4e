"""The ledger: which link each pseudonym stands for, in a database of its own. "No collision" is checked, not assumed.

It is the only place where a pseudonym leads back to a link: transfers between domains, renewals and re-identification
read it. It holds no identity.
"""

from collections.abc import Sequence
from typing import Final

from nexus.kernel.database import Migration, Transaction
from nexus.kernel.errors import Conflict, NotFound
from nexus.pseudonyms.function import Pseudonymising
from nexus.pseudonyms.notation import Domain

SCHEMA: Final = Migration(
    "pseudonyms",
    1,
    (
        "CREATE TABLE pseudonyms_ledger (domain TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL,"
        " link BLOB NOT NULL, PRIMARY KEY (domain, epoch, body)) WITHOUT ROWID, STRICT",
        "CREATE UNIQUE INDEX pseudonyms_by_link ON pseudonyms_ledger (domain, epoch, link)",
    ),
)
BY_ARRIVAL: Final = Migration(
    "pseudonyms",
    2,
    (
        "CREATE TABLE pseudonyms_entered (domain TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL,"
        " link BLOB NOT NULL, UNIQUE (domain, epoch, body), UNIQUE (domain, epoch, link)) STRICT",
        "INSERT INTO pseudonyms_entered (domain, epoch, body, link)"
        " SELECT domain, epoch, body, link FROM pseudonyms_ledger ORDER BY domain, epoch, body",
        "DROP TABLE pseudonyms_ledger",
    ),
)
"""Rows stand one behind the other, and each index holds its own key alone: a third less of what is decrypted and encrypted."""
SCHEMAS: Final = (SCHEMA, BY_ARRIVAL)

_INSERT: Final = "INSERT INTO pseudonyms_entered (domain, epoch, body, link) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LINK: Final = "SELECT link FROM pseudonyms_entered WHERE domain = ? AND epoch = ? AND body = ?"


def enter(tx: Transaction, made: Pseudonymising, links: Sequence[bytes]) -> list[bytes]:
    """The bodies of these links' pseudonyms, in order, every one of them in the ledger. Entering twice is one entry.

    Raises Conflict `pseudonyms.collision` if two links share a pseudonym: nothing of the transaction may then stay.
    """
    bodies = [made.body(link) for link in links]
    name, epoch = made.domain.name, made.domain.epoch
    pairs = sorted(set(zip(bodies, links, strict=True)))  # neighbours share pages: a seventh less work
    fresh = tx.execute_many(_INSERT, [(name, epoch, body, link) for body, link in pairs])
    if fresh < len(pairs):
        _check(tx, made.domain, pairs)
    return bodies


def link_of(tx: Transaction, domain: Domain, body: bytes) -> bytes:
    """The link that a pseudonym stands for. Raises NotFound."""
    found = tx.one(_LINK, (domain.name, domain.epoch, body))
    if found is None:
        raise NotFound("the ledger knows no such pseudonym", code="pseudonyms.unknown")
    link: bytes = found[0]
    return link


def transfer(tx: Transaction, source: Domain, target: Pseudonymising, bodies: Sequence[bytes]) -> list[bytes]:
    """The pseudonyms in another domain of those who have these in `source`. Raises NotFound, Conflict."""
    return enter(tx, target, [link_of(tx, source, body) for body in bodies])


def count(tx: Transaction, domain: Domain) -> int:
    """How many have a pseudonym in a domain and epoch."""
    row = tx.one("SELECT count(*) FROM pseudonyms_entered WHERE domain = ? AND epoch = ?", (domain.name, domain.epoch))
    assert row is not None
    return int(row[0])


def _check(tx: Transaction, domain: Domain, pairs: Sequence[tuple[bytes, bytes]]) -> None:
    """What was not entered was there: as the same pair, or the ledger contradicts it."""
    if any(tx.one(_LINK, (domain.name, domain.epoch, body)) != (link,) for body, link in pairs):
        raise Conflict(
            f"the ledger of {domain} contradicts a pseudonym: two links share it, or its secret is another one",
            code="pseudonyms.collision",
            hint="nothing was entered; renew the domain under a new epoch",
        )
