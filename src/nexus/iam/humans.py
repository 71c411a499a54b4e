"""Two accounts of one human being: recorded by a security officer, and from then on one pair of eyes.

What is enforced: logins and e-mail addresses are unique; nobody grants a right, approves, or reviews where the other
side is the same account or is recorded as the same human being. What cannot be: to know by ourselves that two accounts
under two addresses belong to one human being. Whoever creates persons must know whom he creates.
"""

from nexus.iam.approvals import Approvals
from nexus.iam.model import IdentityKind
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.humans import RecordSamePerson, SamePersons, SamePersonsView
from nexus.iam.store import humans, identities
from nexus.iam.store.patients import require_staff
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, Invalid, NotFound
from nexus.kernel.operation import PLATFORM, Operation, Resource
from nexus.web import codec


class HumanStories:
    """Links between accounts of one human being."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def record(self, op: Operation, request: RecordSamePerson) -> None:
        """Record that two accounts belong to one human being. Raises NotFound, Invalid (one account), Denied (one's own)."""
        if request.identity == request.other:
            raise Invalid("these are one account", code="iam.same-account")

        def work(tx: Transaction) -> Recorded[None]:
            for person in (request.identity, request.other):
                _require_person(tx, person)
                require_staff(tx, person)
                if humans.same(tx, op.actor.person or op.actor.id, person):
                    raise Denied("somebody else records this of you", code="iam.same-person")
            humans.join(tx, request.identity, request.other, op.actor.id, self._clock.now())
            about = Resource("Identity", request.identity)
            return Recorded(None, op.allowed("iam.same-person.record", about, other=request.other))

        await self._db.write(work)

    async def forget(self, op: Operation, request: ById) -> None:
        """Take an account out of its group, under four eyes: this gives a pair of eyes back. Raises NotFound, Denied."""

        def work(tx: Transaction) -> Recorded[None]:
            self._approvals.require(tx, op, "iam.same-person.forget", codec.encode(request, ById))
            if not humans.part(tx, request.id):
                raise NotFound("this account is joined to no other", code="iam.no-same-person")
            return Recorded(None, op.allowed("iam.same-person.forget", Resource("Identity", request.id)))

        await self._db.write(work)

    async def list_groups(self, op: Operation, request: Nothing) -> SamePersons:
        """Every group of accounts that belong to one human being."""
        with self._db.read() as tx:
            found = humans.groups(tx)
        await self._db.record(op.allowed("iam.same-person.list", PLATFORM, count=len(found)))
        return SamePersons(
            accounts=tuple(
                SamePersonsView(human=human, person=person, recorded_by=by, recorded_at=at)
                for human, person, by, at in found
            )
        )


def require_other_human(tx: Transaction, op: Operation, *persons: str) -> None:
    """Refuse whoever acts on himself through a second account. Raises Denied."""
    me = op.actor.person or op.actor.id
    if any(humans.same(tx, me, person) for person in persons):
        raise Denied(
            "this takes somebody else, and that account is recorded as yours",
            code="iam.same-person",
            hint="ask a colleague",
        )


def _require_person(tx: Transaction, person: str) -> None:
    found = identities.identity(tx, person)
    if found is None or found.kind is not IdentityKind.PERSON:
        raise NotFound("no such person", code="iam.no-person")
