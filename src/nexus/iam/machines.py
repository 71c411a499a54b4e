"""Machines: programs with credentials of their own, each answered for by a person."""

from nexus.iam.model import Identity, IdentityKind, IdentityState, Machine
from nexus.iam.persons import change_state, require_state
from nexus.iam.requests.forms import ById, Page
from nexus.iam.requests.machines import CreateMachine, Machines, MachineView
from nexus.iam.rules import check_name, page_size
from nexus.iam.store import credentials, identities
from nexus.iam.store.patients import require_staff
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource


class MachineStories:
    """The life of a machine."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def create(self, op: Operation, request: CreateMachine) -> MachineView:
        """Create a machine without any right; its owner makes its credentials. Raises Invalid, NotFound."""
        new = Machine(
            new_id("mac"),
            check_name(request.name),
            request.owner,
            IdentityState.ACTIVE,
            op.actor.person or op.actor.id,
            self._clock.now(),
        )

        def work(tx: Transaction) -> Recorded[MachineView]:
            owner = identities.identity(tx, new.owner)
            if owner is None or owner.kind is not IdentityKind.PERSON or owner.state is not IdentityState.ACTIVE:
                raise NotFound("the owner is no active person", code="iam.no-person")
            require_staff(tx, owner.id)
            identities.add_identity(
                tx,
                Identity(new.id, IdentityKind.MACHINE, new.name, new.state, new.owner, new.created_by, new.created_at),
            )
            return Recorded(_view(new), op.allowed("iam.machine.create", _resource(new.id), owner=new.owner))

        return await self._db.write(work)

    async def list_machines(self, op: Operation, request: Page) -> Machines:
        """Machines, in order of creation."""
        with self._db.read() as tx:
            found = identities.machines(tx, request.after, page_size(request.limit))
        await self._db.record(op.allowed("iam.machine.list", PLATFORM))
        return Machines(machines=tuple(_view(machine) for machine in found))

    async def read(self, op: Operation, request: ById) -> MachineView:
        """One machine. Raises NotFound."""
        with self._db.read() as tx:
            found = _machine(tx, request.id)
        await self._db.record(op.allowed("iam.machine.read", _resource(found.id)))
        return _view(found)

    async def suspend(self, op: Operation, request: ById) -> None:
        """Stop a machine at once: its credentials are refused from now on. Raises NotFound, Conflict."""

        def work(tx: Transaction) -> Recorded[None]:
            found = _machine(tx, request.id)
            change_state(tx, found.id, found.state, IdentityState.SUSPENDED)
            return Recorded(None, op.allowed("iam.machine.suspend", _resource(found.id)))

        await self._db.write(work)

    async def resume(self, op: Operation, request: ById) -> None:
        """End a suspension. Raises NotFound, Conflict."""

        def work(tx: Transaction) -> Recorded[None]:
            found = _machine(tx, request.id)
            require_state(found.state, IdentityState.SUSPENDED)
            change_state(tx, found.id, found.state, IdentityState.ACTIVE)
            return Recorded(None, op.allowed("iam.machine.resume", _resource(found.id)))

        await self._db.write(work)

    async def delete(self, op: Operation, request: ById) -> None:
        """Delete a machine, its rights and credentials. Raises NotFound, Conflict."""

        def work(tx: Transaction) -> Recorded[None]:
            found, now = _machine(tx, request.id), self._clock.now()
            change_state(tx, found.id, found.state, IdentityState.DELETED)
            identities.revoke_grants_of(tx, [found.id], now)
            credentials.revoke_all_of(tx, [found.id], now)
            return Recorded(None, op.allowed("iam.machine.delete", _resource(found.id)))

        await self._db.write(work)


def _machine(tx: Transaction, machine_id: str) -> Machine:
    found = identities.machine(tx, machine_id)
    if found is None:
        raise NotFound("no such machine", code="iam.no-machine")
    return found


def _resource(machine_id: str) -> Resource:
    return Resource("Identity", machine_id)


def _view(machine: Machine) -> MachineView:
    return MachineView(
        id=machine.id,
        name=machine.name,
        owner=machine.owner,
        state=machine.state.value,
        created_by=machine.created_by,
        created_at=machine.created_at,
    )
