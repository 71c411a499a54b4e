"""The one path of every S3 request, in numbered steps.

1. The request is read: its line, its headers, its address, its verb.
2. The lease on the keys is held, or nothing happens.
3. The signature says who sent it.
4. The purpose is one of the closed list.
5. The resource is named and the gate allows actor, action and resource, or nothing happens.
6. The verb runs; the store records its entry before the first byte of an answer leaves.
7. The answer is sent.

Whatever raises on the way becomes one audit entry and one error document; without the entry the answer is 503.
"""

import asyncio
import logging
from collections.abc import Sequence

from nexus.kernel.clock import Clock
from nexus.kernel.errors import NexusError, Unavailable, anatomy
from nexus.kernel.ids import new_id
from nexus.objects.s3 import access_lines, browsers, errors, posted, query, unsupported
from nexus.objects.s3 import claim as claims
from nexus.objects.s3.access import Access, NoSharing
from nexus.objects.s3.address import locate
from nexus.objects.s3.admitting import authorise
from nexus.objects.s3.answer import STALL_TIMEOUT_S, refusal_response, send_response
from nexus.objects.s3.attempt import Attempt, purpose_of, user_agent
from nexus.objects.s3.authenticate import NOBODY, Authenticator
from nexus.objects.s3.call import Call, Door
from nexus.objects.s3.dialect import AWS, Dialect
from nexus.objects.s3.endpoint import ROUTE, TITLES, Verb
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.explain import explain
from nexus.objects.s3.http import (
    Receive,
    Request,
    Response,
    Scope,
    Send,
    client_of,
    expects_continue,
    has_body,
    read,
)
from nexus.objects.s3.ports import AccessKeys, AuditWriter, Destinations, Gate, Lease, Placements, Sharing
from nexus.objects.s3.posted import Posted
from nexus.objects.s3.query import QueryVerb
from nexus.objects.s3.stream import IDLE_TIMEOUT_S, BodyStream
from nexus.objects.s3.subscriptions import NoDestinations
from nexus.objects.s3.verbs import HANDLERS
from nexus.objects.service import ObjectService
from nexus.web.broken import BrokenAnswerError
from nexus.web.ports import Devices, NoDevices
from nexus.web.proxies import certificate

MAX_CONCURRENT = 512
"""Requests under way in one worker; one more is told to slow down."""

logger = logging.getLogger(__name__)


