"""The cohort that a permit names, and the definition that a request brings: they belong together, or nothing is built."""

from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts import definition
from nexus.warehouse.cohorts.definition import Definition


def asked(named: str, criteria: str) -> Definition | None:
    """What the criteria say, of the cohort `named` in the permit; None where it names none.

    Raises Invalid: `release.cohort` where they are not of that cohort, `warehouse.cohort-definition` with the place that is wrong.
    """
    if bool(named) != bool(criteria):
        raise Invalid(
            "the permit and the cohort do not belong together",
            code="release.cohort",
            hint=f"the permit names the cohort {named}" if named else "the permit names none",
        )
    if not named:
        return None
    found = definition.read(criteria.encode())
    if found.name != named:
        raise Invalid("the permit names another cohort", code="release.cohort", hint=f"it names {named}")
    return found
