"""Joiners, movers and leavers, as a directory brings them: unprivileged persons only, and nothing but what is listed here."""

from nexus.iam import leaving
from nexus.iam.departures import depart
from nexus.iam.directory import group_view, require_group
from nexus.iam.grants import GrantStories
from nexus.iam.humans import require_other_human
from nexus.iam.model import IdentityState
from nexus.iam.persons import add_person_without_code, change_state, new_person
from nexus.iam.requests.directory import (
    ChangePerson,
    DirectoryPersons,
    DirectoryPersonView,
    GroupView,
    InvitePerson,
    ListDirectoryPersons,
    Membership,
    RemovePerson,
)
from nexus.iam.requests.rights import GrantRole
from nexus.iam.rules import MAX_NAME, check_name, page_size
from nexus.iam.store import directory, identities
from nexus.iam.supervision import DirectoryPerson
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.operation import PLATFORM, Operation, Resource

MAX_START = 1_000_000
"""The last position that a list may begin at."""


class DirectoryPeople:
    """Persons, as a directory sees and changes them."""

    def __init__(self, db: Database, clock: Clock, grants: GrantStories) -> None:
        self._db = db
        self._clock = clock
        self._grants = grants

    async def list_persons(self, op: Operation, request: ListDirectoryPersons) -> DirectoryPersons:
        """Unprivileged persons who match. Raises Invalid (page)."""
        if not 0 <= request.start <= MAX_START:
            raise Invalid(f"a list begins at 0 to {MAX_START}", code="iam.page")
        count, now = page_size(request.count), self._clock.now()
        with self._db.read() as tx:
            if request.id:
                one = directory.person(tx, request.id, now)
                total, found = (0, []) if one is None else (1, [one])
            else:
                login, email = request.login.strip().lower(), request.email.strip().lower()
                total, found = directory.persons(tx, login, email, request.external_id, request.start, count, now)
        await self._db.record(op.allowed("iam.directory.persons", PLATFORM, count=len(found)))
        return DirectoryPersons(total=total, persons=tuple(_view(each) for each in found))

    async def invite(self, op: Operation, request: InvitePerson) -> DirectoryPersonView:
        """Create a person without any right and without a code. Raises Invalid, Conflict (login, address, external id)."""
        now, external_id = self._clock.now(), _external_id(request.external_id)
        new = new_person(request.login, request.name, request.email, now, by=op.actor.person or op.actor.id)

        def work(tx: Transaction) -> Recorded[DirectoryPersonView]:
            add_person_without_code(tx, new)
            _require_free(tx, external_id, new.id)
            directory.note(tx, new.id, external_id, now, stopped=None)
            entry = op.allowed("iam.directory.invite", Resource("Identity", new.id))
            return Recorded(_view(_find(tx, new.id, now)), entry)

        return await self._db.write(work)

    async def change(self, op: Operation, request: ChangePerson) -> DirectoryPersonView:
        """Change what is given. Raises Invalid, NotFound, Denied (privileged, suspended by an officer), Conflict."""
        external_id = _external_id(request.external_id)

        def work(tx: Transaction) -> Recorded[DirectoryPersonView]:
            now = self._clock.now()
            found = self._changeable(tx, op, request.id, now)
            _require_version(found, request.versions)
            _require_free(tx, external_id, found.id)
            if request.name is not None:
                identities.rename(tx, found.id, check_name(request.name))
            stopped = self._set_active(tx, found, request.active, now)
            kept = external_id if external_id is not None else found.external_id
            directory.note(tx, found.id, kept, now, stopped=now if stopped else None)
            entry = op.allowed("iam.directory.change", Resource("Identity", found.id), active=request.active)
            return Recorded(_view(_find(tx, found.id, now)), entry)

        return await self._db.write(work)

    async def remove(self, op: Operation, request: RemovePerson) -> None:
        """A leaver: everything of hers ends in this commit; her machines are suspended. Raises NotFound, Denied."""

        def work(tx: Transaction) -> Recorded[None]:
            now = self._clock.now()
            found = self._changeable(tx, op, request.id, now)
            _require_version(found, request.versions)
            machines = depart(tx, op, found.id, "", now)
            directory.note_left(tx, found.id, now)
            entry = op.allowed("iam.directory.remove", Resource("Identity", found.id), machines=len(machines))
            return Recorded(None, entry)

        await self._db.write(work)

    async def assign(self, op: Operation, request: Membership) -> GroupView:
        """Give what membership gives. Raises NotFound, Denied (privileged, one's own), Invalid (the group's end)."""

        def work(tx: Transaction) -> Recorded[GroupView]:
            now, team = self._clock.now(), require_group(tx, request.group)
            found = self._changeable(tx, op, request.person, now)
            entry = op.allowed(
                "iam.directory.assign",
                Resource("Identity", found.id),
                group=team.id,
                role=team.role.value,
                scope=team.scope,
            )
            if directory.membership(tx, team.id, found.id) is None:
                asked = GrantRole(identity=found.id, role=team.role, scope=team.scope, ends_at=team.ends_at)
                granted = self._grants.add_by_rule(tx, op, asked)
                directory.add_member(tx, team.id, found.id, granted.id)
            return Recorded(group_view(tx, team), entry)

        return await self._db.write(work)

    async def unassign(self, op: Operation, request: Membership) -> GroupView:
        """Take away what membership gave. Raises NotFound, Denied."""

        def work(tx: Transaction) -> Recorded[GroupView]:
            now, team = self._clock.now(), require_group(tx, request.group)
            found = self._changeable(tx, op, request.person, now)
            grant_id = directory.membership(tx, team.id, found.id)
            if grant_id is not None:
                identities.revoke_grant(tx, grant_id, now)
                directory.remove_member(tx, team.id, found.id)
            entry = op.allowed("iam.directory.unassign", Resource("Identity", found.id), group=team.id)
            return Recorded(group_view(tx, team), entry)

        return await self._db.write(work)

    @staticmethod
    def _changeable(tx: Transaction, op: Operation, person_id: str, now: Instant) -> DirectoryPerson:
        """Cedar says the same; this is the belt to its braces, in the transaction of the change."""
        if directory.privileged(tx, person_id, now):
            raise Denied("a directory never touches a privileged person", code="iam.privileged-person")
        found = _find(tx, person_id, now)
        require_other_human(tx, op, found.id)
        return found

    @staticmethod
    def _set_active(tx: Transaction, found: DirectoryPerson, active: bool | None, now: Instant) -> bool:
        """Suspend or resume; returns whether a directory holds the person suspended now."""
        if active is False and found.state is not IdentityState.SUSPENDED:
            change_state(tx, found.id, found.state, IdentityState.SUSPENDED)
            leaving.stop(tx, found.id, now)
            return True
        if active is True and found.state is IdentityState.SUSPENDED:
            if not found.stopped:
                raise Denied(
                    "an officer suspended this person", code="iam.suspended-by-officer", hint="ask a security officer"
                )
            factors = identities.factors_of(tx, found.id)
            enrolled = factors is not None and factors.password_hash is not None
            after = IdentityState.ACTIVE if enrolled else IdentityState.INVITED
            change_state(tx, found.id, found.state, after)
            return False
        return found.stopped


