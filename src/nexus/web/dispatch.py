"""The one path of every operation that comes through REST or the console, in numbered steps.

1. The lease on the keys is held, or nothing happens (but for the few operations that look at the seal or lift it).
2. The bearer token says who it is (operations without an action are themselves the sign-in: nobody is known yet).
3. The purpose is one of the closed list.
4. The body is read only now, then decoded into the typed request.
5. The request names its resource.
6. The gate allows actor, action and resource, or nothing happens.
7. An operation that asks for it is done only with a fresh factor that was proved for exactly this content.
8. A sensitive operation becomes an intent (202); any other runs.
9. The result is encoded.

Whatever raises on the way becomes one audit entry and one problem; without the entry the answer is 503.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nexus.kernel.clock import Clock
from nexus.kernel.errors import (
    Denied,
    Invalid,
    NexusError,
    Throttled,
    Unauthenticated,
    Unavailable,
    anatomy,
    particulars,
)
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Actor, Entry, Operation, OperationSpec, Resource
from nexus.web import codec
from nexus.web.binding import path_fields, request_of
from nexus.web.content import content_digest
from nexus.web.ports import (
    Approvals,
    AuditWriter,
    Authenticator,
    Devices,
    Gate,
    KeyProof,
    Lease,
    NoDevices,
    StepUp,
)
from nexus.web.problem import MEDIA_TYPE, headers_of, problem_of

DOOR: Final = "api"
"""The REST door; the console gives its own name."""
DEFAULT_PURPOSE: Final = "operation"
"""The purpose of a call that names none: running the platform. Health data are never read for it."""
EXECUTE: Final = "iam.approval.execute"
"""The one operation that the dispatcher performs itself: it runs the spec that was approved."""
EXECUTED_HEADER: Final = "Nexus-Executed"
"""Names the operation whose result an execution answers with."""
STEP_UP_HEADER: Final = "Nexus-Step-Up"
"""Carries the proof of a fresh factor."""
OPERATION_TIMEOUT_S: Final = 120
"""The longest that one operation may take, its body included."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP request, reduced. `token` is the bearer token or None; `body` reads at most the door's limit."""

    token: str | None
    origin: str
    client: str
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: Callable[[], Awaitable[bytes]]
    purpose: str = ""
    proof: KeyProof | None = None
    """Of the key that `token` is bound to; None for bearer tokens."""
    step_up: str = ""
    """The proof of a fresh factor, if one was sent."""
    certificate: str = ""
    """Of the client's device, as a trusted proxy showed it (`web.proxies`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status, JSON bytes (empty for 204) and the operation's id."""

    status: int
    body: bytes
    operation: str
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Attempt:
    """How far an operation came: what its entry will say if it is refused or fails."""

    op: Operation
    action: str
    resource: Resource = PLATFORM


