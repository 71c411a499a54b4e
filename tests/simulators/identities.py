"""The few operations of identity that the command line's own commands need, with their real specs and no cryptography."""

from dataclasses import replace
from typing import Any

from nexus.app.operations import operation
from nexus.iam.model import Approval, Intent, IntentState, Role
from nexus.iam.requests.approvals import Approve
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.rights import Me
from nexus.iam.requests.sessions import ConfirmEnrolment, Enrolled, Enrolling, SignedIn, SignIn, StartEnrolment
from nexus.iam.requests.step_up import ProveStepUp, StepUpProof
from nexus.kernel.clock import DAY, Instant, SystemClock
from nexus.kernel.errors import Conflict, Unauthenticated
from nexus.kernel.operation import PLATFORM, Actor, ActorKind, Operation, OperationSpec
from nexus.kernel.secret import Secret

ADA = Actor("per_ada", ActorKind.PERSON, "Ada", person="per_ada", session="ses_1")


class Identities:
    """One person, Ada: code `1234`, then whatever password she chose and TOTP `000000`; one intent to approve."""

    def __init__(self, tokens: Any) -> None:
        self._tokens = tokens
        self.password: Secret | None = None
        self.enrolled = False
        self.signed_in_with: list[SignIn] = []
        self.approved_digests: list[str] = []
        self.proved: list[tuple[str, str]] = []

    async def start(self, op: Operation, request: StartEnrolment) -> Enrolling:
        if request.code != Secret(b"1234"):
            raise Unauthenticated("the code is not valid", code="iam.enrolment")
        self.password = request.password
        return Enrolling(otpauth_uri=Secret(b"otpauth://totp/Nexus:ada?secret=JBSWY3DPEHPK3PXP&issuer=Nexus"))

    async def confirm(self, op: Operation, request: ConfirmEnrolment) -> Enrolled:
        if request.totp != Secret(b"000000"):
            raise Unauthenticated("the code is not valid", code="iam.enrolment")
        self.enrolled = True
        return Enrolled(person=ADA.id)

    async def sign_in(self, op: Operation, request: SignIn) -> SignedIn:
        self.signed_in_with.append(request)
        if not self.enrolled or request.password != self.password:
            raise Unauthenticated("login, password or code is wrong", code="iam.sign-in")
        self._tokens.sessions["token-ada"] = (ADA, op.client)
        return SignedIn(
            token=Secret(b"token-ada"),
            device=Secret(b"device-ada"),
            session="ses_1",
            person=ADA.id,
            expires_at=Instant(SystemClock().now() + DAY),
        )

    async def end(self, op: Operation, request: ById) -> None:
        if request.id != "ses_1":
            raise Conflict("another session", code="iam.session")
        del self._tokens.sessions["token-ada"]

    async def me(self, op: Operation, request: Nothing) -> Me:
        return Me(id=op.actor.id, kind="person", name="Ada", session=op.actor.session, grants=())

    async def prove(self, op: Operation, request: ProveStepUp) -> StepUpProof:
        if request.totp != Secret(b"000000"):
            raise Unauthenticated("the code is not valid", code="iam.wrong-factor")
        self.proved.append((request.digest, "000000"))
        return StepUpProof(proof=Secret(b"fresh"), expires_at=SystemClock().now())

    async def read(self, op: Operation, request: ById) -> Intent:
        return self._intent(IntentState.PROPOSED)

    async def approve(self, op: Operation, request: Approve) -> Intent:
        self.approved_digests.append(request.digest)
        return self._intent(IntentState.APPROVED)

    def _intent(self, state: IntentState) -> Intent:
        at = SystemClock().now()
        return Intent(
            id="int_1",
            operation="kms.key.destroy",
            sentence="destroy key key_1 for good",
            resource="Key:key_1",
            request='{"key_id":"key_1"}',
            digest="d" * 64,
            requester="per_bob",
            requester_person="per_bob",
            approver_role=Role.KEY_CUSTODIAN,
            approvals_needed=1,
            approvals=(Approval(person=ADA.id, at=at),) if state is IntentState.APPROVED else (),
            state=state,
            proposed_at=at,
            expires_at=at,
        )


def _simulated(name: str, run: Any) -> OperationSpec:
    return replace(operation(name), run=run, resource=lambda service, request: PLATFORM)


OPERATIONS: tuple[OperationSpec, ...] = (
    _simulated("iam.enrolment.start", Identities.start),
    _simulated("iam.enrolment.confirm", Identities.confirm),
    _simulated("iam.session.create", Identities.sign_in),
    _simulated("iam.session.end", Identities.end),
    _simulated("iam.me.read", Identities.me),
    _simulated("iam.step-up.prove", Identities.prove),
    _simulated("iam.approval.read", Identities.read),
    _simulated("iam.approval.approve", Identities.approve),
)
