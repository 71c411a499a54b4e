"""The port `objects.ports.Subjects`: the object store asks consent, in the transaction of each read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from nexus.consent import store
from nexus.consent.model import DataCategory, Decision, Question, Reason, Recipient, Ruling, Sensitivity
from nexus.consent.rulings import Rulings
from nexus.consent.rulings import Version as Decided
from nexus.iam.store import identities
from nexus.kernel.clock import MINUTE, Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.operation import Operation
from nexus.objects.consenting import FOR_EVER
from nexus.objects.declaration import Declaration
from nexus.objects.errors import BAD_DECLARATION
from nexus.objects.model import Bucket, BucketKind
from nexus.objects.ports import Ruled, Version
from nexus.projects import store as projects
from nexus.projects.rules import readiness
from nexus.warehouse.releases import store as releases
from nexus.warehouse.releases.model import ReleaseState

REMEMBERED_FOR: Final = 5 * MINUTE
"""How long a ruling is used that nothing else ends: its version is compared at each use all the same."""
_SITE, _PROJECT = "site:", "project:"
_ANY: Final = Ruled(True, "", None, FOR_EVER)
_SHUT: Final = Ruled(False, "release")
"""No release that is open lies there."""
_NOT_READY: Final = Ruled(False, "project")
"""A decision about its project is missing, has ended, or the project does not go on."""


class Subjects:
    """What patients allow, by their decisions and by the rights that say for whom somebody reads."""

    def __init__(self, rulings: Rulings) -> None:
        self._rulings = rulings

    def version(self, tx: Transaction) -> Version:
        """Of all decisions, and of all rights: a right that changes may change for which site or project one reads."""
        rights = tx.one(identities.READ_VERSION)
        if rights is None:
            raise Unavailable("the rights cannot be read", code="iam.no-version", hint="run `nexus doctor`")
        return *self._rulings.version(tx), int(rights[0])

    def changed(self, tx: Transaction, since: Version, now: Version) -> Collection[str] | None:
        if since[-1] != now[-1]:
            return None
        return self._rulings.changed(tx, Decided(*since[:-1]), Decided(*now[:-1]))

    def rulings(self, tx: Transaction, op: Operation, bucket: Bucket, subjects: Sequence[str]) -> Mapping[str, Ruled]:
        declared = bucket.subjects
        if declared is None:
            return {}
        recipient, ends = _recipient(tx, op, bucket)
        emergency = _in_emergency(op)
        question = Question(
            subjects=tuple(subjects),
            purpose=op.purpose,
            recipient=recipient,
            at=op.at,
            categories=declared.categories,
            source=declared.source,
            sensitivity=Sensitivity(declared.sensitivity),
            break_glass=emergency,
        )
        histories = store.histories(tx, question.subjects)
        if emergency and op.actor.break_glass_until is not None:
            ends = min(ends, op.actor.break_glass_until)
        return {
            subject: _ruled(ruling, min(ends, _next_date(histories.get(subject, ()), op.at)))
            for subject, ruling in self._rulings.of(tx, question).items()
        }

    def standing(self, tx: Transaction, bucket: Bucket, at: Instant) -> Ruled:
        if bucket.kind is not BucketKind.RELEASE:
            return _ANY
        found = releases.of_bucket(tx, bucket.name)
        if found is None or found[1] is not ReleaseState.OPEN:
            return _SHUT
        project = projects.project(tx, found[0])
        if project is None:
            return _SHUT
        ready = readiness(project, projects.decisions(tx, project.id), at)
        return Ruled(True, "", None, ready.until) if ready.until is not None else _NOT_READY

    def renew(self, tx: Transaction) -> None:
        store.raise_version(tx)

    def belong(self, tx: Transaction, site: str, subjects: Sequence[str]) -> bool:
        found = [store.subject(tx, each) for each in subjects]
        return all(each is not None and site in {"", each.site} for each in found)

    def check(self, declared: Declaration) -> None:
        unknown = set(declared.categories) - set(DataCategory)
        if unknown or declared.sensitivity not in set(Sensitivity):
            raise Invalid(
                "patients do not decide in these words",
                code=BAD_DECLARATION,
                hint=f"categories: {', '.join(DataCategory)}; sensitivities: {', '.join(Sensitivity)}",
            )


def _ruled(ruling: Ruling, until: Instant) -> Ruled:
    """Who is unknown may be registered at any moment, which changes nobody else's rulings: that is not remembered."""
    if ruling.reason is Reason.UNKNOWN_SUBJECT:
        until = Instant(0)
    return Ruled(ruling.allowed, ruling.reason.value, ruling.decision, until)


def _in_emergency(op: Operation) -> bool:
    until = op.actor.break_glass_until
    return op.actor.break_glass is not None and until is not None and op.at < until


def _recipient(tx: Transaction, op: Operation, bucket: Bucket) -> tuple[Recipient, Instant]:
    """For whom the actor reads, and until when that is sure. Of several sites or projects, he reads for none by name.

    A bucket of a project is read for that project: it is the project's right that opens it.
    """
    grants = identities.grants_of(tx, op.actor.id, op.at)
    holding = [grant.scope for grant in grants if grant.starts_at <= op.at]
    dates = [date for grant in grants for date in (grant.starts_at, grant.ends_at)]
    recipient = Recipient(
        site=_only(holding, _SITE),
        project=bucket.project or _only(holding, _PROJECT),
        person=op.actor.person or op.actor.id,
    )
    return recipient, _next(dates, op.at)


def _only(scopes: Iterable[str], kind: str) -> str:
    named = {scope.removeprefix(kind) for scope in scopes if scope.startswith(kind)}
    return named.pop() if len(named) == 1 else ""


def _next_date(decisions: Iterable[Decision], at: Instant) -> Instant:
    """The next moment at which a provision begins or ends by itself."""
    periods = [provision.valid for decision in decisions for provision in decision.provisions]
    return _next([date for period in periods for date in (period.start, period.end) if date is not None], at)


def _next(dates: Iterable[Instant], at: Instant) -> Instant:
    return min((date for date in dates if date > at), default=Instant(at + REMEMBERED_FOR))
