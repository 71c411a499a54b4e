"""Whether a Consent is among those that a search describes."""

from nexus.consent.fhir.lines import State
from nexus.consent.fhir.resources import ConsentId, History
from nexus.consent.fhir.saying import coding, person_reference, purposes_of
from nexus.consent.fhir.searching import Query
from nexus.consent.fhir.terms import Terms
from nexus.consent.fhir.troubles import invalid
from nexus.consent.model import Provision


def matches(query: Query, history: History, state: State, terms: Terms) -> bool:
    """Whether a Consent, as it stands, has all that is asked for."""
    named, status, actor = query.text("_id"), query.token("status"), query.reference("actor")
    since, until = query.dates("_lastUpdated")
    at = state.act.recorded_at
    return (
        (named is None or named == str(ConsentId(history.subject.subject, state.line.id)))
        and (status is None or status[1] == ("active" if state.active else "inactive"))
        and (since is None or at >= since)
        and (until is None or at < until)
        and (actor is None or any(actor in _recipients(each, terms) for each in state.provisions))
        and _has_purpose(query.token("purpose"), state)
    )


def _recipients(given: Provision, terms: Terms) -> set[str]:
    own = {f"Organization/{site}" for site in given.sites} | {person_reference(each) for each in given.persons}
    named = {reference for reference, person in terms.persons.items() if person in given.persons}
    return own | named | {reference for reference, site in terms.sites.items() if site in given.sites}


def _has_purpose(wanted: tuple[str, str] | None, state: State) -> bool:
    if wanted is None:
        return True
    if not wanted[0]:
        raise invalid("`purpose` is system|code")
    return any(coding(wanted) in purposes_of(each) for each in state.provisions)