class S3App:
    """The ASGI application. One for each worker process; `wipe()` when the platform is sealed."""

    def __init__(
        self,
        door: Door,
        *,
        lease: Lease,
        authenticator: Authenticator,
        clock: Clock,
        domains: Sequence[str],
        body_idle_s: float,
        answer_stall_s: float,
        devices: Devices,
        query_verbs: Sequence[QueryVerb],
    ) -> None:
        self.verbs = frozenset({*TITLES, *(verb.name for verb in query_verbs)})
        self._query_verbs = {(verb.service.name, verb.name): verb for verb in query_verbs}
        self._door = door
        self._devices = devices
        self._lease = lease
        self._authenticator = authenticator
        self._clock = clock
        self._domains = tuple(domain.lower() for domain in domains)
        self._body_idle_s = body_idle_s
        self._answer_stall_s = answer_stall_s
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("this door speaks HTTP only")
        self._under_way += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._under_way -= 1

    def wipe(self) -> None:
        """Forget what was derived from access keys."""
        self._authenticator.wipe()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = BodyStream(receive, idle_s=self._body_idle_s)
        attempt = Attempt(new_id("op"), self._clock.now(), client_of(scope), user_agent(scope))
        try:
            response = await self._perform(scope, attempt, stream)
        except asyncio.CancelledError:
            await asyncio.shield(self._record(attempt, Unavailable("the door was closed", code="s3.cancelled")))
            raise
        except Exception as error:  # the last line of defence: nothing unexpected reaches the client
            attempt.code = explain(error).s3.name
            response = await self._refuse(scope, attempt, error)
        browsers.tell(self._door, scope, response, self._domains)
        self._note_line(attempt, response)
        close = not attempt.plain
        if has_body(scope):
            close |= not await stream.finish(polite=not expects_continue(scope))
        try:
            await send_response(send, response, attempt.id, close=close, stall_s=self._answer_stall_s)
        except Exception as error:
            logger.warning("the answer to request %s broke off: %s", attempt.id, anatomy(error))
            raise BrokenAnswerError from None

    async def _perform(self, scope: Scope, attempt: Attempt, stream: BodyStream) -> Response:
        if self._under_way > MAX_CONCURRENT:
            raise Refusal(errors.SLOW_DOWN)
        attempt.plain = False
        request = read(scope)
        attempt.plain = True
        address = locate(
            request.path, request.headers.get("host", ""), self._domains, tenants=self._door.dialect.tenants
        )
        if request.method == "OPTIONS":
            return await browsers.preflight(self._door, scope, attempt, request, address)
        if query.is_query(request, at_root=address.bucket is None and bool(self._query_verbs)):
            return await self._answer_form(attempt, scope, request, stream)
        if self._door.dialect.missing_torrents and "torrent" in request.query:
            attempt.is_at(address)
            raise Refusal(errors.NO_SUCH_KEY)
        verb = attempt.becomes(request, address)
        scope[ROUTE] = verb.title
        self._lease.require()
        form: Posted | None = None
        if verb is Verb.POST_OBJECT:
            caller, form, request, address = await posted.admit(
                request, address, stream, self._authenticator, attempt.at
            )
            attempt.is_at(address)
        else:
            caller = self._authenticator.authenticate(request)
        attempt.actor = caller.actor
        attempt.device = self._devices.named(certificate(scope["headers"]), caller.actor)
        attempt.purpose = purpose_of(request.headers, caller)
        unsupported.refuse_unsupported(request.headers, lists=self._door.access.sharing.possible)
        op, name = attempt.operation(), address.bucket or ""
        found, where = await authorise(self._door, verb, attempt, op, request=request, address=address)
        call = Call(self._door, op, request, caller, stream, name, address.key or "", found, where, form)
        return await HANDLERS[verb](call)

    async def _answer_form(self, attempt: Attempt, scope: Scope, request: Request, stream: BodyStream) -> Response:
        """A request of the Query protocol, in the steps of query.py."""
        attempt.service, attempt.action = query.STS, query.ACTION
        self._lease.require()
        body = await query.read(stream)
        form = query.parse(body)
        attempt.service = query.SERVICES.get(form.fields.get("Version", ""), query.STS)
        verb = query.find(form, self._query_verbs)
        attempt.action, scope[ROUTE] = verb.action, verb.name
        caller = NOBODY
        if verb.signed:
            caller = query.authenticate(verb, request, body, self._authenticator)
            attempt.actor = caller.actor
            attempt.purpose = purpose_of(request.headers, caller)
            attempt.device = self._devices.named(certificate(scope["headers"]), caller.actor)
        elif not claims.is_missing(request):
            raise Refusal(query.VALIDATION_ERROR, f"{verb.name} is not signed: its token is its proof")
        op = query.as_actor(attempt.operation(), attempt.actor)
        nodes = await verb.handler(query.QueryCall(op, caller, form, attempt.is_by))
        return query.answer(verb, nodes, attempt.id)

    def _note_line(self, attempt: Attempt, response: Response) -> None:
        """A line for the access log of the bucket, if it has one. What goes wrong here is nobody's request."""
        request, verb, bucket = attempt.request, attempt.verb, attempt.bucket
        if request is None or verb is None or bucket is None:
            return
        logged = self._door.access.settings.of(bucket).log
        if logged is None:
            return
        key, now = str(attempt.details.get("key", "")), self._clock.now()
        text = access_lines.line(
            request,
            response,
            bucket=bucket,
            verb=verb,
            key=key,
            actor=attempt.actor,
            request_id=attempt.id,
            origin=attempt.origin,
            at=attempt.at,
            now=now,
            code=attempt.code,
            listed=attempt.listed,
        )
        self._door.objects.access_logs.note(bucket, logged.bucket, logged.prefix, text, logged.delivery)

    async def _refuse(self, scope: Scope, attempt: Attempt, error: Exception) -> Response:
        if not isinstance(error, NexusError):
            logger.error("request %s failed: %s", attempt.id, anatomy(error))
        try:
            await self._record(attempt, error)
        except Exception as unwritten:  # say only that, whatever the first error was
            logger.error("request %s could not be recorded: %s", attempt.id, anatomy(unwritten))
            error = Unavailable("the audit log cannot be written", code="s3.unrecorded")
        if attempt.service is not None:
            return query.refusal(error, attempt.service, attempt.id)
        return refusal_response(explain(error), error, attempt.id, scope["raw_path"], scope["method"])

    async def _record(self, attempt: Attempt, error: Exception) -> None:
        await self._door.audit.record(attempt.ended_by(error))


def create_app(
    objects: ObjectService,
    *,
    access_keys: AccessKeys,
    gate: Gate,
    lease: Lease,
    audit: AuditWriter,
    placements: Placements,
    clock: Clock,
    region: str,
    domains: Sequence[str] = (),
    body_idle_s: float = IDLE_TIMEOUT_S,
    answer_stall_s: float = STALL_TIMEOUT_S,
    sharing: Sharing | None = None,
    legacy_forms: bool = False,
    devices: Devices = NoDevices(),  # noqa: B008 - it holds nothing
    query_verbs: Sequence[QueryVerb] = (),
    destinations: Destinations = NoDestinations(),  # noqa: B008 - it holds nothing
    dialect: Dialect = AWS,
) -> S3App:
    """The S3 door as an ASGI application.

    `region` is the only one that signatures may name; `domains` are host names whose first label names a bucket
    (virtual-host style), besides path style, which always works; `body_idle_s` is the longest silence of a client
    within a body, `answer_stall_s` the longest time in which it takes nothing of an answer, in seconds. Without `sharing`, roles alone let in.
    `legacy_forms`: forms of browsers may be signed with version 2, which nothing else may. `query_verbs`: what is answered
    in AWS's Query protocol, at the root of the door. `destinations`: whom buckets may tell of their objects.
    `dialect`: what clients expect where implementations of S3 differ.
    """
    access = Access(objects, gate, sharing or NoSharing(), placements, lockouts=dialect.lockouts)
    door = Door(objects, gate, audit, placements, region, access, destinations, dialect)
    return S3App(
        door,
        lease=lease,
        authenticator=Authenticator(
            access_keys,
            clock,
            region,
            anonymous=access.sharing.possible,
            legacy_forms=legacy_forms,
            regionless=dialect.regionless,
        ),
        clock=clock,
        domains=domains,
        body_idle_s=body_idle_s,
        answer_stall_s=answer_stall_s,
        devices=devices,
        query_verbs=query_verbs,
    )
