"""The methods of the socket: what each takes, whether it works while sealed, and the use case behind it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nexus.kernel import outbox
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import Invalid, Sealed
from nexus.kernel.operation import Operation
from nexus.kernel.outbox import Message
from nexus.kms import calls, frames, requests
from nexus.kms.service import KeyService

MAX_ENTRIES: Final = 4_096
"""Audit entries of one `entries` call."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a method works on: the service, its database, for which operation, and which caller asks."""

    service: KeyService
    db: Database
    operation: Operation
    caller: str


Run = Callable[[Served, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Method:
    decoder: msgspec.msgpack.Decoder[Any]
    run: Run
    needs_operation: bool = True
    while_sealed: bool = False


def _method(arguments: Any, run: Run, **more: bool) -> Method:
    return Method(frames.decoder(arguments), run, **more)


async def _generate(to: Served, call: calls.GenerateCall) -> calls.GenerateAnswer:
    made = await to.service.data_keys.generate(to.operation, call.key_id, call.context)
    return calls.GenerateAnswer(made.plaintext, made.wrapped)


async def _generate_bound(to: Served, call: calls.GenerateBoundCall) -> calls.GenerateAnswer:
    made = await to.service.bound_keys.generate(to.operation, to.caller, call.use, call.context)
    return calls.GenerateAnswer(made.plaintext, made.wrapped)


async def _wrap(to: Served, call: calls.WrapCall) -> bytes:
    return to.service.data_keys.wrap(call.key_id, call.secret, call.context)


async def _sign(to: Served, call: calls.SignCall) -> bytes:
    return to.service.computing.sign(call.key_id, call.message, call.version)


async def _public_key(to: Served, call: calls.PublicKeyCall) -> bytes:
    return to.service.computing.public_key(call.key_id, call.version)


async def _status(to: Served, call: requests.Nothing) -> Any:
    return to.service.status()


async def _entries(to: Served, call: calls.EntriesCall) -> list[Message]:
    if not 0 < call.limit <= MAX_ENTRIES:
        raise Invalid(f"ask for 1 to {MAX_ENTRIES} entries", code="kms.entries")
    with to.db.read() as tx:
        return outbox.pending(tx, limit=call.limit)


async def _entries_done(to: Served, call: calls.EntriesDoneCall) -> int:
    return await to.db.bookkeep(Bookkeeping.SHIPPED, lambda tx: outbox.acknowledge(tx, call.upto))


METHODS: Final[Mapping[str, Method]] = {
    "generate": _method(calls.GenerateCall, _generate),
    "wrap": _method(calls.WrapCall, _wrap),
    "unwrap": _method(
        calls.UnwrapCall, lambda to, call: to.service.data_keys.unwrap(to.operation, call.wrapped, call.context)
    ),
    "rewrap": _method(
        calls.RewrapCall, lambda to, call: to.service.rewrapping.rewrap(to.operation, call.wrapped, call.contexts)
    ),
    "prf": _method(
        calls.PrfCall, lambda to, call: to.service.computing.prf(to.operation, call.key_id, call.inputs, call.version)
    ),
    "sign": _method(calls.SignCall, _sign, needs_operation=False),
    "public_key": _method(calls.PublicKeyCall, _public_key, needs_operation=False),
    "bound_key": _method(
        calls.BoundKeyCall, lambda to, call: to.service.bound_keys.key(to.operation, to.caller, call.use)
    ),
    "sign_bound": _method(
        calls.SignBoundCall,
        lambda to, call: to.service.bound_keys.sign(to.operation, to.caller, call.use, call.message, call.version),
    ),
    "prf_bound": _method(
        calls.PrfBoundCall,
        lambda to, call: to.service.bound_keys.prf(to.operation, to.caller, call.use, call.inputs, call.version),
    ),
    "generate_bound": _method(calls.GenerateBoundCall, _generate_bound),
    "unwrap_bound": _method(
        calls.UnwrapBoundCall,
        lambda to, call: to.service.bound_keys.unwrap(to.operation, to.caller, call.use, call.wrapped, call.context),
    ),
    "create": _method(requests.CreateKey, lambda to, call: to.service.lifecycle.create(to.operation, call)),
    "list_keys": _method(requests.ListKeys, lambda to, call: to.service.lifecycle.list_keys(to.operation, call)),
    "read": _method(requests.KeyRef, lambda to, call: to.service.lifecycle.read(to.operation, call)),
    "rotate": _method(requests.KeyRef, lambda to, call: to.service.lifecycle.rotate(to.operation, call)),
    "disable": _method(requests.KeyRef, lambda to, call: to.service.lifecycle.disable(to.operation, call)),
    "enable": _method(requests.KeyRef, lambda to, call: to.service.lifecycle.enable(to.operation, call)),
    "schedule_destruction": _method(
        requests.ScheduleDestruction, lambda to, call: to.service.destruction.schedule(to.operation, call)
    ),
    "cancel_destruction": _method(requests.KeyRef, lambda to, call: to.service.destruction.cancel(to.operation, call)),
    "import_parameters": _method(
        requests.Nothing, lambda to, call: to.service.transport.import_parameters(to.operation)
    ),
    "import_key": _method(requests.ImportKey, lambda to, call: to.service.transport.import_key(to.operation, call)),
    "import_version": _method(
        requests.ImportVersion, lambda to, call: to.service.transport.import_version(to.operation, call)
    ),
    "export_key": _method(requests.ExportKey, lambda to, call: to.service.transport.export_key(to.operation, call)),
    "begin_rewrap": _method(requests.KeyRef, lambda to, call: to.service.rewrapping.begin(to.operation, call)),
    "rewrap_jobs": _method(requests.Nothing, lambda to, call: to.service.rewrapping.jobs(to.operation)),
    "rewrap_progress": _method(requests.RewrapProgress, lambda to, call: to.service.rewrapping.progress(call)),
    "finish_rewrap": _method(requests.FinishRewrap, lambda to, call: to.service.rewrapping.finish(to.operation, call)),
    "status": _method(requests.Nothing, _status, needs_operation=False, while_sealed=True),
    "read_status": _method(requests.Nothing, lambda to, call: to.service.read_status(to.operation), while_sealed=True),
    "initialise": _method(
        requests.Initialise,
        lambda to, call: to.service.unsealing.initialise(to.operation, call),
        needs_operation=False,
        while_sealed=True,
    ),
    "unseal": _method(
        requests.Unseal,
        lambda to, call: to.service.unseal(to.operation, call.secret),
        needs_operation=False,
        while_sealed=True,
    ),
    "seal": _method(requests.Nothing, lambda to, call: to.service.unsealing.seal(to.operation)),
    "entries": _method(calls.EntriesCall, _entries, needs_operation=False, while_sealed=True),
    "entries_done": _method(calls.EntriesDoneCall, _entries_done, needs_operation=False, while_sealed=True),
}
"""Collecting entries needs no key, and works while sealed: else nobody would learn of a refused unsealing."""


def perform(method: Method, to: Served, arguments: bytes) -> Awaitable[Any]:
    """Check and start a call. Raises Sealed, or Invalid naming the field that does not fit."""
    if not method.while_sealed and not to.service.vault.is_open:
        raise Sealed("the key service is sealed", code="kms.sealed", hint="unseal it: `nexus unseal`")
    try:
        decoded = method.decoder.decode(arguments)
    except (msgspec.DecodeError, RecursionError, NotImplementedError) as error:
        detail = str(error) if isinstance(error, msgspec.ValidationError) else "not decodable"
        raise Invalid(f"the arguments do not fit the method: {detail}", code="kms.arguments") from error
    return method.run(to, decoded)
