"""Directories: a machine of the hospital's own directory brings people in and takes them out, and nothing more.

What it may is decided in Cedar (`directory.cedar`, `never.cedar`): only a registered machine, only persons without a
privileged role, never the person who answers for it. Registering one, and saying what membership in a group gives, take
four eyes: a right that membership gives is the work of two people, who agreed to the rule. Whom a directory invites still
has to enrol, and the code for that takes four eyes too (`iam.person.re-enrol`): nobody who runs a directory can make
himself an account with rights.
"""

from nexus.iam.approvals import Approvals
from nexus.iam.model import IdentityKind, IdentityState
from nexus.iam.requests.directory import (
    Directories,
    DirectoryView,
    Groups,
    GroupView,
    MapGroup,
    MemberView,
    RegisterDirectory,
)
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.rules import check_credential_end, check_grant, check_name
from nexus.iam.store import directory, identities
from nexus.iam.supervision import DIRECTORY_ROLES, DirectoryGroup
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource
from nexus.web import codec

MAX_GROUPS = 1_000


class DirectoryStories:
    """Which machines are directories, and what their groups give."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def register(self, op: Operation, request: RegisterDirectory) -> DirectoryView:
        """Make a machine a directory until a date, under four eyes. Raises Invalid (date), NotFound, Denied."""
        now = self._clock.now()
        check_credential_end(request.ends_at, now)

        def work(tx: Transaction) -> Recorded[DirectoryView]:
            exact = codec.encode(request, RegisterDirectory)
            self._approvals.require(tx, op, "iam.directory.register", exact)
            found = identities.identity(tx, request.machine)
            active = found is not None and found.state is IdentityState.ACTIVE
            if found is None or found.kind is not IdentityKind.MACHINE or not active:
                raise NotFound("no such machine is active", code="iam.no-machine")
            directory.register(tx, found.id, request.ends_at, op.actor.id, now)
            view = DirectoryView(machine=found.id, ends_at=request.ends_at, registered_by=op.actor.id)
            about = Resource("Identity", found.id)
            return Recorded(view, op.allowed("iam.directory.register", about, ends_at=request.ends_at))

        return await self._db.write(work)

    async def revoke(self, op: Operation, request: ById) -> None:
        """A machine is a directory no more, at once. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            if not directory.revoke(tx, request.id, self._clock.now()):
                raise NotFound("this machine is no directory", code="iam.no-directory")
            return Recorded(None, op.allowed("iam.directory.revoke", Resource("Identity", request.id)))

        await self._db.write(work)

    async def list_directories(self, op: Operation, request: Nothing) -> Directories:
        """The directories in force."""
        with self._db.read() as tx:
            found = directory.directories(tx, self._clock.now())
        await self._db.record(op.allowed("iam.directory.list", PLATFORM))
        views = (DirectoryView(machine=machine, ends_at=ends, registered_by=by) for machine, ends, by in found)
        return Directories(directories=tuple(views))

    async def map_group(self, op: Operation, request: MapGroup) -> GroupView:
        """Say what membership in a group gives, under four eyes. Raises Denied (role), Invalid, Conflict (name)."""
        now, name = self._clock.now(), check_name(request.name)
        if request.role not in DIRECTORY_ROLES:
            given = ", ".join(sorted(DIRECTORY_ROLES))
            raise Denied("membership gives no such role", code="iam.directory-role", hint=f"it may give: {given}")
        check_grant(request.role, request.scope, IdentityKind.PERSON, starts_at=now, ends_at=request.ends_at, now=now)

        def work(tx: Transaction) -> Recorded[GroupView]:
            self._approvals.require(tx, op, "iam.directory.map", codec.encode(request, MapGroup))
            if directory.name_taken(tx, name):
                raise Conflict("a group has this name", code="iam.group-exists")
            if len(directory.groups(tx)) >= MAX_GROUPS:
                raise Conflict("too many groups", code="iam.too-many-groups")
            new = DirectoryGroup(new_id("grp"), name, request.role, request.scope, request.ends_at)
            directory.add_group(tx, new, op.actor.id, now)
            entry = op.allowed("iam.directory.map", PLATFORM, group=new.id, role=new.role.value, scope=new.scope)
            return Recorded(group_view(tx, new), entry)

        return await self._db.write(work)

    async def unmap(self, op: Operation, request: ById) -> None:
        """Membership in a group gives nothing any more, from now on and for everybody in it. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found, now = require_group(tx, request.id), self._clock.now()
            members = directory.members(tx, found.id)
            for _, _, grant_id in members:
                identities.revoke_grant(tx, grant_id, now)
            directory.delete_group(tx, found.id)
            entry = op.allowed("iam.directory.unmap", PLATFORM, group=found.id, members=len(members))
            return Recorded(None, entry)

        await self._db.write(work)

    async def list_groups(self, op: Operation, request: Nothing) -> Groups:
        """Every group with its members."""
        with self._db.read() as tx:
            views = tuple(group_view(tx, each) for each in directory.groups(tx))
        await self._db.record(op.allowed("iam.directory.groups", PLATFORM))
        return Groups(groups=views)


def require_group(tx: Transaction, group_id: str) -> DirectoryGroup:
    """One group. Raises NotFound."""
    found = directory.group(tx, group_id)
    if found is None:
        raise NotFound("no such group", code="iam.no-group")
    return found


def group_view(tx: Transaction, found: DirectoryGroup) -> GroupView:
    """A group as its operations show it."""
    members = (MemberView(person=person, login=login) for person, login, _ in directory.members(tx, found.id))
    return GroupView(
        id=found.id,
        name=found.name,
        role=found.role,
        scope=found.scope,
        ends_at=found.ends_at,
        members=tuple(members),
    )