class Dispatcher:
    """Performs any operation of its table for a call. `services` maps `OperationSpec.service` to the service."""

    def __init__(
        self,
        specs: Sequence[OperationSpec],
        services: Mapping[str, Any],
        *,
        lease: Lease,
        authenticator: Authenticator,
        gate: Gate,
        approvals: Approvals,
        step_up: StepUp,
        audit: AuditWriter,
        clock: Clock,
        purposes: Collection[str],
        while_sealed: Collection[str] = (),
        timeout_s: float = OPERATION_TIMEOUT_S,
        door: str = DOOR,
        devices: Devices = NoDevices(),  # noqa: B008 - it holds nothing
    ) -> None:
        """`door` is what entries say of where an operation came from."""
        self.specs = {spec.name: spec for spec in specs}
        self._services = services
        self._lease = lease
        self._authenticator = authenticator
        self._gate = gate
        self._approvals = approvals
        self._step_up = step_up
        self._audit = audit
        self._clock = clock
        self._purposes = frozenset(purposes)
        self._while_sealed = frozenset(while_sealed)
        self._timeout_s = timeout_s
        self._door = door
        self._devices = devices

    def require_lease(self) -> None:
        """Raise Sealed or Unavailable while no operation would be performed."""
        self._lease.require()

    def offers(self, names: Collection[str], actor: Actor, origin: str, certificate: str) -> frozenset[str]:
        """Which of these operations the gate would let the actor do, asked without anything particular.

        For menus: it protects nothing, and nothing is recorded. What it leaves out is refused when it is tried all the same.
        """
        device = self._devices.named(certificate, actor)
        op = Operation(new_id("op"), actor, DEFAULT_PURPOSE, self._clock.now(), origin, self._door, device=device)
        specs = [self.specs[name] for name in names]
        wanted = [(spec.action, self._resource(spec, request_of(spec, {}, [], b""))) for spec in specs]
        allowed = self._gate.foresees(op, wanted)
        return frozenset(spec.name for spec, one in zip(specs, allowed, strict=True) if one)

    async def dispatch(self, spec: OperationSpec, call: Call) -> Answer:
        """Perform the operation; never raises (but for cancellation): every error is an answer."""
        op = Operation(
            new_id("op"), ANONYMOUS, DEFAULT_PURPOSE, self._clock.now(), call.origin, self._door, client=call.client
        )
        attempt = _Attempt(op, spec.action or spec.name)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._perform(spec, call, attempt)
        except NexusError as error:
            return await self._refuse(attempt, error)
        except asyncio.CancelledError:
            closed = Unavailable("the door was closed", code="web.cancelled")
            await asyncio.shield(self._refuse(attempt, closed))
            raise
        except TimeoutError:
            return await self._refuse(attempt, _timed_out(self._timeout_s))
        except Exception as error:  # the last line of defence: nothing unexpected reaches the client
            logger.error("operation %s failed: %s", attempt.op.id, anatomy(error))
            return await self._refuse(attempt, NexusError("the operation failed", code="internal", hint=_TELL))

    async def _perform(self, spec: OperationSpec, call: Call, attempt: _Attempt) -> Answer:
        if spec.name not in self._while_sealed:
            self._lease.require()
        if spec.action:
            actor = await self._actor(call)
            attempt.op = replace(attempt.op, actor=actor, device=self._devices.named(call.certificate, actor))
        attempt.op = replace(attempt.op, purpose=self._purpose(call))
        request = request_of(spec, call.path, call.query, await call.body())
        attempt.resource = self._resource(spec, request)
        if spec.action:
            self._gate.check(attempt.op, spec.action, attempt.resource)
        if spec.name == EXECUTE:
            return await self._execute(spec, request, attempt, call)
        if spec.sensitive or spec.step_up:
            exact = codec.encode(request, spec.request).decode()
            await self._require_factor(attempt, call, spec.name, str(attempt.resource), exact)
        if spec.sensitive:
            return await self._propose(spec, request, attempt)
        return await self._run(spec, request, attempt.op)

    async def _actor(self, call: Call) -> Any:
        if not call.token:
            raise Unauthenticated(
                "this operation needs a bearer token", code="web.no-token", hint="sign in with `nexus login`"
            )
        if call.proof is not None:
            return await self._authenticator.bound(call.token, call.proof)
        return await self._authenticator.session(call.token, call.origin, call.client)

    def _purpose(self, call: Call) -> str:
        purpose = call.purpose or DEFAULT_PURPOSE
        if purpose not in self._purposes:
            known = ", ".join(sorted(self._purposes))
            raise Invalid("Nexus-Purpose names no known purpose", code="web.purpose", hint=f"one of: {known}")
        return purpose

    def _resource(self, spec: OperationSpec, request: Any) -> Resource:
        return spec.resource(self._services[spec.service], request)

    async def _run(self, spec: OperationSpec, request: Any, op: Operation) -> Answer:
        result = await spec.run(self._services[spec.service], op, request)
        if spec.result is None:
            return Answer(204, b"", op.id)
        return Answer(200, codec.encode(result, spec.result, reveal=spec.secret_result), op.id)

    async def _propose(self, spec: OperationSpec, request: Any, attempt: _Attempt) -> Answer:
        exact = codec.encode(request, spec.request)
        intent = await self._approvals.propose(attempt.op, spec, exact, attempt.resource)
        return Answer(202, codec.encode(intent, type(intent)), attempt.op.id)

    async def _require_factor(self, attempt: _Attempt, call: Call, *content: str) -> None:
        await self._step_up.require(attempt.op, content_digest(*content), call.step_up)

    async def _execute(self, spec: OperationSpec, request: Any, attempt: _Attempt, call: Call) -> Answer:
        """Run what was approved, as the executing actor, who needs the right to it as well."""
        intent_id: str = getattr(request, path_fields(spec)[0])
        itself = str(attempt.resource)
        content = await self._approvals.content(intent_id)
        target = self.specs[content.spec_name]
        approved = codec.decode(content.request_json, target.request)
        attempt.op = replace(attempt.op, approval=intent_id)
        attempt.action, attempt.resource = target.action, self._resource(target, approved)
        self._gate.check(attempt.op, target.action, attempt.resource)
        approved_text = content.request_json.decode()
        await self._require_factor(attempt, call, spec.name, itself, content.spec_name, approved_text)
        claimed = await self._approvals.claim(attempt.op, intent_id)
        if (claimed.spec_name, claimed.request_json) != (content.spec_name, content.request_json):
            raise Denied("the approved content is not the stored content", code="web.approval-mismatch")
        answer = await self._run(target, approved, attempt.op)
        return replace(answer, headers={EXECUTED_HEADER: target.name})

    async def _refuse(self, attempt: _Attempt, error: NexusError) -> Answer:
        try:
            await self._audit.record(_entry(attempt, error))
        except Exception as unwritten:  # the log cannot be written: say only that, whatever the first error was
            logger.error("operation %s could not be recorded: %s", attempt.op.id, anatomy(unwritten))
            error = Unavailable("the audit log cannot be written", code="web.unrecorded", hint=_TELL)
        problem = problem_of(error, attempt.op.id)
        return Answer(
            problem.status, codec.encode(problem, type(problem)), attempt.op.id, MEDIA_TYPE, headers_of(error)
        )


_TELL: Final = "give the operation id to whoever runs this platform"


def _timed_out(seconds: float) -> NexusError:
    return Unavailable(
        f"no result within {seconds:g} seconds; the operation may still take place",
        code="web.timeout",
        hint="look for the operation id in the audit log before you retry",
    )


def _entry(attempt: _Attempt, error: NexusError) -> Entry:
    refused = isinstance(error, Denied | Unauthenticated | Throttled)
    write = attempt.op.denied if refused else attempt.op.failed
    return write(attempt.action, attempt.resource, **particulars(error))