def _find(tx: Transaction, person_id: str, now: Instant) -> DirectoryPerson:
    found = directory.person(tx, person_id, now)
    if found is None:
        raise NotFound("no such person", code="iam.no-person")
    return found


def _require_version(found: DirectoryPerson, versions: tuple[str, ...]) -> None:
    """In the transaction of the change: between a look and the change nobody else changes her. Raises Conflict."""
    if versions and _version(found) not in versions:
        raise Conflict("this person has changed in the meantime", code="iam.version", hint="read her again")


def _version(person: DirectoryPerson) -> str:
    return f"{person.changed_at}-{int(_is_active(person))}"


def _is_active(person: DirectoryPerson) -> bool:
    return person.state in {IdentityState.ACTIVE, IdentityState.INVITED}


def _external_id(given: str | None) -> str | None:
    if given is not None and not (1 <= len(given) <= MAX_NAME and given.isprintable()):
        raise Invalid("the external id is empty, too long or not printable", code="iam.external-id")
    return given


def _require_free(tx: Transaction, external_id: str | None, person_id: str) -> None:
    if external_id is not None and directory.external_id_taken(tx, external_id, person_id):
        raise Conflict("somebody else has this external id", code="iam.person-exists")


def _view(person: DirectoryPerson) -> DirectoryPersonView:
    return DirectoryPersonView(
        id=person.id,
        login=person.login,
        name=person.name,
        email=person.email,
        active=_is_active(person),
        external_id=person.external_id,
        created_at=person.created_at,
        changed_at=person.changed_at,
        version=_version(person),
    )
