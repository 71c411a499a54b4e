"""What a Consent says, in no release of FHIR: the meeting point of both, and of the model."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nexus.consent.fhir.clauses import ALL_PURPOSES, Narrowing, Uses, provisions_of
from nexus.consent.fhir.troubles import unsupported
from nexus.consent.model import MAX_PROVISIONS, Effect, Provision, Scan
from nexus.iam.model import Purpose
from nexus.kernel.clock import Instant


class ConsentStatus(StrEnum):
    """States of a Consent that are known here, in both releases."""

    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class PatientName:
    """How a Consent names its patient: the subject's id, or the reference under which a site knows him."""

    subject: str = ""
    site: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Directive:
    """A Consent. `decided`: first moment of the stated date, and the first after it; None if it says none."""

    patient: PatientName
    provisions: tuple[Provision, ...]
    status: ConsentStatus = ConsentStatus.ACTIVE
    decided: tuple[Instant, Instant] | None = None
    decider: str = ""
    """Literal reference of who decided; empty: the patient."""
    site: str = ""
    scan: Scan | None = None


EVERYTHING: Final = (
    Provision(effect=Effect.DENY, purposes=ALL_PURPOSES),
    Provision(effect=Effect.DENY, purposes=(Purpose.CARE,), emergency=True),
)
"""A refusal without any criterion, and so of emergencies too."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule with its place in the resource, complete: what it took over is in `narrowing`."""

    effect: Effect
    narrowing: Narrowing
    place: str

    @property
    def only_emergency(self) -> bool:
        """Whether it speaks of broken glass and of nothing else."""
        uses = self.narrowing.uses
        return uses is not None and uses.emergency and not uses.purposes and not uses.projects


def flat(clauses: list[Clause], place: str) -> tuple[Provision, ...]:
    """The provisions of a list of rules, of which a denial wins. Raises Misfit where they are too many."""
    found = {
        provision: None
        for clause in clauses
        for provision in provisions_of(clause.effect, clause.narrowing, clause.place)
    }
    if len(found) > MAX_PROVISIONS:
        raise unsupported(place, f"it comes to more than {MAX_PROVISIONS} provisions")
    return tuple(found)


def refusal_of_all(exceptions: list[Clause], place: str) -> tuple[Provision, ...]:
    """A refusal without criterion, but for what is permitted in emergencies."""
    for clause in exceptions:
        if clause.effect is Effect.PERMIT and not clause.only_emergency:
            raise unsupported(
                clause.place, "a refusal wins over a permission within it; only an emergency (BTG) is apart"
            )
    return flat([Clause(Effect.DENY, Narrowing(), place), *exceptions], place) if exceptions else EVERYTHING


def rest_refused(permitted: list[Clause], place: str) -> list[Clause]:
    """The refusal of every purpose that no permission names."""
    named: set[Purpose] = set()
    for clause in permitted:
        uses = clause.narrowing.uses
        if uses is None:
            return []
        named.update(uses.purposes, (Purpose.RESEARCH,) if uses.projects else ())
    rest = tuple(purpose for purpose in ALL_PURPOSES if purpose not in named)
    return [Clause(Effect.DENY, Narrowing(uses=Uses(rest)), place)] if rest else []


def nested(parent: Clause, own: Narrowing, effect: Effect, place: str) -> Clause:
    """An exception within a rule. A refusal is no stage for permissions: it would win over them."""
    clause = Clause(effect, own.within_parent(parent.narrowing), place)
    if parent.effect is Effect.DENY and effect is Effect.PERMIT and not clause.only_emergency:
        raise unsupported(place, "a refusal wins over a permission within it; only an emergency (BTG) is apart")
    return clause


def valid_within(clauses: list[Clause], whole: Narrowing) -> list[Clause]:
    """Rules that hold while their Consent does, unless they say otherwise."""
    return [replace(clause, narrowing=clause.narrowing.within_parent(whole)) for clause in clauses]
