"""A small population for tests: founders and others, enrolled and signed in through the real services."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from nexus.iam import totp
from nexus.iam.approvals import Approvals
from nexus.iam.authenticator import Authenticator
from nexus.iam.conditions import NO_CONDITIONS, Conditions
from nexus.iam.federation.issuer import OutsideIssuer
from nexus.iam.gate import Gate
from nexus.iam.migrations import MIGRATIONS
from nexus.iam.model import Founder, Role
from nexus.iam.operations import OPERATIONS
from nexus.iam.passwords import Cost, Passwords
from nexus.iam.ports import Evidence
from nexus.iam.relying_party import RelyingParty
from nexus.iam.requests.approvals import Approve
from nexus.iam.requests.forms import ById
from nexus.iam.requests.persons import CreatePerson
from nexus.iam.requests.rights import GrantRole, GrantView
from nexus.iam.requests.sessions import ConfirmEnrolment, SignedIn, SignIn, StartEnrolment
from nexus.iam.service import IdentityService
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Database
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, Actor, Entry, Operation, OperationSpec
from nexus.kernel.secret import Secret
from nexus.web import codec
from simulators.clock import ManualClock
from simulators.databases import database
from simulators.recorder import MemoryRecorder

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
"""argon2id at a cost that only tests may use."""
SEALING_KEY = Secret(b"s" * 32)
PARTY = RelyingParty.at("https://console.test:8443")
PASSWORD = "correct horse battery 7"
HOME = "192.0.2.10"
BROWSER = "browser/1"
SPECS: dict[str, OperationSpec] = {spec.name: spec for spec in OPERATIONS}
BOTH = frozenset({Role.SECURITY_OFFICER, Role.KEY_CUSTODIAN})


@dataclass(slots=True)
class Human:
    """A person as the outside world sees her: what she knows and what she holds."""

    id: str
    login: str
    password: str = PASSWORD
    authenticator: Secret | None = None
    code: Secret | None = None
    token: str = ""
    device: Secret | None = None
    actor: Actor = field(default=ANONYMOUS)


@contextmanager
def open_platform(
    folder: Path,
    conditions: Conditions = NO_CONDITIONS,
    evidence: Evidence | None = None,
    clock: ManualClock | None = None,
    before: Callable[[MemoryRecorder], Any] = lambda recorder: recorder,
) -> Iterator["Platform"]:
    """A fresh platform whose database lies in `folder`, with these conditions in force; closed at the end."""
    recorder = MemoryRecorder()
    db = database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=before(recorder))
    db.migrate(MIGRATIONS)
    platform = Platform(db, clock or ManualClock(), recorder, conditions, evidence)
    try:
        yield platform
    finally:
        platform.service.close()
        db.close()


class Platform:
    """The identity services over one database, and the people who use them."""

    def __init__(
        self,
        db: Database,
        clock: ManualClock,
        recorder: MemoryRecorder,
        conditions: Conditions = NO_CONDITIONS,
        evidence: Evidence | None = None,
    ) -> None:
        self.db = db
        self.recorder = recorder
        self.clock = clock
        self.gate = Gate(db, clock, conditions)
        self.approvals = Approvals(db, self.gate, clock)
        self.authenticator = Authenticator(db, clock, SEALING_KEY)
        self.evidence = evidence
        self.federate()

    def federate(self, *issuers: OutsideIssuer, **more: Any) -> None:
        """Start the services (again), with these outside issuers; `transport` leads to them."""
        self.service = IdentityService(
            self.db,
            self.clock,
            approvals=self.approvals,
            sealing_key=SEALING_KEY,
            party=PARTY,
            passwords=Passwords(CHEAP),
            evidence=self.evidence,
            issuers=issuers,
            **more,
        )

    def entries(self, action: str) -> list[Entry]:
        """What the audit log says of an action."""
        return [entry for entry in self.recorder.entries if entry.action == action]

    def op(
        self, actor: Actor | Human = ANONYMOUS, *, purpose: str = "operation", origin: str = HOME, client: str = BROWSER
    ) -> Operation:
        """An operation now."""
        who = actor.actor if isinstance(actor, Human) else actor
        return Operation(new_id("op"), who, purpose, self.clock.now(), origin, "test", client=client)

    async def call(self, name: str, op: Operation, request):
        """Do an operation as a door does: name the resource, ask the gate, run; sensitive ones return their intent."""
        spec = SPECS[name]
        resource = spec.resource(self.service, request)
        if spec.action:
            self.gate.check(op, spec.action, resource)
        if spec.sensitive:
            return await self.approvals.propose(op, spec, codec.encode(request, spec.request), resource)
        return await spec.run(self.service, op, request)

    async def execute(self, op: Operation, intent_id: str):
        """Carry out an approved intent as a door does."""
        self.gate.check(op, "iam.approval.execute", self.service.resources.intent(intent_id))
        claimed = await self.approvals.claim(op, intent_id)
        spec = SPECS[claimed.spec_name]
        request = codec.decode(claimed.request_json, spec.request)
        return await spec.run(self.service, replace(op, approval=intent_id), request)

    async def found(self, *logins: str) -> list[Human]:
        """The founding ceremony; each founder is security officer and key custodian, enrolled and signed in."""
        founders = [Founder(login, login.title(), f"{login}@nexus.example", BOTH) for login in logins]
        invitations = await self.service.founding.found(self.op(), founders)
        humans = [Human(i.person, login, code=i.code) for i, login in zip(invitations, logins, strict=True)]
        for human in humans:
            await self.enrol(human)
            await self.sign_in(human)
        return humans

    async def invite(self, by: Human, login: str) -> Human:
        """Create a person."""
        request = CreatePerson(login=login, name=login.title(), email=f"{login}@nexus.example")
        invitation = await self.call("iam.person.create", self.op(by), request)
        return Human(invitation.person, login, code=invitation.code)

    async def person(self, by: Human, login: str) -> Human:
        """Create, enrol and sign in a person."""
        human = await self.invite(by, login)
        await self.enrol(human)
        await self.sign_in(human)
        return human

    async def enrol(self, human: Human) -> None:
        """Both halves of enrolment."""
        assert human.code is not None
        start = StartEnrolment(login=human.login, code=human.code, password=Secret(human.password.encode()))
        answer = await self.call("iam.enrolment.start", self.op(), start)
        uri = urlparse(answer.otpauth_uri.reveal().decode())
        human.authenticator = Secret(parse_qs(uri.query)["secret"][0].encode())
        confirm = ConfirmEnrolment(login=human.login, code=human.code, totp=self.totp(human))
        await self.call("iam.enrolment.confirm", self.op(), confirm)

    def totp(self, human: Human, *, steps: int = 0) -> Secret:
        """The code that the authenticator shows now."""
        assert human.authenticator is not None
        return Secret(totp.code_at(human.authenticator, totp.step_of(self.clock.now()) + steps).encode())

    def credentials(self, human: Human, *, device: bool = True) -> SignIn:
        """What the person would type now."""
        return SignIn(
            login=human.login,
            password=Secret(human.password.encode()),
            totp=self.totp(human),
            device=human.device if device else None,
        )

    async def sign_in(self, human: Human, *, origin: str = HOME, client: str = BROWSER) -> SignedIn:
        """Open a session, half a minute later, so that the code is a new one."""
        self.clock.advance(totp.STEP_S * 1_000_000)
        op = self.op(origin=origin, client=client)
        signed_in = await self.call("iam.session.create", op, self.credentials(human))
        human.token, human.device = signed_in.token.reveal().decode(), signed_in.device
        human.actor = await self.authenticator.session(human.token, origin, client)
        return signed_in

    def role(self, human_id: str, role: Role, scope: str = "platform", days: int = 30) -> GrantRole:
        """A request for a role from now on."""
        return GrantRole(identity=human_id, role=role, scope=scope, ends_at=Instant(self.clock.now() + days * DAY))

    async def grant(self, by: Human, to: str, role: Role, scope: str = "platform", days: int = 30) -> GrantView:
        """Grant a role of data work."""
        return await self.call("iam.role.grant", self.op(by), self.role(to, role, scope, days))

    async def grant_privileged(self, by: Human, second: Human, to: str, role: Role) -> GrantView:
        """Grant a privileged role with the approval of a second person."""
        intent = await self.call("iam.role.grant-privileged", self.op(by), self.role(to, role))
        await self.approve(second, intent)
        return await self.execute(self.op(by), intent.id)

    async def approve(self, by: Human, intent):
        """Approve an intent after reading it."""
        read = await self.call("iam.approval.read", self.op(by), ById(id=intent.id))
        return await self.call("iam.approval.approve", self.op(by), Approve(id=intent.id, digest=read.digest))
