"""How far a purpose is allowed: for all data and recipients, some, or none. Pure.

What decisions say of data and recipients, they say by names and dates. So all data and recipients fall into a few kinds: those that
some provision names, one after the other, and all that none names. One question of each kind answers for the rest, and the rules of
`rules.py` decide each of them: nothing is said here twice.

Two things are left aside, because whoever shows an extent shows them beside it: the general objection, and whole kinds of data
and whole projects that the patient has taken out of every secondary use.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from nexus.consent.model import (
    DataCategory,
    Decision,
    DecisionKind,
    Effect,
    Extent,
    Period,
    Provision,
    Question,
    Recipient,
    Sensitivity,
)
from nexus.consent.rules import Bases, decide, fold
from nexus.iam.model import SECONDARY_USE
from nexus.kernel.clock import Instant

MAX_KINDS: Final = 500
"""Kinds that are asked about; where decisions make more of them, they differ: `SOME`."""
_NOT_NAMED: Final = "-"
"""A source, or a reference, that no decision names: none is spelled like this."""

BasesOf = Callable[[str], Bases]
"""The legal bases of a project by its name, empty for what is done outside of projects."""


def extent(question: Question, decisions: Sequence[Decision], bases_of: BasesOf) -> Extent:
    """How far a purpose is allowed at a moment. A site or project that the question names is kept; no other side of it is read."""
    mine = [each for each in decisions if each.kind not in {DecisionKind.OBJECTION, DecisionKind.LIFTING}]
    provisions = [
        each
        for decision in fold(mine).giving
        for each in decision.provisions
        if question.purpose in each.purposes and not each.emergency
    ]
    kinds = list(_kinds(question, provisions))
    if len(kinds) > MAX_KINDS:
        return Extent.SOME
    allowed = {decide(each, mine, bases_of(each.recipient.project)).allowed for each in kinds}
    return Extent.SOME if len(allowed) == 2 else Extent.ALL if allowed == {True} else Extent.NONE


def _kinds(question: Question, provisions: Sequence[Provision]) -> Iterator[Question]:
    """A question of each kind; one more than MAX_KINDS at most."""
    who = question.recipient
    named = [each for each in provisions if not _takes_out(each)]
    out_categories = {name for each in provisions if _takes_out(each) for name in each.categories}
    out_projects = {name for each in provisions if _takes_out(each) for name in each.projects}
    sides = product(
        _categories({name for each in named for name in each.categories}, out_categories),
        (who.project,) if who.project else _names(named, "projects", "", out_projects),
        (who.site,) if who.site else _names(named, "sites", ""),
        (who.person,) if who.person else _names(named, "persons", ""),
        _names(named, "sources", _NOT_NAMED),
        _sensitivities({name for each in named for name in each.sensitivities}),
        _names(named, "references", _NOT_NAMED),
        _moments([each.collected for each in named]),
    )
    for number, (category, project, site, person, source, sensitivity, reference, moment) in enumerate(sides):
        if number > MAX_KINDS:
            return
        yield replace(
            question,
            recipient=Recipient(site, project, person),
            categories=(category,),
            source=source,
            sensitivity=sensitivity,
            references=(reference,),
            collected=(moment, moment),
        )


def _takes_out(provision: Provision) -> bool:
    """Whether it refuses every secondary use of whole kinds of data, or of whole projects, and nothing else."""
    narrowed = [provision.projects, provision.categories]
    others = [provision.sites, provision.persons, provision.sources, provision.sensitivities, provision.references]
    return (
        provision.effect is Effect.DENY
        and set(provision.purposes) >= set(SECONDARY_USE)
        and sum(map(bool, narrowed)) == 1
        and not any(others)
        and provision.collected == provision.valid == Period()
    )


def _categories(named: set[DataCategory], out: set[DataCategory]) -> list[DataCategory]:
    others = [each for each in DataCategory if each not in named | out]
    return [*sorted(named - out), *others[:1]]


def _names(provisions: Sequence[Provision], side: str, other: str, out: set[str] | None = None) -> list[str]:
    named = {name for each in provisions for name in getattr(each, side)}
    return [*sorted(named - (out or set())), other]


def _sensitivities(named: set[Sensitivity]) -> list[Sensitivity]:
    return [*sorted(named), *[each for each in Sensitivity if each not in named][:1]]


def _moments(periods: Sequence[Period]) -> list[Instant]:
    """One moment of each stretch between dates that are named, in which no provision begins or ends."""
    dates = sorted({date for each in periods for date in (each.start, each.end) if date is not None})
    return [Instant(dates[0] - 1 if dates else 0), *dates]
