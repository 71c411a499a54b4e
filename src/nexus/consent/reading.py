"""Decisions, read: by those who decide, and by professionals."""

from collections.abc import Sequence

from nexus.consent import store
from nexus.consent.deciding import not_holder, view
from nexus.consent.holders import holding_now
from nexus.consent.model import COVERED, Decision, Question, Recipient, Status, Subject, subject_resource
from nexus.consent.requests import (
    Decisions,
    HolderView,
    Nothing,
    OwnSubject,
    OwnSubjects,
    PermissionView,
    ReadDecisions,
)
from nexus.consent.rules import fold, status_of
from nexus.consent.rulings import Rulings
from nexus.consent.subjects import concerning, no_subject
from nexus.consent.subjects import view as subject_view
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Transaction
from nexus.kernel.operation import PLATFORM, Operation

OWN_LIST = "consent.own.list"
OWN_READ = "consent.own.read"
EFFECTIVE = "consent.effective.read"


class Reading:
    """The stories that change nothing. Each is recorded before its answer leaves."""

    def __init__(self, database: Database, clock: Clock, rulings: Rulings) -> None:
        self._database = database
        self._clock = clock
        self._rulings = rulings

    async def own_subjects(self, op: Operation, request: Nothing) -> OwnSubjects:
        """For whom the account decides now."""
        now = self._clock.now()
        account = op.actor.person or op.actor.id
        with self._database.read() as tx:
            held = [each for each in store.holdings_of_account(tx, account) if each.holds(now)]
            found = [(each, store.subject(tx, each.subject)) for each in held]
        await self._database.record(op.allowed(OWN_LIST, PLATFORM, rows=len(found)))
        return OwnSubjects(
            subjects=tuple(
                OwnSubject(
                    subject=subject.id,
                    site=subject.site,
                    capacity=each.capacity,
                    until=each.until,
                    minor=subject_view(subject, now).minor,
                )
                for each, subject in found
                if subject is not None
            )
        )

    async def own(self, op: Operation, request: ReadDecisions) -> Decisions:
        """A subject for whom the account decides. Raises Denied otherwise, whether there is such a subject or not."""
        now = self._clock.now()
        with self._database.read() as tx:
            if holding_now(tx, op.actor.person or op.actor.id, request.subject, now) is None:
                raise not_holder()
            found = self._decisions(tx, request, now)
        await self._database.record(
            concerning(op.allowed(OWN_READ, subject_resource(request.subject)), request.subject)
        )
        return found

    async def effective(self, op: Operation, request: ReadDecisions) -> Decisions:
        """What a subject has decided, and what follows now. Raises NotFound."""
        now = self._clock.now()
        with self._database.read() as tx:
            found = self._decisions(tx, request, now)
        resource = subject_resource(request.subject, found.subject.site)
        await self._database.record(concerning(op.allowed(EFFECTIVE, resource), request.subject))
        return found

    def _decisions(self, tx: Transaction, request: ReadDecisions, now: Instant) -> Decisions:
        subject = store.subject(tx, request.subject)
        if subject is None:
            raise no_subject()
        history = store.history(tx, subject.id)
        views = [view(each, history, now) for each in _standing(history, now)]
        older = [each for each in reversed(history) if not request.before or each.number < request.before]
        page = older[: request.limit]
        return Decisions(
            subject=subject_view(subject, now),
            objection=fold(history).objection is not None,
            permissions=self._permissions(tx, subject, request, now),
            in_force=tuple(views),
            history=tuple(view(each, history, now) for each in page),
            next=page[-1].number if len(older) > len(page) else 0,
            holders=tuple(
                HolderView(account=each.account, capacity=each.capacity, starts_at=each.starts_at, until=each.until)
                for each in store.holdings_of_subject(tx, subject.id)
                if each.holds(now)
            ),
        )

    def _permissions(
        self, tx: Transaction, subject: Subject, request: ReadDecisions, now: Instant
    ) -> tuple[PermissionView, ...]:
        recipient = Recipient(request.recipient, request.project)
        found = []
        for purpose in sorted(COVERED):
            question = Question((subject.id,), purpose, recipient, now)
            ruling, far = self._rulings.of(tx, question)[subject.id], self._rulings.extent(tx, question)
            found.append(
                PermissionView(
                    purpose=purpose,
                    allowed=ruling.allowed,
                    reason=ruling.reason,
                    decision=ruling.decision,
                    extent=far,
                )
            )
        return tuple(found)


def _standing(history: Sequence[Decision], now: Instant) -> list[Decision]:
    """Decisions that count now, newest first."""
    return [each for each in reversed(history) if status_of(each, history, now) is Status.IN_FORCE]
