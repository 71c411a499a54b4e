"""Chains: a whole delivery, and the changes that were accepted since, each after the one before it.

Whether changes may be accepted depends on what was accepted before them. It is asked before their files are read, and again in
the transaction of the decision: two that follow the same delivery cannot both be accepted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from nexus.kernel.database import Transaction
from nexus.kernel.errors import Damaged
from nexus.warehouse.intake import manifest, store
from nexus.warehouse.intake.model import DECIDED, Delivery, DeliveryState
from nexus.warehouse.intake.report import Fault, Problem

MAX_CHANGES: Final = 400
"""Deliveries of changes since the last whole one: a build reads them all."""
Holds = Callable[[Mapping[str, str]], bool]
"""Whether every version (name -> id) is there."""


def chain(tx: Transaction, newest: Delivery) -> tuple[Delivery, ...]:
    """From the whole delivery to `newest`, which was accepted or passed every check. Raises Damaged if a link is not there."""
    found = [newest]
    while (follows := found[-1].follows) is not None:
        before = store.accepted(tx, newest.provider, follows.number)
        if before is None or before.manifest_sha256 != follows.manifest_sha256 or before.number >= found[-1].number:
            raise Damaged(f"delivery {follows.number}, which was accepted, is not there", code="intake.chain")
        found.append(before)
    return tuple(reversed(found))


def numbers(tx: Transaction, newest: Delivery) -> tuple[int, ...]:
    """The same, by number, of a delivery that was accepted; nothing of any other."""
    return tuple(link.number for link in chain(tx, newest)) if newest.state is DeliveryState.ACCEPTED else ()


def faults(tx: Transaction, delivery: Delivery, holds: Holds) -> Iterator[Problem]:
    """Why a delivery cannot follow what it says that it follows, as things are now; nothing of a whole one."""
    follows = delivery.follows
    if follows is None:
        return
    last = store.last_accepted(tx, delivery.provider)
    found = store.delivery(tx, delivery.provider, follows.number)
    if found is not None and found.state not in DECIDED:
        yield _problem(Fault.TOO_SOON, f"delivery {found.number} is not decided yet: hand this in again once it is")
    elif not last:
        yield _problem(Fault.GAP, "no delivery was accepted yet: deliver everything first")
    elif found is None:
        yield _problem(Fault.GAP, f"there is no delivery {follows.number}; the last that was accepted is {last}")
    elif found.state is not DeliveryState.ACCEPTED:
        yield _problem(Fault.GAP, f"delivery {found.number} was refused; the last that was accepted is {last}")
    elif found.manifest_sha256 != follows.manifest_sha256:
        hint = f"delivery {found.number} has another manifest than these changes say: its receipt has the SHA-256"
        yield _problem(Fault.OTHER_BASE, hint)
    elif found.number != last:
        yield _problem(Fault.FORK, _overtaken(found, store.accepted(tx, delivery.provider, last)))
    else:
        yield from _applied(tx, delivery, found, holds)


def _overtaken(found: Delivery, last: Delivery | None) -> str:
    assert last is not None
    if last.follows is None:
        return f"delivery {last.number}, a whole one, came after delivery {found.number}: make the changes after that"
    return f"delivery {last.number} was accepted after delivery {found.number}: make the changes anew, after that"


def _applied(tx: Transaction, delivery: Delivery, found: Delivery, holds: Holds) -> Iterator[Problem]:
    """What is wrong with applying changes to the newest delivery of all."""
    said, before = delivery.manifest, found.manifest
    assert said is not None
    assert before is not None
    links = chain(tx, found)
    if said.schema_version != before.schema_version:
        hint = (
            f"delivery {found.number} was made to version {before.schema_version}: deliver everything, as is agreed now"
        )
        yield _problem(Fault.SCHEMA_VERSION, hint)
    if said.period_until < before.period_until:
        yield _problem(Fault.PERIOD, f"the period ends before that of delivery {found.number}")
    if len(links) > MAX_CHANGES:
        yield _problem(
            Fault.CHANGES, f"{MAX_CHANGES} deliveries of changes follow a whole one already: deliver everything"
        )
    for link in links:
        if not holds(link.versions):
            hint = f"files of delivery {link.number} are not in the store any more: deliver everything"
            yield _problem(Fault.OTHER_BASE, hint)


def _problem(fault: Fault, hint: str) -> Problem:
    return Problem(fault=fault, file=manifest.NAME, hint=hint)
