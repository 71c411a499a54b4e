"""Criteria as conditions on an entry `e`: (person_id, day, observed_from, observed_until, birth, sex, site)."""

# ruff: noqa: S608 - as in `events`

from nexus.warehouse.cohorts.definition import Criterion, Window
from nexus.warehouse.cohorts.events import between, events
from nexus.warehouse.quality.cdm import Cdm

AGE = "date_sub('year', e.birth, e.day)"
"""Whole years at the index date. A birthday that the source does not say is 1 July; a day, the first of its month."""


def condition(cdm: Cdm, criterion: Criterion) -> str:
    """What is true of an entry that meets a criterion."""
    if criterion.age is not None:
        return f"coalesce({between(AGE, criterion.age)}, false)"
    if criterion.sex:
        return f"coalesce(e.sex IN ({', '.join(map(str, criterion.sex))}), false)"
    if criterion.observed is not None:
        before, after = criterion.observed.before, criterion.observed.after
        return f"(e.day - e.observed_from >= {before} AND e.observed_until - e.day >= {after})"
    assert criterion.event is not None
    return happened(events(cdm, criterion.event), criterion.window, criterion.at_least)


def happened(query: str, window: Window | None, at_least: int = 1) -> str:
    """Whether a person has so many different days of an event in a window."""
    ends = []
    if window is not None and window.start is not None:
        ends.append(f"v.day >= x.day + {window.start}")
    if window is not None and window.end is not None:
        ends.append(f"v.day <= x.day + {window.end}")
    joined = " AND ".join(["v.person_id = x.person_id", *ends])
    return (
        f"(e.person_id, e.day) IN (SELECT (x.person_id, x.day) FROM entries x JOIN ({query}) v ON {joined}"
        f" GROUP BY x.person_id, x.day HAVING count(DISTINCT v.day) >= {at_least})"
    )
