"""The stories of a project, from the request to the archive."""

from collections.abc import Iterable

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NexusError, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource
from nexus.projects import rules, store
from nexus.projects.model import Decision, DecisionKind, Project, ProjectState, Scope, no_project
from nexus.projects.ports import Gate
from nexus.projects.requests import (
    DecisionView,
    IssuePermit,
    JudgeProject,
    ListProjects,
    NamedProject,
    Projects,
    ProjectView,
    RecordDecision,
    RequestProject,
    RevokeDecision,
)

SCANNED = 1_000
"""Projects looked at for one page of those that somebody may see."""


def project_resource(name: str) -> Resource:
    """A project as the gate and the log see it, whether or not it exists: it lies in the scope of its name."""
    return Resource("Project", name, {"project": name})


class ProjectService:
    """One method for each operation."""

    def __init__(self, database: Database, gate: Gate, clock: Clock) -> None:
        self._database = database
        self._gate = gate
        self._clock = clock

    # A project and its life

    async def request(self, op: Operation, request: RequestProject) -> ProjectView:
        """File a project. Raises Invalid, Conflict if the name was ever used."""
        rules.require_name(request.name)
        now = self._clock.now()
        new = Project(
            id=new_id("prj"),
            name=request.name,
            title=request.title,
            controller=request.controller,
            purpose=request.purpose,
            legal_basis=request.legal_basis,
            summary=request.summary,
            state=ProjectState.REQUESTED,
            requested_by=op.actor.id,
            requested_at=now,
            changed_at=now,
        )

        def work(tx: Transaction) -> Recorded[ProjectView]:
            if store.project(tx, new.name) is not None:
                raise Conflict("a project of this name exists, or existed", code="projects.name-taken")
            store.add_project(tx, new)
            return Recorded(_view(new, (), self._clock), op.allowed("projects.project.request", _resource(new)))

        return await self._database.write(work)

    async def read(self, op: Operation, request: NamedProject) -> ProjectView:
        """A project with every decision about it. Raises NotFound."""
        with self._database.read() as tx:
            found = _find(tx, request.name)
            decisions = store.decisions(tx, found.id)
        await self._database.record(op.allowed("projects.project.read", _resource(found)))
        return _view(found, decisions, self._clock)

    async def list(self, op: Operation, request: ListProjects) -> Projects:
        """The projects that the actor may see, by name, without their decisions."""
        with self._database.read() as tx:
            found = store.projects(tx, request.after, SCANNED)
            decisions = {one.id: store.decisions(tx, one.id) for one in found}
        seen = [one for one in found if self._may_see(op, one)]
        views = tuple(_view(one, decisions[one.id], self._clock, whole=False) for one in seen[: request.limit])
        more = len(seen) > request.limit or len(found) == SCANNED
        last = views[-1].name if len(seen) > request.limit else found[-1].name if found else None
        await self._database.record(op.allowed("projects.project.list", PLATFORM, rows=len(views)))
        return Projects(projects=views, next=last if more else None)

    async def authorise(self, op: Operation, request: JudgeProject) -> ProjectView:
        """The project may be prepared. Raises NotFound, Conflict."""
        return await self._move(op, "authorise", request.name, ProjectState.AUTHORISED, request.reason)

    async def refuse(self, op: Operation, request: JudgeProject) -> ProjectView:
        """The project is not done. Raises NotFound, Conflict."""
        return await self._move(op, "refuse", request.name, ProjectState.REFUSED, request.reason)

    async def open(self, op: Operation, request: NamedProject) -> ProjectView:
        """Work for the project may begin, or go on. Raises NotFound, Conflict that names every decision it lacks."""
        return await self._move(op, "open", request.name, ProjectState.OPEN)

    async def suspend(self, op: Operation, request: JudgeProject) -> ProjectView:
        """Stop at once; what was built stays. Raises NotFound, Conflict."""
        return await self._move(op, "suspend", request.name, ProjectState.SUSPENDED, request.reason)

    async def close(self, op: Operation, request: JudgeProject) -> ProjectView:
        """The project is over. Raises NotFound, Conflict."""
        return await self._move(op, "close", request.name, ProjectState.CLOSED, request.reason)

    async def archive(self, op: Operation, request: NamedProject) -> ProjectView:
        """Nothing of it changes any more. Raises NotFound, Conflict."""
        return await self._move(op, "archive", request.name, ProjectState.ARCHIVED)

    # What was decided about it

    async def record_assessment(self, op: Operation, request: RecordDecision) -> ProjectView:
        """The impact assessment of the controller. Raises NotFound, Invalid, Conflict."""
        return await self._decide(op, "projects.assessment.record", request, DecisionKind.ASSESSMENT)

    async def record_homologation(self, op: Operation, request: RecordDecision) -> ProjectView:
        """The signed homologation of its space. Raises NotFound, Invalid, Conflict."""
        return await self._decide(op, "projects.homologation.record", request, DecisionKind.HOMOLOGATION)

    async def issue_permit(self, op: Operation, request: IssuePermit) -> ProjectView:
        """What it may read. Raises NotFound, Invalid, Conflict if the pseudonym domain is another project's."""
        rules.require_scope(request.scope)
        return await self._decide(op, "projects.permit.issue", request, DecisionKind.PERMIT, request.scope)

    async def revoke(self, op: Operation, request: RevokeDecision) -> ProjectView:
        """A decision holds no more, at once. Raises NotFound, Conflict if it was revoked before."""
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[ProjectView]:
            found = _find(tx, request.name)
            if request.decision not in {decision.id for decision in store.decisions(tx, found.id)}:
                raise NotFound("the project has no such decision", code="projects.no-decision")
            if not store.revoke(tx, found.id, request.decision, now):
                raise Conflict("this decision was revoked before", code="projects.revoked")
            entry = op.allowed(
                "projects.decision.revoke", _resource(found), decision=request.decision, reason=request.reason
            )
            return Recorded(_view(found, store.decisions(tx, found.id), self._clock), entry)

        return await self._database.write(work)

    # For those who build and open things for projects

    def ready(self, tx: Transaction, name: str) -> Decision:
        """The permit that holds now, in the caller's transaction. Raises NotFound, Conflict `projects.not-ready`."""
        found = _find(tx, name)
        return rules.require_ready(rules.readiness(found, store.decisions(tx, found.id), self._clock.now()))

    async def _move(
        self, op: Operation, verb: str, name: str, state: ProjectState, reason: str | None = None
    ) -> ProjectView:
        now = self._clock.now()

        def work(tx: Transaction) -> Recorded[ProjectView]:
            found = _find(tx, name)
            rules.require_follows(found.state, state)
            decisions = store.decisions(tx, found.id)
            if state is ProjectState.OPEN and (lacks := rules.lacks_to_open(found, decisions, now)):
                raise rules.not_ready(lacks)
            store.set_state(tx, found.id, state, now)
            entry = op.allowed(f"projects.project.{verb}", _resource(found), was=found.state.value, reason=reason)
            return Recorded(_view(_find(tx, name), decisions, self._clock), entry)

        return await self._database.write(work)

    async def _decide(
        self, op: Operation, action: str, request: RecordDecision, kind: DecisionKind, scope: Scope | None = None
    ) -> ProjectView:
        now = self._clock.now()
        rules.require_period(request.decided_on, request.ends_at, now)

        def work(tx: Transaction) -> Recorded[ProjectView]:
            found = _find(tx, request.name)
            if found.state in _OVER:
                raise Conflict(
                    f"a project that is {found.state.value} is given nothing any more", code="projects.state"
                )
            if scope is not None and not store.take_domain(tx, scope.pseudonym_domain, found.id):
                raise Conflict("this pseudonym domain belongs to another project", code="projects.domain-taken")
            made = Decision(
                *(new_id("pdc"), found.id, kind, request.reference, request.decided_on, request.ends_at),
                *(op.actor.id, scope),
            )
            store.add_decision(tx, made, now)
            entry = op.allowed(action, _resource(found), decision=made.id)
            return Recorded(_view(found, store.decisions(tx, found.id), self._clock), entry)

        return await self._database.write(work)

    def _may_see(self, op: Operation, found: Project) -> bool:
        try:
            self._gate.check(op, "projects.project.read", _resource(found))
        except NexusError:
            return False
        return True


