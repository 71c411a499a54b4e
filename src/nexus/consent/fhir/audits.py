"""AuditEvent: reading and searching what the audit log says, as far as the asker may read it."""

from typing import Any, Final

from starlette.responses import Response

from nexus.consent.fhir import answers
from nexus.consent.fhir.audit_events import OUTCOME_OF_CODE, audit_event
from nexus.consent.fhir.bundles import CURSOR, Page, searchset
from nexus.consent.fhir.calls import Asked
from nexus.consent.fhir.searching import AUDIT_EVENT, Query
from nexus.consent.fhir.troubles import invalid, not_found
from nexus.kernel.clock import rfc3339

LIST: Final = "audit.entry.list"
MAX_INDEX_DIGITS: Final = 15


async def read(asked: Asked) -> Response:
    """One entry, by its place in the log. Who may not search the log learns of none."""
    event = await _entry(asked, str(asked.request.path_params["id"]))
    return answers.resource(asked, event)


async def search(asked: Asked, parameters: list[tuple[str, str]]) -> Response:
    """Entries, newest first."""
    query = Query(parameters, AUDIT_EVENT)
    named = query.text("_id")
    if named is not None:
        page = Page([await _entry(asked, named)] if _index(named) is not None else [])
    else:
        page = await _page(asked, query)
    return answers.bundle(asked, searchset(asked.base, "AuditEvent", query.asked, page))


async def _entry(asked: Asked, named: str) -> dict[str, Any]:
    index = _index(named)
    if index is None:
        raise not_found("AuditEvent")
    found = await asked.do(LIST, query={"cursor": str(index + 1), "limit": 1})
    for entry in found["entries"]:
        if entry["index"] == index and entry["content"] is not None:
            return audit_event(asked.release, index, entry["content"])
    raise not_found("AuditEvent")


def _index(named: str) -> int | None:
    return int(named) if named.isascii() and named.isdigit() and len(named) <= MAX_INDEX_DIGITS else None


async def _page(asked: Asked, query: Query) -> Page:
    since, until = query.dates("date")
    outcome = query.token("outcome")
    if outcome is not None and outcome[1] not in OUTCOME_OF_CODE:
        raise invalid("`outcome` is a code of this release")
    patient = query.patient()
    found = await asked.do(
        LIST,
        query={
            "subject": patient.subject if patient else None,
            "actor": _of_system(query, "agent.identifier", "urn:nexus:identity"),
            "resource": _of_system(query, "entity.identifier", "urn:nexus:resource"),
            "outcome": OUTCOME_OF_CODE[outcome[1]].value if outcome else None,
            "since": rfc3339(since) if since is not None else None,
            "until": rfc3339(until) if until is not None else None,
            "cursor": query.text(CURSOR),
            "limit": query.count(),
        },
    )
    events = [
        audit_event(asked.release, entry["index"], entry["content"], patient.subject if patient else "")
        for entry in found["entries"]
        if entry["content"] is not None
    ]
    return Page(events, found["next"])


def _of_system(query: Query, name: str, system: str) -> str | None:
    """The code of a token that is of a system, or of none in particular."""
    given = query.token(name)
    if given is not None and given[0] not in ("", system):
        raise invalid(f"`{name}` has the system {system}")
    if given is not None and given[1].endswith("*"):
        raise invalid(f"`{name}` is searched as a whole")
    return given[1] if given else None
