"""How a page does something: by an operation of the API, down the same path as everybody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nexus.kernel.errors import NexusError, Throttled
from nexus.kernel.operation import Actor, OperationSpec
from nexus.web.binding import has_body, path_fields
from nexus.web.dispatch import EXECUTED_HEADER, Answer, Call, Dispatcher
from nexus.web.problem import ProblemDetails, error_of

Document = dict[str, Any]
"""What an operation takes and returns, as in the API: names, texts, numbers, lists."""

HELD = 202
"""The status of a sensitive operation that waits for a second person."""


class Refused(Exception):
    """An operation that was refused or failed; `error` says why, `operation` is the id that auditors search for."""

    def __init__(self, error: NexusError, operation: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.operation = operation


@dataclass(frozen=True, slots=True)
class Sender:
    """Who calls, from where: what every operation of one visit has in common."""

    token: str | None
    origin: str
    client: str
    step_up: str = ""
    """The proof of a fresh factor that the visit's form brought, if it did."""
    certificate: str = ""
    """Of the browser's device, as a trusted proxy showed it."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an operation. `held`: it waits for a second person, and `document` is its intent."""

    document: Document
    operation: str
    held: bool = False
    executed: str = ""
    """Of the execution of an intent: the operation that was carried out."""


class Operations:
    """The table of operations, for pages."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.specs: Mapping[str, OperationSpec] = dispatcher.specs

    def offered(self, names: Collection[str], actor: Actor, sender: Sender) -> frozenset[str]:
        """Which of these operations are worth offering to the person; `Dispatcher.offers` says what that means."""
        return self._dispatcher.offers(names, actor, sender.origin, sender.certificate)

    async def call(self, name: str, fields: Document, sender: Sender, purpose: str = "") -> Done:
        """Perform the operation `name`. Raises Refused."""
        spec = self.specs[name]
        in_path = path_fields(spec)
        path = {field: str(value) for field, value in fields.items() if field in in_path}
        rest = {field: value for field, value in fields.items() if field not in in_path}
        call = Call(
            token=sender.token,
            origin=sender.origin,
            client=sender.client,
            path=path,
            query=[] if has_body(spec) else list(_query(rest)),
            body=_body(rest if has_body(spec) else None),
            purpose=purpose,
            step_up=sender.step_up,
            certificate=sender.certificate,
        )
        answer = await self._dispatcher.dispatch(spec, call)
        document = msgspec.json.decode(answer.body) if answer.body else {}
        if answer.status >= 400:
            raise Refused(_error(document, answer), answer.operation)
        executed = answer.headers.get(EXECUTED_HEADER, "")
        return Done(document, answer.operation, held=answer.status == HELD, executed=executed)


def _error(document: Document, answer: Answer) -> NexusError:
    error = error_of(msgspec.convert(document, ProblemDetails))
    if isinstance(error, Throttled):
        error.retry_after_s = int(answer.headers.get("Retry-After", "0"))
    return error


def _query(fields: Document) -> Any:
    for name, value in fields.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            yield name, str(one).lower() if isinstance(one, bool) else str(one)


def _body(fields: Document | None) -> Any:
    async def read() -> bytes:
        return msgspec.json.encode(fields) if fields else b""

    return read