_OVER = frozenset({ProjectState.REFUSED, ProjectState.CLOSED, ProjectState.ARCHIVED})


def _resource(found: Project) -> Resource:
    return project_resource(found.name)


def _find(tx: Transaction, name: str) -> Project:
    found = store.project(tx, name)
    if found is None:
        raise no_project()
    return found


def _view(found: Project, decisions: Iterable[Decision], clock: Clock, *, whole: bool = True) -> ProjectView:
    held = tuple(decisions)
    now = rules.readiness(found, held, clock.now())
    return ProjectView(
        id=found.id,
        name=found.name,
        title=found.title,
        controller=found.controller,
        purpose=found.purpose,
        legal_basis=found.legal_basis,
        summary=found.summary,
        state=found.state,
        requested_by=found.requested_by,
        requested_at=found.requested_at,
        changed_at=found.changed_at,
        lacks=now.lacks,
        until=now.until,
        decisions=tuple(map(_decision_view, held)) if whole else (),
    )


def _decision_view(decision: Decision) -> DecisionView:
    return DecisionView(
        id=decision.id,
        kind=decision.kind,
        reference=decision.reference,
        decided_on=decision.decided_on,
        ends_at=decision.ends_at,
        recorded_by=decision.recorded_by,
        scope=decision.scope,
        revoked_at=decision.revoked_at,
    )
