"""An S3 client without a network: signs with botocore's code, not ours, and speaks ASGI to the door directly."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from nexus.kernel.clock import SECOND, Clock

HOST = "s3.nexus.test"
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` have lower-case names; `complete` is false if the answer broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def xml(self) -> ET.Element:
        root = ET.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    @property
    def code(self) -> str:
        """The error code; empty without an error document."""
        return (self.xml.findtext("Code") or "") if self.body.startswith(b"<?xml") else ""

    def texts(self, path: str) -> list[str]:
        return [element.text or "" for element in self.xml.findall(path)]


async def speak(
    app: Asgi,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: Iterable[bytes] = (),
    *,
    scheme: str = "https",
    hang: bool = False,
    leave: bool = False,
) -> Answer:
    """One exchange. `hang` sends the body and then nothing more; `leave` goes away after it."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "raw_path": path.encode("latin-1"),
        "path": path,
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("203.0.113.9", 40_000),
        "scheme": scheme,
        "http_version": "1.1",
    }
    pieces = list(body)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": True}
        if leave:
            return {"type": "http.disconnect"}
        if hang:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        # Like the engine: what it is handed is copied before it returns, for a piece is lent until the next one.
        sent.append({**message, "body": bytes(message.get("body", b""))})

    broken = False
    try:
        await app(scope, receive, send)
    except Exception:
        if not sent:
            raise
        broken = True
    start = sent[0]
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(m.get("body", b"") for m in sent[1:]), not broken)


class S3Client:
    """Signs and sends for one access key. `clock` is the client's own, so that it may be wrong."""

    def __init__(
        self,
        app: Asgi,
        access_key: str,
        secret: str,
        clock: Clock,
        region: str = "eu-test-1",
        token: str | None = None,
    ) -> None:
        self.app = app
        self.credentials = Credentials(access_key, secret, token)
        self.clock = clock
        self.region = region

    async def __call__(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        unsigned: Mapping[str, str] | None = None,
        payload: str | None = None,
        host: str = HOST,
        **how: Any,
    ) -> Answer:
        """Send a request. `unsigned` headers are added after signing; `payload` replaces the body's own SHA-256."""
        given = dict(headers or {})
        if body and not {"content-length", "transfer-encoding"} & {name.lower() for name in given}:
            given["content-length"] = str(len(body))
        signed = self.sign(method, target, given, payload or hashlib.sha256(body).hexdigest(), host=host)
        every = [*signed.items(), *(unsigned or {}).items()]
        return await speak(self.app, method, target, every, [body] if body else [], **how)

    def sign(
        self, method: str, target: str, headers: Mapping[str, str], payload: str, *, host: str = HOST
    ) -> dict[str, str]:
        """The headers of a signed request."""
        request = AWSRequest(method, f"https://{host}{target}", headers=dict(headers))
        request.context["timestamp"] = self.timestamp
        _HeaderSigner(self.credentials, "s3", self.region, payload).add_auth(request)
        return {"host": host, **{name.lower(): value for name, value in request.headers.items()}}

    def presign(self, method: str, target: str, *, expires: int = 60, headers: Mapping[str, str] | None = None) -> str:
        """The target (path and query) of a presigned URL."""
        request = AWSRequest(method, f"https://{HOST}{target}", headers=dict(headers or {}))
        request.context["timestamp"] = self.timestamp
        _QuerySigner(self.credentials, "s3", self.region, expires=expires).add_auth(request)
        return request.url.removeprefix(f"https://{HOST}")

    @property
    def timestamp(self) -> str:
        """The client's time, as x-amz-date has it."""
        return datetime.fromtimestamp(self.clock.now() // SECOND, UTC).strftime(auth.SIGV4_TIMESTAMP)


class QueryClient:
    """A client of STS and IAM without a network: AWS's Query protocol, signed with botocore's code."""

    def __init__(self, s3: S3Client, service: str = "sts", version: str = "2011-06-15") -> None:
        self.s3 = s3
        self.service = service
        self.version = version

    async def __call__(
        self,
        action: str,
        *,
        signed: bool = True,
        service: str = "",
        region: str | None = None,
        unsigned: Mapping[str, str] | None = None,
        tamper: Callable[[bytes], bytes] = bytes,
        **fields: str | int,
    ) -> Answer:
        """Send a form. `unsigned` headers are added after signing; `tamper` changes the body then."""
        body = urlencode({"Action": action, "Version": self.version, **fields}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", f"https://{HOST}/", headers=headers, data=body)
        if signed:
            request.context["timestamp"] = self.s3.timestamp
            named = self.s3.region if region is None else region
            _QueryProtocolSigner(self.s3.credentials, service or self.service, named).add_auth(request)
        every = {"host": HOST, **{name.lower(): value for name, value in request.headers.items()}, **(unsigned or {})}
        body = tamper(body)
        every["content-length"] = str(len(body))
        return await speak(self.s3.app, "POST", "/", every.items(), [body])


class _AtGivenTime:
    """Signs at the time of the request's context, instead of now."""

    def add_auth(self, request: AWSRequest) -> None:
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        self._inject_signature_to_request(request, self.signature(self.string_to_sign(request, canonical), request))


class _HeaderSigner(_AtGivenTime, auth.S3SigV4Auth):
    """botocore's signer, told what to say about the payload."""

    def __init__(self, credentials: Credentials, service: str, region: str, payload: str) -> None:
        super().__init__(credentials, service, region)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload


class _QueryProtocolSigner(_AtGivenTime, auth.SigV4Auth):
    """botocore's signer of every other service."""


class _QuerySigner(_AtGivenTime, auth.S3SigV4QueryAuth):
    """botocore's signer of URLs."""
