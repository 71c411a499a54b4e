"""What others hear of a decision: a message in the outbox of the database, in the commit of the decision.

Topics: `consent.withdrawn` where something that was permitted, or allowed by default, may be no more (a withdrawal, an
objection, a decision that denies or replaces, a correction); `consent.decided` for every other decision. Whoever derived
something of the subject's data asks the rulings again: a message says that something changed, never what is allowed.
"""

from typing import Final

import msgspec

from nexus.consent.model import Decision, DecisionKind, Effect
from nexus.iam.model import SECONDARY_USE
from nexus.kernel import outbox
from nexus.kernel.database import Transaction

DECIDED: Final = "consent.decided"
WITHDRAWN: Final = "consent.withdrawn"
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a message. `purposes`: those that the decision speaks of; `version`: the subject's after it."""

    subject: str
    decision: str
    version: int
    purposes: tuple[str, ...]


def announce(tx: Transaction, decision: Decision) -> None:
    """Post the message of a decision."""
    told = Told(
        subject=decision.subject,
        decision=decision.id,
        version=decision.number,
        purposes=_purposes(decision),
    )
    outbox.post(tx, [(decision.id, topic_of(decision), _ENCODER.encode(told))])


def topic_of(decision: Decision) -> str:
    """Whether something may be taken away by it."""
    gives = decision.kind is DecisionKind.LIFTING or (
        decision.kind is DecisionKind.PERMISSIONS
        and not decision.about
        and all(provision.effect is Effect.PERMIT for provision in decision.provisions)
    )
    return DECIDED if gives else WITHDRAWN


def _purposes(decision: Decision) -> tuple[str, ...]:
    if decision.provisions:
        return tuple(sorted({purpose.value for provision in decision.provisions for purpose in provision.purposes}))
    return tuple(sorted(purpose.value for purpose in SECONDARY_USE))
