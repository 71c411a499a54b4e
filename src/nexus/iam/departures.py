"""A person leaves: everything of hers ends in one commit, and her machines get somebody who answers for them.

What ends stands in one list, `leaving.WHEN_GONE`. Her record stays, suspended, until two officers delete it; should she
come back, they enrol her again (`iam.person.resume`, then four eyes for a new code), without anything that she held.

Her machines go to a named successor, who is nobody that the officer who does this answers for: a machine brings its
rights along. Its credentials end, because the leaver knows them; the successor makes new ones. Without a successor they
are suspended.
"""

from nexus.iam import leaving
from nexus.iam.humans import require_other_human
from nexus.iam.model import IdentityKind, IdentityState
from nexus.iam.persons import change_state
from nexus.iam.requests.departures import Deactivate
from nexus.iam.store import credentials, identities
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import Operation, Resource


class DepartureStories:
    """Leavers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def deactivate(self, op: Operation, request: Deactivate) -> None:
        """End everything of a person who leaves. Raises NotFound (person, successor), Denied (successor), Invalid."""

        def work(tx: Transaction) -> Recorded[None]:
            machines = depart(tx, op, request.id, request.successor, self._clock.now())
            about = Resource("Identity", request.id)
            entry = op.allowed(
                "iam.person.deactivate", about, machines=len(machines), successor=request.successor or None
            )
            return Recorded(None, entry)

        return await self._db.write(work)


def depart(tx: Transaction, op: Operation, person_id: str, successor: str, now: Instant) -> list[str]:
    """End everything of a person, in the caller's transaction, which records it; returns the ids of her machines."""
    person = identities.factors_of(tx, person_id)
    if person is None or person.state is IdentityState.DELETED:
        raise NotFound("no such person", code="iam.no-person")
    if successor:
        _require_successor(tx, op, person_id, successor)
    if person.state is not IdentityState.SUSPENDED:
        change_state(tx, person_id, person.state, IdentityState.SUSPENDED)
    machines = identities.machines_of(tx, person_id)
    for machine in machines:
        credentials.revoke_all_of(tx, [machine], now)
        if successor:
            identities.set_owner(tx, machine, successor)
        else:
            identities.set_state(tx, machine, IdentityState.SUSPENDED)
    leaving.leave(tx, person_id, now)
    identities.forget_factors(tx, person_id)
    return machines


def _require_successor(tx: Transaction, op: Operation, leaver: str, successor: str) -> None:
    found = identities.identity(tx, successor)
    if successor == leaver:
        raise Invalid("nobody succeeds herself", code="iam.successor")
    if found is None or found.kind is not IdentityKind.PERSON or found.state is not IdentityState.ACTIVE:
        raise NotFound("the successor is no active person", code="iam.no-person")
    require_other_human(tx, op, successor)
