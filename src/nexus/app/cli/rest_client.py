"""Operations over the REST door: one call, one answer, errors as the errors that they were."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from nexus.app.cli.connection import Place
from nexus.kernel.errors import NexusError, Unavailable
from nexus.kernel.operation import OperationSpec
from nexus.web.binding import has_body, path_fields
from nexus.web.dispatch import EXECUTED_HEADER, OPERATION_TIMEOUT_S, STEP_UP_HEADER
from nexus.web.problem import MEDIA_TYPE, ProblemDetails, error_of

CLIENT: Final = "nexus-cli"
"""User-Agent; a session is bound to it, so it does not change with versions."""
CONNECT_TIMEOUT_S: Final = 10.0
MARGIN_S: Final = 10.0
"""How much longer the client waits than the door lets an operation run."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`document` is the result, or the intent if `held`; None where there is no result."""

    document: Any
    operation: str
    held: bool = False
    executed: str = ""
    """Name of the approved operation whose result this is, if it is one."""


class Refused(Exception):
    """The platform said no: its error, and the id of the operation to quote."""

    def __init__(self, error: NexusError, operation: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.operation = operation


class RestClient:
    """Speaks to one platform, as the holder of `token` or of a key (`bound`), or as nobody."""

    def __init__(
        self,
        place: Place,
        token: str = "",
        *,
        bound: httpx.Auth | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`bound`: puts a token and the proof of its key on each request."""
        self.place = place
        headers = {"User-Agent": CLIENT, "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=place.url,
            headers=headers,
            auth=bound,
            transport=transport,
            verify=place.tls(),
            timeout=httpx.Timeout(OPERATION_TIMEOUT_S + MARGIN_S, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )

    def __enter__(self) -> "RestClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, spec: OperationSpec, document: Mapping[str, Any], *, purpose: str = "", step_up: str = "") -> Reply:
        """Perform an operation. Raises Refused with the platform's error, Unavailable if it cannot be reached."""
        headers = {"Nexus-Purpose": purpose, STEP_UP_HEADER: step_up}
        response = self._send(spec, document, {name: value for name, value in headers.items() if value})
        operation = response.headers.get("nexus-operation", "")
        if response.headers.get("content-type") == MEDIA_TYPE:
            problem = msgspec.json.decode(response.content, type=ProblemDetails)
            raise Refused(error_of(problem), problem.operation)
        if not response.is_success:
            raise Refused(
                Unavailable(f"an unexpected answer: HTTP {response.status_code}", code="cli.answer"), operation
            )
        result = msgspec.json.decode(response.content) if response.content else None
        executed = response.headers.get(EXECUTED_HEADER, "")
        return Reply(result, operation, held=response.status_code == httpx.codes.ACCEPTED, executed=executed)

    def _send(self, spec: OperationSpec, document: Mapping[str, Any], headers: dict[str, str]) -> httpx.Response:
        in_path = path_fields(spec)
        url = spec.path.format(**{name: quote(str(document[name]), safe="") for name in in_path})
        rest = {name: value for name, value in document.items() if name not in in_path}
        try:
            if has_body(spec):
                headers["Content-Type"] = "application/json"
                return self._http.request(spec.method, url, content=msgspec.json.encode(rest), headers=headers)
            return self._http.request(spec.method, url, params=_query(rest), headers=headers)
        except httpx.HTTPError as error:
            raise _unreachable(self.place, error) from error


def _query(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in document.items()}


def _unreachable(place: Place, error: httpx.HTTPError) -> Unavailable:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return Unavailable(
            f"{place.url} is not the platform that it should be: its certificate does not verify",
            code="cli.certificate",
            hint="--ca names the platform's own certificate authority",
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return Unavailable(f"nothing answers at {place.url}", code="cli.unreachable", hint="is the platform up?")
    return Unavailable(
        f"the connection to {place.url} broke",
        code="cli.broken",
        hint="the operation may have taken place: see the log",
    )
