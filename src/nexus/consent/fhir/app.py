"""The routes under `/fhir/r4` and `/fhir/r5`: each interaction is negotiated, performed and answered in FHIR's forms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from nexus.consent.fhir import answers, audits, capability
from nexus.consent.fhir.calls import Asked
from nexus.consent.fhir.consents import Consents
from nexus.consent.fhir.negotiation import check_form, check_wanted
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.terms import NO_TERMS, Terms
from nexus.consent.fhir.troubles import Issue, Misfit, Refused, not_found, refused
from nexus.kernel.clock import Clock
from nexus.kernel.errors import NexusError
from nexus.web.body import read_bounded
from nexus.web.dispatch import Dispatcher

PATH: Final = "/fhir"
Handler = Callable[[Asked], Awaitable[Response]]
Search = Callable[[Asked, list[tuple[str, str]]], Awaitable[Response]]


def fhir_routes(dispatcher: Dispatcher, clock: Clock, terms: Terms = NO_TERMS) -> list[BaseRoute]:
    """The routes of both releases, to be mounted beside those of the operations."""
    consents = Consents(clock, terms)
    return [Mount(f"{PATH}/{release.value}", routes=_routes(dispatcher, release, consents)) for release in Release]


def _routes(dispatcher: Dispatcher, release: Release, consents: Consents) -> list[Route]:
    by_path: Mapping[str, Mapping[str, Handler]] = {
        "/metadata": {"GET": _metadata},
        "/Consent": {"GET": _by_query(consents.search), "POST": consents.create},
        "/Consent/_search": {"POST": _by_form(consents.search)},
        "/Consent/$revokeConsent": {"POST": consents.revoke},
        "/Consent/{id}": {"GET": consents.read, "PUT": consents.update},
        "/Consent/{id}/_history": {"GET": consents.versions},
        "/Consent/{id}/_history/{version}": {"GET": consents.vread},
        "/AuditEvent": {"GET": _by_query(audits.search)},
        "/AuditEvent/_search": {"POST": _by_form(audits.search)},
        "/AuditEvent/{id}": {"GET": audits.read},
    }
    known = [
        Route(path, _endpoint(dispatcher, release, handlers), methods=_METHODS) for path, handlers in by_path.items()
    ]
    return [*known, Route("/{rest:path}", _endpoint(dispatcher, release, {}), methods=_METHODS)]


_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
"""All of them reach the door, so that each is refused in FHIR's words."""
_SEARCHES: Final = ("Consent", "AuditEvent", "_search")


def _endpoint(
    dispatcher: Dispatcher, release: Release, handlers: Mapping[str, Handler]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        asked = Asked(request, release, dispatcher)
        try:
            _check(asked, handlers)
            return await handlers[request.method](asked)
        except Refused as error:
            return answers.refusal(release, error)
        except NexusError as error:
            return answers.refusal(release, refused(error))

    return endpoint


def _check(asked: Asked, handlers: Mapping[str, Handler]) -> None:
    """The form of the answer, the method, and a query where none belongs. Raises Misfit, Refused."""
    request = asked.request
    check_wanted(request.headers, request.query_params.get("_format"), asked.release)
    if not handlers:
        raise not_found("interaction")
    if request.method not in handlers:
        raise Refused(
            405, [Issue("not-supported", "this path does not take this method")], {"Allow": ", ".join(handlers)}
        )
    searches = request.method == "GET" and request.url.path.rpartition("/")[2] in _SEARCHES
    if not searches and set(request.query_params) - {"_format"}:
        raise Misfit(400, [Issue("not-supported", "this interaction takes no parameters but _format")])


def _by_query(search: Search) -> Handler:
    async def handler(asked: Asked) -> Response:
        return await search(asked, asked.request.query_params.multi_items())

    return handler


def _by_form(search: Search) -> Handler:
    async def handler(asked: Asked) -> Response:
        check_form(asked.request.headers)
        body = await read_bounded(asked.request)
        try:
            sent = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=64)
        except ValueError as error:
            raise Misfit(400, [Issue("invalid", "the form cannot be read")]) from error
        return await search(asked, sent)

    return handler


async def _metadata(asked: Asked) -> Response:
    """Open to everybody: what the door can do is no secret."""
    return answers.bundle(asked, capability.statement(asked.release, asked.base))
