"""Persons: created, suspended, resumed, deleted, enrolled again."""

from nexus.iam import leaving, tokens
from nexus.iam.approvals import Approvals
from nexus.iam.model import (
    ENROLMENT_VALID,
    IDENTITY_TRANSITIONS,
    Identity,
    IdentityKind,
    IdentityState,
    NoticeKind,
    Person,
    Role,
)
from nexus.iam.notices import tell
from nexus.iam.requests.forms import ById, Page
from nexus.iam.requests.persons import CreatePerson, Invitation, Persons, PersonView
from nexus.iam.rules import check_email, check_login, check_name, page_size
from nexus.iam.store import credentials, humans, identities, intents, passkeys
from nexus.iam.store.identities import Factors
from nexus.iam.store.patients import require_staff
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource
from nexus.web import codec


class PersonStories:
    """The life of an account."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def create(self, op: Operation, request: CreatePerson) -> Invitation:
        """Create a person without any right, and a code with which she enrols. Raises Invalid, Conflict."""
        new = new_person(
            request.login, request.name, request.email, self._clock.now(), by=op.actor.person or op.actor.id
        )
        code, ends = tokens.new_code(), Instant(self._clock.now() + ENROLMENT_VALID)

        def work(tx: Transaction) -> Recorded[Invitation]:
            add_person(tx, new, tokens.code_fingerprint(code), ends)
            entry = op.allowed("iam.person.create", Resource("Identity", new.id))
            return Recorded(Invitation(person=new.id, code=code, expires_at=ends), entry)

        return await self._db.write(work)

    async def list_persons(self, op: Operation, request: Page) -> Persons:
        """Persons, in order of creation."""
        with self._db.read() as tx:
            found = identities.persons(tx, request.after, page_size(request.limit))
        await self._db.record(op.allowed("iam.person.list", PLATFORM))
        return Persons(persons=tuple(_view(person) for person in found))

    async def read(self, op: Operation, request: ById) -> PersonView:
        """One person. Raises NotFound."""
        with self._db.read() as tx:
            found = identities.person(tx, request.id)
        if found is None:
            raise _unknown()
        await self._db.record(op.allowed("iam.person.read", Resource("Identity", found.id)))
        return _view(found)

    async def suspend(self, op: Operation, request: ById) -> None:
        """Stop a person at once: her sessions end; her access keys, tokens and machines are refused from now on."""

        def work(tx: Transaction) -> Recorded[None]:
            person = _person(tx, request.id)
            change_state(tx, person.person, person.state, IdentityState.SUSPENDED)
            leaving.stop(tx, person.person, self._clock.now())
            return Recorded(None, op.allowed("iam.person.suspend", Resource("Identity", person.person)))

        await self._db.write(work)

    async def resume(self, op: Operation, request: ById) -> None:
        """End a suspension. Whoever had not enrolled before still has to."""

        def work(tx: Transaction) -> Recorded[None]:
            person = _person(tx, request.id)
            require_state(person.state, IdentityState.SUSPENDED)
            enrolled = person.password_hash is not None or bool(passkeys.usable(tx, person.person))
            change_state(tx, person.person, person.state, IdentityState.ACTIVE if enrolled else IdentityState.INVITED)
            return Recorded(None, op.allowed("iam.person.resume", Resource("Identity", person.person)))

        await self._db.write(work)

    async def delete(self, op: Operation, request: ById) -> None:
        """Delete a person, her machines, rights and credentials, under four eyes. Her id stays in the log."""

        def work(tx: Transaction) -> Recorded[None]:
            self._approvals.require(tx, op, "iam.person.delete", codec.encode(request, ById))
            person, now = _person(tx, request.id), self._clock.now()
            change_state(tx, person.person, person.state, IdentityState.DELETED)
            machines = identities.machines_of(tx, person.person)
            for machine in machines:
                identities.set_state(tx, machine, IdentityState.DELETED)
            identities.revoke_grants_of(tx, machines, now)
            credentials.revoke_all_of(tx, machines, now)
            leaving.leave(tx, person.person, now)
            identities.forget_person(tx, person.person)
            return Recorded(None, op.allowed("iam.person.delete", Resource("Identity", person.person)))

        await self._db.write(work)

    async def re_enrol(self, op: Operation, request: ById) -> Invitation:
        """A new enrolment code for somebody who lost a factor, under four eyes: whoever holds it becomes that person.

        Whatever others may hold now ends for good: sessions, devices, passkeys, password and code, access keys and
        service tokens. Her rights stay; her machines wait until she has enrolled again. She and every security officer
        are told. Raises Denied if one of the two is the person herself, by this account or another.
        """
        code, ends = tokens.new_code(), Instant(self._clock.now() + ENROLMENT_VALID)

        def work(tx: Transaction) -> Recorded[Invitation]:
            self._approvals.require(tx, op, "iam.person.re-enrol", codec.encode(request, ById))
            person, now = _person(tx, request.id), self._clock.now()
            require_staff(tx, person.person)
            self._require_others(tx, op, person.person)
            if person.state is IdentityState.SUSPENDED:
                raise _wrong_state(person.state)
            if person.state is not IdentityState.INVITED:
                change_state(tx, person.person, person.state, IdentityState.INVITED)
            leaving.recover(tx, person.person, now)
            credentials.invite(tx, person.person, tokens.code_fingerprint(code), ends)
            tell(tx, person.person, NoticeKind.RE_ENROLMENT, op.at, op.origin)
            for officer in identities.active_holders(tx, Role.SECURITY_OFFICER, now):
                tell(tx, officer, NoticeKind.RECOVERY, op.at, op.origin)
            entry = op.allowed("iam.person.re-enrol", Resource("Identity", person.person))
            return Recorded(Invitation(person=person.person, code=code, expires_at=ends), entry)

        return await self._db.write(work)

    def _require_others(self, tx: Transaction, op: Operation, person: str) -> None:
        """Neither who asked for it nor who approved is the person herself: a second account recovers no first one."""
        given = intents.approvals(tx, op.approval) if op.approval else []
        if any(
            humans.same(tx, one, person) for one in (op.actor.person or op.actor.id, *(row.person for row in given))
        ):
            raise Denied("nobody recovers an account of one's own", code="iam.same-person", hint="ask two others")


def new_person(login: str, name: str, email: str, now: Instant, *, by: str) -> Person:
    """A person as she is created; nothing is stored yet. Raises Invalid."""
    return Person(
        new_id("per"), check_login(login), check_name(name), check_email(email), IdentityState.INVITED, by, now
    )


def add_person(tx: Transaction, new: Person, code_hash: bytes, code_ends: Instant) -> None:
    """Store a person with her enrolment code. Raises Conflict if login or e-mail address are taken."""
    add_person_without_code(tx, new)
    credentials.invite(tx, new.id, code_hash, code_ends)


def add_person_without_code(tx: Transaction, new: Person) -> None:
    """Store a person who cannot enrol yet: two others give her a code. Raises Conflict if login or address are taken."""
    if identities.taken(tx, new.login, new.email):
        raise Conflict(
            "login or e-mail address is taken", code="iam.person-exists", hint="one account a person: find hers"
        )
    identities.add_identity(
        tx, Identity(new.id, IdentityKind.PERSON, new.name, new.state, new.id, new.created_by, new.created_at)
    )
    identities.add_person(tx, new.id, new.login, new.email)


def change_state(tx: Transaction, identity_id: str, before: IdentityState, after: IdentityState) -> None:
    """Move an identity along the table of transitions. Raises Conflict."""
    if after not in IDENTITY_TRANSITIONS[before]:
        raise _wrong_state(before)
    identities.set_state(tx, identity_id, after)


def require_state(state: IdentityState, needed: IdentityState) -> None:
    """Raises Conflict."""
    if state is not needed:
        raise _wrong_state(state)


def _person(tx: Transaction, person_id: str) -> Factors:
    found = identities.factors_of(tx, person_id)
    if found is None:
        raise _unknown()
    return found


def _wrong_state(state: IdentityState) -> Conflict:
    return Conflict(f"the identity is {state.value}", code=f"iam.identity-{state.value}")


def _unknown() -> NotFound:
    return NotFound("no such person", code="iam.no-person")


def _view(person: Person) -> PersonView:
    return PersonView(
        id=person.id,
        login=person.login,
        name=person.name,
        email=person.email,
        state=person.state.value,
        created_by=person.created_by,
        created_at=person.created_at,
    )
