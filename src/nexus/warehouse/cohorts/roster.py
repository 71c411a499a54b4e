"""Who is in a cohort as what: one row a person, for those who make releases of it."""

import numpy
import pyarrow as pa

from nexus.warehouse.cohorts.findings import Found

CASE, CONTROL = "case", "control"


def roster(found: Found) -> pa.Table:
    """`person_id`, `cohort_role`, `matched_set` (the case's `person_id`: a case and its controls have the same) and `index_date`, by person."""
    cases, drawn = found.cases, found.drawn
    people, sets, days = [cases["person"]], [cases["person"]], [cases["day"]]
    if drawn is not None and found.matched is not None:
        people.append(drawn["person"])
        sets.append(cases["person"][found.matched.case])
        days.append(drawn["day"])
    person = numpy.concatenate(people)
    role = numpy.repeat([CASE, CONTROL], [len(cases), len(person) - len(cases)])
    order = numpy.argsort(person, kind="stable")
    return pa.table(
        {
            "person_id": person[order],
            "cohort_role": pa.array(role[order].tolist(), pa.string()),
            "matched_set": numpy.concatenate(sets)[order],
            "index_date": pa.array(numpy.concatenate(days)[order].astype("datetime64[D]")),
        }
    )
