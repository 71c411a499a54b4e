"""One rule of a Consent, in either release: its own narrowing, what it takes over, and the provisions that it comes to.

Within one element several values are alternatives; elements together narrow. Where a provision of ours has no place for
that, the clause becomes several provisions.
"""

from dataclasses import dataclass, fields
from itertools import product
from typing import Final, TypeVar

from nexus.consent.fhir.troubles import unsupported
from nexus.consent.model import ALWAYS, COVERED, DataCategory, Effect, Period, Provision, Sensitivity
from nexus.iam.model import Purpose

First = TypeVar("First")
Second = TypeVar("Second")

ALL_PURPOSES: Final = tuple(purpose for purpose in Purpose if purpose in COVERED)


@dataclass(frozen=True, slots=True)
class Uses:
    """What a clause is about: purposes, named projects (which are research), and broken glass."""

    purposes: tuple[Purpose, ...] = ()
    projects: tuple[str, ...] = ()
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What one clause names; None where it names nothing."""

    uses: Uses | None = None
    recipients: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Sites and persons, as alternatives."""
    labels: tuple[tuple[Sensitivity, ...], tuple[DataCategory, ...]] | None = None
    """Degrees of confidentiality and sensitive categories, as alternatives."""
    kinds: tuple[DataCategory, ...] | None = None
    references: tuple[str, ...] | None = None
    collected: Period | None = None
    valid: Period | None = None
    sources: tuple[str, ...] | None = None
    within: tuple[str, ...] | None = None
    """Sites of the recipients, beside persons."""
    projects: tuple[str, ...] | None = None
    """Projects of any purpose."""

    def within_parent(self, parent: "Narrowing") -> "Narrowing":
        """What a nested clause comes to: its own where it names something, the containing one's elsewhere."""
        names = [field.name for field in fields(self)]
        own = {name: getattr(self, name) for name in names}
        return Narrowing(**{name: getattr(parent, name) if own[name] is None else own[name] for name in names})


def provisions_of(effect: Effect, clause: Narrowing, place: str) -> list[Provision]:
    """What a clause comes to. Raises Misfit, naming its place, where that is more than a provision can say."""
    _check(clause, place)
    kinds = clause.kinds or ()
    return [
        Provision(
            effect=effect,
            purposes=purposes,
            projects=clause.projects or projects,
            emergency=emergency,
            sites=clause.within or sites,
            persons=persons,
            sensitivities=sensitivities,
            categories=kinds or categories,
            references=clause.references or (),
            sources=clause.sources or (),
            collected=clause.collected or ALWAYS,
            valid=clause.valid or ALWAYS,
        )
        for (purposes, projects, emergency), (sites, persons), (sensitivities, categories) in product(
            _uses(clause.uses), _alternatives(clause.recipients), _alternatives(clause.labels)
        )
    ]


def _check(clause: Narrowing, place: str) -> None:
    if clause.kinds and clause.labels and clause.labels[1]:
        raise unsupported(place, "data that are of two categories at once cannot be told from data of either")
    if clause.within and clause.recipients and clause.recipients[0]:
        raise unsupported(place, "recipients are narrowed to sites twice")
    if clause.projects and clause.uses and clause.uses.projects:
        raise unsupported(place, "recipients are narrowed to projects twice")


def _uses(uses: Uses | None) -> list[tuple[tuple[Purpose, ...], tuple[str, ...], bool]]:
    if uses is None:
        return [(ALL_PURPOSES, (), False)]
    found: list[tuple[tuple[Purpose, ...], tuple[str, ...], bool]] = []
    if uses.purposes:
        found.append((uses.purposes, (), False))
    if uses.projects:
        found.append(((Purpose.RESEARCH,), uses.projects, False))
    if uses.emergency:
        found.append(((Purpose.CARE,), (), True))
    return found


def _alternatives(
    named: tuple[tuple[First, ...], tuple[Second, ...]] | None,
) -> list[tuple[tuple[First, ...], tuple[Second, ...]]]:
    """Either the first or the second: never both in one provision, where they would narrow each other."""
    first, second = named or ((), ())
    if first and second:
        return [(first, ()), ((), second)]
    return [(first, second)]
