"""The routes of the issuer: parse, call, answer. Mounted in the console's process by app.

Programs get JSON in the protocol's words; persons get pages, which the console draws. Nothing here decides anything.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexus.iam.oidc import discovery, dpop, endpoints
from nexus.iam.oidc.assertions import BadToken
from nexus.iam.oidc.authorizing import Ask, Authorizing, Refuse, SendBack, SignInFirst, Step
from nexus.iam.oidc.dpop import BAD_PROOF, Possession
from nexus.iam.oidc.forms import BadForm, asked_of, parsed, read_form
from nexus.iam.oidc.issuer import Issuer, revealed
from nexus.iam.oidc.leaving import BadLeave, Leave, Leaving
from nexus.iam.oidc.letting_in import DevicePage, LettingIn
from nexus.iam.oidc.ports import BrowserSession, Lease, Pages, Visitor
from nexus.iam.oidc.pushing import Pushing
from nexus.iam.oidc.server import Asked, Reply
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import Denied, NexusError, Throttled, Unavailable, anatomy
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Operation

DOOR: Final = "console"
PURPOSE: Final = "operation"
PRIVATE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache", "Referrer-Policy": "no-referrer"}
PUBLIC: Final = {"Cache-Control": "public, max-age=300"}
"""Discovery and keys: a key is published long before it is missed."""
MAX_CLIENT: Final = 256
"""Characters of the User-Agent that count."""
TO_CLIENT: Final = 303

logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
ForPrograms = Callable[[Operation, Asked], Awaitable[Reply]]


class IssuerRoutes:
    """The endpoints over the stories. `routes()` is all that is mounted."""

    def __init__(
        self,
        issuer: Issuer,
        authorizing: Authorizing,
        pushing: Pushing,
        leaving: Leaving,
        letting_in: LettingIn,
        *,
        sessions: BrowserSession,
        pages: Pages,
        lease: Lease,
        audit: Database,
        clock: Clock,
    ) -> None:
        self._issuer = issuer
        self._authorizing = authorizing
        self._pushing = pushing
        self._leaving = leaving
        self._letting_in = letting_in
        self._sessions = sessions
        self._pages = pages
        self._lease = lease
        self._audit = audit
        self._clock = clock

    def routes(self) -> list[Route]:
        """Every path of the issuer."""
        described = msgspec.json.encode(discovery.document(self._issuer.endpoints, strict=self._issuer.strict))
        return [
            Route(endpoints.DISCOVERY, _public(described)),
            Route(endpoints.METADATA, _public(described)),
            Route(endpoints.JWKS, self._key_set),
            Route(endpoints.AUTHORIZE, self._authorize, methods=["GET"]),
            Route(endpoints.AUTHORIZE, self._decided, methods=["POST"]),
            Route(endpoints.PUSH, self._program("iam.oidc.push", self._pushing.push), methods=["POST"]),
            Route(endpoints.TOKEN, self._program("iam.oidc.token", self._issuer.token), methods=["POST"]),
            Route(
                endpoints.INTROSPECT, self._program("iam.oidc.introspect", self._issuer.introspect), methods=["POST"]
            ),
            Route(endpoints.REVOKE, self._program("iam.oidc.revoke", self._issuer.revoke), methods=["POST"]),
            Route(endpoints.USERINFO, self._userinfo, methods=["GET", "POST"]),
            Route(endpoints.DEVICE, self._program("iam.oidc.device", self._issuer.device), methods=["POST"]),
            Route(endpoints.VERIFY, self._device, methods=["GET", "POST"]),
            Route(endpoints.LOGOUT, self._leave, methods=["GET", "POST"]),
        ]

    # For programs

    async def _key_set(self, request: Request) -> Response:
        try:
            return _json(await self._issuer.key_set(), headers=PUBLIC)
        except NexusError:
            return _error("temporarily_unavailable", 503)

    def _program(self, action: str, story: ForPrograms) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            op = self._operation(request)
            try:
                self._lease.require()
                asked = await asked_of(request)
                reply = await story(op, replace(asked, possession=self._possession(request)))
            except BadForm as refused:
                await self._audit.record(op.denied(action, PLATFORM, error=refused.error))
                return _error(refused.error, 401 if refused.error == "invalid_client" else 400)
            except Exception as error:
                return await self._failed(op, action, error)
            return _json(revealed(dict(reply.body)), reply.status, dict(reply.headers))

        return endpoint

    def _possession(self, request: Request, token: str | None = None) -> Possession | None:
        """The proof of a key that came along, for `token` where one did. Raises BadForm if it proves nothing."""
        proofs = request.headers.getlist("dpop")
        if not proofs:
            return None
        here = self._issuer.endpoints.at(request.url.path)
        try:
            if len(proofs) != 1:
                raise BadToken
            return dpop.check(proofs[0], method=request.method, url=here, now=self._clock.now(), token=token)
        except BadToken as error:
            raise BadForm(BAD_PROOF) from error

    async def _userinfo(self, request: Request) -> Response:
        op = self._operation(request)
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        try:
            self._lease.require()
            proved = self._possession(request, token) if scheme.lower() == "dpop" else None
            known = token if proved is not None or scheme.lower() == "bearer" else ""
            claims = await self._issuer.userinfo(op, known, proved)
        except BadForm as refused:
            await self._audit.record(op.denied("iam.oidc.userinfo", PLATFORM, error=refused.error))
            return _error(refused.error, 401, _challenge(scheme, refused.error))
        except Exception as error:
            return await self._failed(op, "iam.oidc.userinfo", error)
        return _error("invalid_token", 401, _challenge(scheme, "invalid_token")) if claims is None else _json(claims)

    async def _failed(self, op: Operation, action: str, error: Exception) -> Response:
        """The last line of defence: what went wrong stays here, and the answer says whether to come back."""
        if not isinstance(error, NexusError):
            logger.error("operation %s failed: %s", op.id, anatomy(error))
        code = error.code if isinstance(error, NexusError) else "internal"
        try:
            await self._audit.record(op.failed(action, PLATFORM, code=code))
        except Exception as unwritten:
            logger.error("operation %s could not be recorded: %s", op.id, anatomy(unwritten))
            return _error("temporarily_unavailable", 503)
        if isinstance(error, Throttled):
            return _error("slow_down", 429, {"Retry-After": str(error.retry_after_s)})
        return _error("temporarily_unavailable", 503) if isinstance(error, Unavailable) else _error("server_error", 500)

    # For persons

    async def _authorize(self, request: Request) -> Response:
        visitor = await self._sessions.visitor(request)
        return await self._step(request, visitor, agrees=None)

    async def _decided(self, request: Request) -> Response:
        """The answer to the page that asks; or an authorization request by POST, which becomes one by GET."""
        op = self._operation(request)
        try:
            form = await read_form(request)
        except BadForm as refused:
            return self._pages.refusal(request, 400, refused.error, op.id)
        if "csrf" not in form:
            return RedirectResponse(f"{endpoints.AUTHORIZE}?{urlencode(form)}", TO_CLIENT, headers=PRIVATE)
        visitor = await self._sessions.visitor(request)
        if visitor is None:
            return await self._step(request, None, agrees=None)
        try:
            self._sessions.check_form(request, visitor, form["csrf"])
        except Denied as error:
            op = replace(op, actor=visitor.actor)
            await self._audit.record(op.denied("iam.oidc.authorize", PLATFORM, code=error.code))
            return self._pages.refusal(request, 403, "access_denied", op.id)
        return await self._step(request, visitor, agrees=form.get("agrees") == "yes")

    async def _step(self, request: Request, visitor: Visitor | None, *, agrees: bool | None) -> Response:
        op = self._operation(request)
        try:
            self._lease.require()
            asked = Asked(parsed(request.url.query))
            step = await self._authorizing.next(op, asked, visitor, agrees=agrees)
        except BadForm as refused:
            await self._audit.record(op.denied("iam.oidc.authorize", PLATFORM, error=refused.error))
            return self._pages.refusal(request, 400, refused.error, op.id)
        except Exception as error:
            failed = await self._failed(op, "iam.oidc.authorize", error)
            return self._pages.refusal(request, failed.status_code, "temporarily_unavailable", op.id)
        return self._shown(request, visitor, step, op.id)

    async def _device(self, request: Request) -> Response:
        """A person comes with the code that her terminal shows, and decides."""
        op, visitor = self._operation(request), await self._sessions.visitor(request)
        if visitor is None:
            query = f"?{request.url.query}" if request.url.query else ""
            return self._sessions.sign_in(request, f"{endpoints.VERIFY}{query}", again=False)
        try:
            self._lease.require()
            page = await self._device_page(request, op, visitor)
        except (BadForm, Denied):
            await self._audit.record(replace(op, actor=visitor.actor).denied("iam.oidc.let-in", PLATFORM))
            return self._pages.refusal(request, 403, "access_denied", op.id)
        except Exception as error:
            failed = await self._failed(op, "iam.oidc.let-in", error)
            return self._pages.refusal(request, failed.status_code, "temporarily_unavailable", op.id)
        return self._pages.device(request, visitor, {"stage": page.stage, **page.facts})

    async def _device_page(self, request: Request, op: Operation, visitor: Visitor) -> DevicePage:
        if request.method != "POST":
            return self._letting_in.ask(parsed(request.url.query).get("user_code", ""))
        form = await read_form(request)
        self._sessions.check_form(request, visitor, form.get("csrf", ""))
        typed = form.get("user_code", "")
        if "agrees" not in form:
            return await self._letting_in.show(op, visitor, typed)
        return await self._letting_in.decide(op, visitor, typed, agrees=form["agrees"] == "yes")

    async def _leave(self, request: Request) -> Response:
        """Sign out: asked for by a tool (GET or POST), or confirmed by the person (POST with the token of our form)."""
        op = self._operation(request)
        try:
            form = await read_form(request) if request.method == "POST" else {}
            confirms = form.pop("csrf", "")
            fields = {**parsed(request.url.query), **form}
            visitor = await self._sessions.visitor(request)
            leave = await self._leaving.look(fields, visitor)
            if visitor is not None and confirms:
                self._sessions.check_form(request, visitor, confirms)
        except (BadForm, BadLeave, Denied):
            await self._audit.record(op.denied("iam.oidc.logout", PLATFORM))
            return self._pages.refusal(request, 400, "invalid_request", op.id)
        except Exception as error:
            failed = await self._failed(op, "iam.oidc.logout", error)
            return self._pages.refusal(request, failed.status_code, "temporarily_unavailable", op.id)
        if visitor is None:
            return self._sessions.once_more(request) or self._gone(request, leave)
        if not (leave.ends or confirms):
            return self._pages.goodbye(request, visitor, {**leave.page, "done": False, "fields": fields})
        return await self._sessions.sign_out(request, visitor, self._gone(request, leave))

    def _gone(self, request: Request, leave: Leave) -> Response:
        if leave.to:
            return self._send(request, leave.to)
        return self._pages.goodbye(request, None, {**leave.page, "done": True, "fields": {}})

    def _send(self, request: Request, url: str) -> Response:
        """On to a tool: browsers by a page, programs by a redirection."""
        if "sec-fetch-site" in request.headers:
            return self._pages.onward(request, url)
        return RedirectResponse(url, TO_CLIENT, headers=PRIVATE)

    def _shown(self, request: Request, visitor: Visitor | None, step: Step, operation: str) -> Response:
        match step:
            case SendBack(url):
                return self._send(request, url)
            case SignInFirst(again):
                return self._sessions.sign_in(request, f"{endpoints.AUTHORIZE}?{request.url.query}", again=again)
            case Ask(page) if visitor is not None:
                return self._pages.consent(request, visitor, {**page, "query": request.url.query})
            case Refuse(error):
                return self._pages.refusal(request, 400, error, operation)
        return self._pages.refusal(request, 400, "invalid_request", operation)

    def _operation(self, request: Request) -> Operation:
        origin = request.client.host if request.client else "unknown"
        client = request.headers.get("user-agent", "")[:MAX_CLIENT]
        return Operation(new_id("op"), ANONYMOUS, PURPOSE, self._clock.now(), origin, DOOR, client=client)


def _public(body: bytes) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return Response(body, headers=PUBLIC, media_type="application/json")

    return endpoint


def _json(body: Any, status: int = 200, headers: Mapping[str, str] = PRIVATE) -> Response:
    kept = {**PRIVATE, **{name: value for name, value in headers.items() if name.lower() != "content-type"}}
    return Response(msgspec.json.encode(body), status, kept, "application/json")


def _challenge(scheme: str, error: str) -> Mapping[str, str]:
    """What a token has to come with, in the scheme in which it came."""
    known = (
        f'DPoP realm="nexus", algs="{" ".join(dpop.ALGORITHMS)}"'
        if scheme.lower() == "dpop"
        else 'Bearer realm="nexus"'
    )
    return {"WWW-Authenticate": f'{known}, error="{error}"'}


def _error(error: str, status: int, headers: Mapping[str, str] = PRIVATE) -> Response:
    return _json({"error": error}, status, headers)
