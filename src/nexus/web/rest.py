"""The ASGI application of the REST door: one route for each operation, and four that hold no data.

`/healthz` (the process lives), `/readyz` (operations would be performed), `/v1/openapi.json` and
`/.well-known/oauth-protected-resource` (whose access tokens open it) are open to everybody.
There are no cookies: a bearer token is the only way to be somebody, so that no browser can be tricked into a call.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nexus.kernel.errors import Invalid, NexusError, NotFound, Unavailable
from nexus.kernel.operation import OperationSpec
from nexus.web.body import read_json_body
from nexus.web.dispatch import STEP_UP_HEADER, Answer, Call, Dispatcher
from nexus.web.ports import KeyProof
from nexus.web.problem import MEDIA_TYPE, headers_of, problem_of
from nexus.web.proxies import certificate

MAX_URL_BYTES: Final = 8 * 1024
"""Path and query of a request."""
MAX_TOKEN_LENGTH: Final = 512
MAX_CLIENT_LENGTH: Final = 256
"""Characters of the User-Agent that count; the rest is dropped."""
PROTECTED_RESOURCE: Final = "/.well-known/oauth-protected-resource"
OPEN_PATHS: Final = ("/healthz", "/readyz", "/v1/openapi.json", PROTECTED_RESOURCE)

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def rest_app(
    dispatcher: Dispatcher,
    openapi: Callable[[], bytes],
    issuer: Callable[[], str] = lambda: "",
    more: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """The door over a dispatcher. `openapi` makes the JSON document that describes the same specs, when somebody asks
    for it (it takes a second and 10 MiB); `issuer` says whose
    access tokens open it (RFC 9728), empty while that is not known; `more`: further routes."""
    app = Starlette(
        routes=[
            Route("/healthz", _constant({"status": "alive"})),
            Route("/readyz", _readiness(dispatcher)),
            Route("/v1/openapi.json", _description(openapi)),
            Route(PROTECTED_RESOURCE, _resource(issuer)),
            *operation_routes(dispatcher),
            *more,
        ],
        exception_handlers={HTTPException: _no_route, Exception: _unexpected},
    )
    app.router.redirect_slashes = False
    return _Guarded(app)


def operation_routes(dispatcher: Dispatcher) -> list[Route]:
    """One route for each path, with the methods of its operations; fixed paths before those with fields."""
    by_path: dict[str, dict[str, OperationSpec]] = defaultdict(dict)
    for spec in dispatcher.specs.values():
        by_path[spec.path][spec.method] = spec
    fixed_first = sorted(by_path, key=lambda path: [part.startswith("{") for part in path.split("/")])
    return [Route(path, _operation(dispatcher, by_path[path]), methods=list(by_path[path])) for path in fixed_first]


def _operation(dispatcher: Dispatcher, specs: dict[str, OperationSpec]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        spec = specs.get(request.method)
        if spec is None:  # HEAD, which Starlette adds to GET: a read without its bytes would still be a read
            raise HTTPException(405)
        return _response(await dispatcher.dispatch(spec, call_of(request)))

    return endpoint


def call_of(request: Request) -> Call:
    """An HTTP request as a call."""
    token, proof = _credentials(request)
    return Call(
        token=token,
        proof=proof,
        origin=request.client.host if request.client else "unknown",
        client=request.headers.get("user-agent", "")[:MAX_CLIENT_LENGTH],
        path=request.path_params,
        query=request.query_params.multi_items(),
        body=lambda: read_json_body(request),
        purpose=request.headers.get("nexus-purpose", ""),
        step_up=request.headers.get(STEP_UP_HEADER, "")[:MAX_TOKEN_LENGTH],
        certificate=certificate(request.headers.raw),
    )


def _credentials(request: Request) -> tuple[str | None, KeyProof | None]:
    """The token, and the proof of its key if it is bound to one. Anything odd is no token at all."""
    given, proofs = request.headers.getlist("authorization"), request.headers.getlist("dpop")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if not 0 < len(token) <= MAX_TOKEN_LENGTH:
        return None, None
    if scheme.lower() == "bearer" and not proofs:
        return token, None
    if scheme.lower() == "dpop" and len(proofs) == 1:
        return token, KeyProof(proofs[0], request.method, _address(request))
    return None, None


def _address(request: Request) -> str:
    """The address that was asked for, as the client wrote it, without its query."""
    path = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
    return f"https://{request.headers.get('host', '')}{path.partition('?')[0]}"


def _response(answer: Answer) -> Response:
    headers = {**answer.headers, "Nexus-Operation": answer.operation}
    if not answer.body:
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.body, answer.status, headers, answer.media_type)


# Routes without data


def _constant(document: dict[str, str]) -> Endpoint:
    return _document(msgspec.json.encode(document))


def _document(body: bytes) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return endpoint


def _description(make: Callable[[], bytes]) -> Endpoint:
    once = cache(make)

    async def endpoint(request: Request) -> Response:
        return Response(await asyncio.to_thread(once), media_type="application/json")

    return endpoint


def _resource(issuer: Callable[[], str]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        document = {
            "resource": f"https://{request.headers.get('host', '')}",
            "authorization_servers": [name for name in [issuer()] if name],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256"],
        }
        return Response(msgspec.json.encode(document), media_type="application/json")

    return endpoint


def _readiness(dispatcher: Dispatcher) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            dispatcher.require_lease()
        except Unavailable as error:
            return Response(_status(error.kind), 503, media_type="application/json")
        return Response(_status("ready"), media_type="application/json")

    return endpoint


def _status(word: str) -> bytes:
    return msgspec.json.encode({"status": word})


# What is no operation: nothing happened and nobody was asked, so there is nothing to record


def _problem(error: NexusError, extra: Iterable[tuple[str, str]] = ()) -> Response:
    problem = problem_of(error)
    return Response(msgspec.json.encode(problem), problem.status, {**headers_of(error), **dict(extra)}, MEDIA_TYPE)


async def _no_route(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        allow = [("Allow", error.headers["Allow"])] if error.headers and "Allow" in error.headers else []
        return _problem(Invalid("this path does not take this method", code="web.method"), allow)
    hint = "GET /v1/openapi.json lists every path"
    return _problem(NotFound("there is nothing at this path", code="web.no-route", hint=hint))


async def _unexpected(request: Request, error: Exception) -> Response:
    return _problem(NexusError("the request failed", code="internal"))


class _Guarded:
    """Refuses what no route should have to see, and puts the security headers on every answer."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.routes = app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MAX_URL_BYTES:
            too_long = _problem(Invalid(f"the URL is longer than {MAX_URL_BYTES} bytes", code="web.url-too-long"))
            await too_long(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)
