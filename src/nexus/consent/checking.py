"""What a decision may say at all, whoever makes it. Pure; raises Invalid."""

from collections.abc import Iterable

from nexus.consent.model import COVERED, MAX_NAME_CHARS, MAX_NAMES, MAX_PROVISIONS, Period, Provision
from nexus.iam.model import Purpose
from nexus.kernel.errors import Invalid


def check_provisions(provisions: tuple[Provision, ...]) -> None:
    """Refuse provisions that mean nothing, contradict themselves, or exceed a limit."""
    if len(provisions) > MAX_PROVISIONS:
        raise Invalid(f"a decision has {MAX_PROVISIONS} provisions at most", code="consent.provisions")
    for provision in provisions:
        _check(provision)


def _check(provision: Provision) -> None:
    if not provision.purposes or not COVERED.issuperset(provision.purposes):
        known = ", ".join(sorted(COVERED))
        raise Invalid(
            "a provision names no purpose, or one that nobody decides about", code="consent.purpose", hint=known
        )
    if provision.emergency and tuple(provision.purposes) != (Purpose.CARE,):
        raise Invalid("an emergency is one of care", code="consent.emergency")
    _check_period(provision.valid)
    _check_period(provision.collected)
    for names in (provision.projects, provision.sites, provision.persons, provision.sources, provision.references):
        _check_names(names)
    for values in (provision.purposes, provision.categories, provision.sensitivities):
        if len(set(values)) != len(values):
            raise Invalid("a provision names the same value twice", code="consent.repeated")


def _check_period(period: Period) -> None:
    if period.start is not None and period.end is not None and period.end <= period.start:
        raise Invalid("a period ends before it begins", code="consent.period")


def _check_names(names: Iterable[str]) -> None:
    listed = list(names)
    if len(listed) > MAX_NAMES or len(set(listed)) != len(listed):
        raise Invalid(f"a list has {MAX_NAMES} names at most, each once", code="consent.names")
    if any(not name or len(name) > MAX_NAME_CHARS or not name.isprintable() for name in listed):
        raise Invalid(f"a name has 1 to {MAX_NAME_CHARS} printable characters", code="consent.name")
