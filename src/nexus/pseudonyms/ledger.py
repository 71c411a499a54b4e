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
BY_BODY: Final = Migration(
    "pseudonyms",
    3,
    (
        "CREATE TABLE pseudonyms_given (domain TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL,"
        " link BLOB NOT NULL, UNIQUE (domain, epoch, body)) STRICT",
        "INSERT INTO pseudonyms_given (domain, epoch, body, link)"
        " SELECT domain, epoch, body, link FROM pseudonyms_entered ORDER BY domain, epoch, body",
        "DROP TABLE pseudonyms_entered",
    ),
)
"""Rows stand one behind the other; one index of random keys is all that a batch changes everywhere. A link needs none of its own: under
one secret it has one pseudonym, and whether it is that secret is asked in every batch.
"""
SCHEMAS: Final = (SCHEMA, BY_ARRIVAL, BY_BODY)
PIECE: Final = 100
"""Pseudonyms looked up by one statement."""

_INSERT: Final = "INSERT INTO pseudonyms_given (domain, epoch, body, link) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_LINKS: Final = (
    "SELECT body, link FROM pseudonyms_given WHERE domain = ? AND epoch = ? AND body IN (?" + ", ?" * (PIECE - 1) + ")"
)
_ANY: Final = "SELECT body, link FROM pseudonyms_given WHERE domain = ? AND epoch = ? LIMIT 1"
_PAGE: Final = (
    "SELECT body, link FROM pseudonyms_given WHERE domain = ? AND epoch = ? AND body > ? ORDER BY body LIMIT ?"
)


def enter(tx: Transaction, made: Pseudonymising, links: Sequence[bytes]) -> list[bytes]:
    """The bodies of these links' pseudonyms, in order, every one of them in the ledger. Entering twice is one entry.

    Raises Conflict `pseudonyms.collision` if two links share a pseudonym, or the secret is not the one that made what is
    there: nothing of the transaction may then stay.
    """
    name, epoch = made.domain.name, made.domain.epoch
    if any(made.body(link) != body for body, link in tx.all(_ANY, (name, epoch))):
        raise _contradicted(made.domain)
    bodies = made.bodies(links)
    pairs = dict(sorted(zip(bodies, links, strict=True)))  # neighbours share pages: a seventh less work
    if len(pairs) < len(set(links)):
        raise _contradicted(made.domain)
    fresh = tx.execute_many(_INSERT, [(name, epoch, body, link) for body, link in pairs.items()])
    if fresh < len(pairs) and known(tx, made.domain, list(pairs)) != pairs:
        raise _contradicted(made.domain)
    return bodies


def links_of(tx: Transaction, domain: Domain, bodies: Sequence[bytes]) -> list[bytes]:
    """The links that pseudonyms stand for, in order. Raises NotFound if one stands for none."""
    there = known(tx, domain, bodies)
    if not there.keys() >= set(bodies):
        raise NotFound("the ledger knows no such pseudonym", code="pseudonyms.unknown")
    return [there[body] for body in bodies]


def known(tx: Transaction, domain: Domain, bodies: Sequence[bytes]) -> dict[bytes, bytes]:
    """The links of those pseudonyms that are there. What is missing of the last piece is the last pseudonym again."""
    there: dict[bytes, bytes] = {}
    for at in range(0, len(bodies), PIECE):
        piece = bodies[at : at + PIECE]
        padding = [piece[-1]] * (PIECE - len(piece))
        there.update(tx.all(_LINKS, (domain.name, domain.epoch, *piece, *padding)))
    return there


def page(tx: Transaction, domain: Domain, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
    """Pseudonyms and their links, in the order of the pseudonyms, from behind `after` on."""
    return [(body, link) for body, link in tx.all(_PAGE, (domain.name, domain.epoch, after, limit))]


def transfer(tx: Transaction, source: Domain, target: Pseudonymising, bodies: Sequence[bytes]) -> list[bytes]:
    """The pseudonyms in another domain of those who have these in `source`. Raises NotFound, Conflict."""
    return enter(tx, target, links_of(tx, source, bodies))


def count(tx: Transaction, domain: Domain) -> int:
    """How many have a pseudonym in a domain and epoch."""
    row = tx.one("SELECT count(*) FROM pseudonyms_given WHERE domain = ? AND epoch = ?", (domain.name, domain.epoch))
    assert row is not None
    return int(row[0])


def _contradicted(domain: Domain) -> Conflict:
    return Conflict(
        f"the ledger of {domain} contradicts a pseudonym: two links share it, or its secret is another one",
        code="pseudonyms.collision",
        hint="nothing was entered; renew the domain under a new epoch",
    )
