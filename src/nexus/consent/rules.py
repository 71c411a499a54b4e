"""What follows from a patient's decisions. Pure: no clock, no store, no randomness.

`decide` answers for one subject, in numbered steps (docs/explanation/consent.md):

1. A purpose that patients do not decide about reads no data of subjects.
2. The history is folded: what was replaced or corrected counts no more, a withdrawn decision permits no more.
3. Broken glass (care only): a denial that speaks of emergencies refuses; else it is allowed, within what was permitted for
   emergencies if anything was.
4. Secondary use while the general objection stands: refused.
5. A denial that may concern these data: refused.
6. Permissions that surely cover all these data: allowed.
7. A permission that covered them and has ended, withdrawn or by its date: refused. No default rule revives it.
8. Otherwise the default rule: care is allowed unless the patient has permitted some care only; secondary use by its legal basis,
   of which public interest allows what no permission for this very recipient is narrower than.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nexus.consent.model import (
    COVERED,
    Decision,
    DecisionKind,
    Effect,
    LegalBasis,
    Period,
    Provision,
    Question,
    Reason,
    Ruling,
    Status,
)
from nexus.iam.model import SECONDARY_USE, Purpose
from nexus.kernel.clock import Instant

_GIVING = frozenset({DecisionKind.PERMISSIONS, DecisionKind.CORRECTION})


@dataclass(frozen=True, slots=True)
class Bases:
    """The legal basis of each use that has another one than consent. The more precise entry wins."""

    by_project: Mapping[str, LegalBasis] = field(default_factory=dict)
    by_purpose: Mapping[str, LegalBasis] = field(default_factory=dict)

    def of(self, purpose: str, project: str) -> LegalBasis:
        """The basis of a use: of the project if it has one of its own, else of the purpose, else consent."""
        return (self.by_project.get(project) if project else None) or self.by_purpose.get(purpose, LegalBasis.CONSENT)


CONSENT_ONLY = Bases()


@dataclass(frozen=True, slots=True)
class Standing:
    """A history, folded. `withdrawn`: permissions taken back; their denials are still in `giving`."""

    objection: Decision | None
    giving: tuple[Decision, ...]
    """Decisions whose provisions count, oldest first."""
    withdrawn: frozenset[str]


def fold(decisions: Iterable[Decision]) -> Standing:
    """What a history comes to. The order in which rows are given does not matter: their numbers do."""
    history = sorted(decisions, key=lambda each: each.number)
    void = {named for each in history if each.kind is DecisionKind.CORRECTION for named in each.about}
    objection: Decision | None = None
    giving: dict[str, Decision] = {}
    withdrawn: set[str] = set()
    for decision in history:
        if decision.kind is DecisionKind.CORRECTION and not giving.keys() & set(decision.about):
            continue  # it strikes out, or corrects what something else has replaced since
        if decision.kind in _GIVING:
            if decision.kind is DecisionKind.CORRECTION and withdrawn.intersection(decision.about):
                withdrawn.add(decision.id)  # what stands in place of a withdrawn decision is withdrawn too
            for named in decision.about:
                giving.pop(named, None)
            giving[decision.id] = decision
        elif decision.id in void:
            continue  # recorded by mistake, as two persons have said since
        elif decision.kind is DecisionKind.WITHDRAWAL:
            withdrawn.update(decision.about)
        else:
            objection = (objection or decision) if decision.kind is DecisionKind.OBJECTION else None
    return Standing(objection, tuple(giving.values()), frozenset(withdrawn & giving.keys()))


def decide(question: Question, decisions: Sequence[Decision], bases: Bases = CONSENT_ONLY) -> Ruling:
    """The ruling for one subject. `decisions`: his whole history."""
    if question.purpose not in COVERED:
        return Ruling(False, Reason.PURPOSE)
    standing = fold(decisions)
    if question.break_glass and question.purpose == Purpose.CARE:
        return _in_emergency(question, standing)
    return _refused(question, standing) or _permitted(question, standing) or _default(question, standing, bases)


def _refused(question: Question, standing: Standing) -> Ruling | None:
    """What the patient has refused."""
    if question.purpose in SECONDARY_USE and standing.objection is not None:
        return Ruling(False, Reason.OBJECTION, standing.objection.id)
    denial = _denial(question, standing, emergency=False)
    return None if denial is None else Ruling(False, Reason.DENIED, denial.id)


def _permitted(question: Question, standing: Standing) -> Ruling | None:
    """What the patient has permitted; refused if she has, and it ended."""
    permission = _permission(question, standing, emergency=False)
    return _ended(question, standing) if permission is None else Ruling(True, Reason.PERMITTED, permission.id)


def _in_emergency(question: Question, standing: Standing) -> Ruling:
    if denial := _denial(question, standing, emergency=True):
        return Ruling(False, Reason.DENIED, denial.id)
    named = [decision for decision in standing.giving if any(_permits(p) and p.emergency for p in decision.provisions)]
    if not named:
        return Ruling(True, Reason.EMERGENCY)
    permission = _permission(question, standing, emergency=True)
    if permission is None:
        return Ruling(False, Reason.NOT_COVERED, named[-1].id)
    return Ruling(True, Reason.EMERGENCY, permission.id)


def _denial(question: Question, standing: Standing, *, emergency: bool) -> Decision | None:
    for decision in standing.giving:
        for provision in decision.provisions:
            if (
                provision.effect is Effect.DENY
                and provision.emergency is emergency
                and _may_concern(provision, question)
            ):
                return decision
    return None


def _permission(question: Question, standing: Standing, *, emergency: bool) -> Decision | None:
    """The decision that permits all of the data, category by category: the newest of those that take part."""
    best: Decision | None = None
    for category in question.categories or (None,):
        found = next(_permitting(question, standing, category, emergency), None)
        if found is None:
            return None
        best = found if best is None or found.number > best.number else best
    return best


def _permitting(question: Question, standing: Standing, category: str | None, emergency: bool) -> Iterator[Decision]:
    for decision in reversed(standing.giving):
        if decision.id in standing.withdrawn:
            continue
        for provision in decision.provisions:
            if not _permits(provision) or (provision.emergency and not emergency):
                continue
            if _surely_covers(provision, question, category) and _holds(provision.valid, question.at):
                yield decision


def _ended(question: Question, standing: Standing) -> Ruling | None:
    """A permission that covered some of the data and holds no more."""
    for decision in reversed(standing.giving):
        gone = decision.id in standing.withdrawn
        for provision in decision.provisions:
            over = provision.valid.end is not None and provision.valid.end <= question.at
            if _permits(provision) and not provision.emergency and (gone or over) and _overlaps(provision, question):
                return Ruling(False, Reason.WITHDRAWN if gone else Reason.EXPIRED, decision.id)
    return None


def _default(question: Question, standing: Standing, bases: Bases) -> Ruling:
    if question.purpose == Purpose.CARE:
        narrowed = _permitted_purpose(question, standing)
        return Ruling(True, Reason.CARE) if narrowed is None else Ruling(False, Reason.NOT_COVERED, narrowed.id)
    if bases.of(question.purpose, question.recipient.project) is LegalBasis.PUBLIC_INTEREST:
        some = _permitted_purpose(question, standing, to_recipient=True)
        return Ruling(True, Reason.PUBLIC_INTEREST) if some is None else Ruling(False, Reason.NOT_COVERED, some.id)
    other = _permitted_purpose(question, standing)
    return Ruling(False, Reason.NO_DECISION) if other is None else Ruling(False, Reason.NOT_COVERED, other.id)


def _permitted_purpose(question: Question, standing: Standing, *, to_recipient: bool = False) -> Decision | None:
    """The newest decision that permits something for this purpose; `to_recipient`: to whoever asks."""
    for decision in reversed(standing.giving):
        for p in decision.provisions:
            named = _permits(p) and not p.emergency and question.purpose in p.purposes and _begun(p, question.at)
            if named and (not to_recipient or _receives(p, question)):
                return decision
    return None


def _begun(provision: Provision, at: Instant) -> bool:
    return provision.valid.start is None or provision.valid.start <= at


def _permits(provision: Provision) -> bool:
    return provision.effect is Effect.PERMIT


def _surely_covers(provision: Provision, question: Question, category: str | None) -> bool:
    """Whether all data of this category are within a provision. What is not known of them is outside."""
    if question.purpose not in provision.purposes or not _receives(provision, question):
        return False
    if provision.categories and category not in provision.categories:
        return False
    if provision.sources and question.source not in provision.sources:
        return False
    if provision.sensitivities and question.sensitivity not in provision.sensitivities:
        return False
    if provision.references and not set(provision.references) & set(question.references):
        return False
    return _contains(provision.collected, question.collected)


def _may_concern(provision: Provision, question: Question) -> bool:
    """Whether some of the data may be within a provision that holds now. What is not known of them may be."""
    return _holds(provision.valid, question.at) and _overlaps(provision, question)


def _overlaps(provision: Provision, question: Question) -> bool:
    if question.purpose not in provision.purposes or not _receives(provision, question):
        return False
    if provision.categories and question.categories and not set(provision.categories) & set(question.categories):
        return False
    if provision.sources and question.source and question.source not in provision.sources:
        return False
    if provision.sensitivities and question.sensitivity and question.sensitivity not in provision.sensitivities:
        return False
    if provision.references and question.references and not set(provision.references) & set(question.references):
        return False
    return _meets(provision.collected, question.collected)


def _receives(provision: Provision, question: Question) -> bool:
    who = question.recipient
    return (
        (not provision.projects or who.project in provision.projects)
        and (not provision.sites or who.site in provision.sites)
        and (not provision.persons or who.person in provision.persons)
    )


def _holds(period: Period, at: Instant) -> bool:
    return (period.start is None or period.start <= at) and (period.end is None or at < period.end)


def _contains(period: Period, span: tuple[Instant, Instant] | None) -> bool:
    if period.start is None and period.end is None:
        return True
    return (
        span is not None
        and (period.start is None or period.start <= span[0])
        and (period.end is None or span[1] < period.end)
    )


def _meets(period: Period, span: tuple[Instant, Instant] | None) -> bool:
    if span is None:
        return True
    return (period.start is None or period.start <= span[1]) and (period.end is None or span[0] < period.end)


def status_of(decision: Decision, decisions: Sequence[Decision], at: Instant) -> Status:
    """Where one decision of a history stands at a moment."""
    standing = fold(decisions)
    if decision.kind not in _GIVING:
        stands = standing.objection is not None and standing.objection.id == decision.id
        return Status.IN_FORCE if stands else Status.SPENT
    if all(each.id != decision.id for each in standing.giving):
        return Status.REPLACED
    if decision.id in standing.withdrawn:
        return Status.WITHDRAWN
    ends = [provision.valid.end for provision in decision.provisions]
    over = bool(ends) and all(end is not None and end <= at for end in ends)
    return Status.EXPIRED if over else Status.IN_FORCE
