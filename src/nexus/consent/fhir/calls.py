"""From an interaction to operations: performed by the same dispatcher, as whoever sent the request."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from starlette.requests import Request

from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.troubles import Misfit, Refused, of_problem, refused
from nexus.kernel.errors import NexusError
from nexus.web.dispatch import Dispatcher
from nexus.web.rest import call_of

Body = Callable[[], Awaitable[Mapping[str, Any]]]
"""Reads the request's body and says what the operation is to be asked for."""
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:]{2,45}\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of one release."""

    request: Request
    release: Release
    dispatcher: Dispatcher

    @property
    def base(self) -> str:
        """The address of this release, as the client reached it. Answers are never cached, so that it misleads nobody else."""
        host = self.request.headers.get("host", "")
        return f"https://{host if _HOST.fullmatch(host) else 'nexus.invalid'}/fhir/{self.release.value}"

    async def do(
        self,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | Body | None = None,
    ) -> Any:
        """Perform an operation and return its result. Raises Refused.

        A `body` that is a function is called once it is known who asks. What it raises leaves an entry like every refusal.
        """
        refusals: list[Refused] = []

        async def read() -> bytes:
            if body is None:
                return b""
            try:
                return msgspec.json.encode(await body() if callable(body) else body)
            except NexusError as error:
                refusals.append(refused(error))
                raise
            except Refused as inner:
                refusals.append(inner)
                raise Misfit(inner.status, inner.issues) from inner

        asked = [(key, str(each)) for key, value in (query or {}).items() for each in _values(value)]
        call = replace(call_of(self.request), path=path or {}, query=asked, body=read)
        answer = await self.dispatcher.dispatch(self.dispatcher.specs[name], call)
        document = msgspec.json.decode(answer.body) if answer.body else None
        if answer.status >= 400:
            headers = {**answer.headers, "Nexus-Operation": answer.operation}
            if refusals:
                refusals[0].headers = {**headers, **refusals[0].headers}
                raise refusals[0]
            raise of_problem(answer.status, document or {}, headers)
        return document


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
