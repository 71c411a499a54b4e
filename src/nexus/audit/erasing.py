"""Crypto-erasure: a person's epoch keys go, their leaves stay, and the log says that it happened."""

from collections.abc import Iterable

from nexus.audit import store
from nexus.audit.epochs import person_tag
from nexus.audit.model import Erasure
from nexus.audit.verification import erasure_digest
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import ANONYMOUS, Operation

RECORDS = "audit:erasures"
"""Whose key seals the records of erasures: nobody's who could be erased."""

_SYSTEM = ("system:", "audit:")


def require_erasable(person: str) -> None:
    """Raise Invalid unless `person` can be a person: what the platform did by itself stays readable."""
    if person == ANONYMOUS.id or person.startswith(_SYSTEM):
        raise Invalid(f"{person} is no person", code="audit.not-a-person")


def erase(tx: Transaction, op: Operation, person: str, blocks: Iterable[int], after: int) -> Erasure:
    """Destroy every epoch key of a person, and the search filters that could still tell of them.

    `blocks`: those that may hold the person's entries; `after`: the first block that was not looked at. Raises
    NotFound if there is nothing to erase.
    """
    tag = person_tag(person)
    epochs = store.epochs_of(tx, tag)
    if not epochs:
        raise NotFound("the log holds no entry sealed for this person", code="audit.nothing-to-erase")
    store.erase_epochs(tx, tag, op.id)
    store.drop_filters(tx, blocks, after)
    return Erasure(person=person, epochs=len(epochs), digest=erasure_digest(epochs))
