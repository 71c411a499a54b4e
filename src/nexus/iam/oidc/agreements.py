"""What a person agreed to let single tools know of her, to see and to end. What a tool holds ends in the same commit."""

from nexus.iam.oidc.model import Scope
from nexus.iam.requests.agreements import Agreement, AgreementRef, Agreements
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.store import agreements
from nexus.iam.store.agreements import AgreementRow
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Operation, Resource


class AgreementStories:
    """The agreements of persons with tools."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def list_agreements(self, op: Operation, request: OfIdentity) -> Agreements:
        """The agreements of a person, by the tools' names."""
        with self._db.read() as tx:
            found = agreements.of_person(tx, request.identity)
        whose = Resource("Identity", request.identity)
        await self._db.record(op.allowed("iam.agreement.list", whose, count=len(found)))
        return Agreements(agreements=tuple(_view(row) for row in found))

    async def end(self, op: Operation, request: AgreementRef) -> None:
        """End an agreement: tokens and codes of the tool are worth nothing from now on, it is told, and has to ask anew.

        Raises NotFound where there is nothing to end.
        """

        def work(tx: Transaction) -> Recorded[None]:
            ended = agreements.end(tx, request.identity, request.client, self._clock.now())
            if ended is None:
                raise NotFound("there is no such agreement", code="iam.no-agreement")
            whose = Resource("Identity", request.identity)
            return Recorded(None, op.allowed("iam.agreement.end", whose, client=request.client, ended=ended))

        await self._db.write(work)


def _view(row: AgreementRow) -> Agreement:
    return Agreement(
        client=row.client,
        name=row.name,
        scopes=tuple(Scope(scope) for scope in row.scope.split()),
        agreed_at=row.agreed_at,
        in_use=row.in_use,
    )
