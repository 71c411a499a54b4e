"""The few requests of S3 that the remote engine makes, signed (Signature Version 4) by AWS's own signer, over TLS.

Every request here may be repeated without harm: a blob is written once under an id of its own, and parts and completions of
an upload say the same each time. So what fails for a moment (a connection, 5xx, 429) is tried again, a few times.
"""

import logging
import random
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, ParseError

import httpx
from awscrt import auth, http
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from msgspec import Struct

from nexus.kernel.errors import Unavailable
from nexus.kernel.secret import Secret
from nexus.objects.errors import ENGINE_AWAY, ENGINE_REFUSED

TRIES: Final = 4
"""Of one request."""
FIRST_WAIT_S: Final = 0.2
"""Before the second try; doubled each time, with chance, so that many do not come back together."""
TIMEOUT_S: Final = 30.0
CONNECT_S: Final = 5.0
"""To reach the engine: one that is there answers at once."""
AWAY_S: Final = 10.0
"""After a request that failed at every try, others are tried once for so long: nobody waits for each blob of an engine that is
away."""
CONNECTIONS: Final = 32
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
"""The body is protected by TLS, authenticated by its seal, and compared with its checksum by the scrubber."""

logger = logging.getLogger(__name__)


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the blobs lie. `url`: `https://host:port`; path-style addresses are used."""

    url: str
    bucket: str
    region: str
    access_key: str
    secret_key: Secret
    authorities: Path | None = None
    """File (PEM) of the authorities that sign the engine's certificate; None: those that this machine trusts."""


class RemoteClient:
    """Makes requests about one bucket. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._at = endpoint
        self._credentials = auth.AwsCredentialsProvider.new_static(
            endpoint.access_key, endpoint.secret_key.reveal().decode()
        )
        tls = ssl.create_default_context(cafile=str(endpoint.authorities) if endpoint.authorities else None)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._away_until = 0.0
        timeout = httpx.Timeout(TIMEOUT_S, connect=CONNECT_S)
        self._http = httpx.Client(verify=tls, timeout=timeout, limits=limits, trust_env=False)

    def request(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | memoryview = b"",
        expected: frozenset[int] = frozenset({200, 204, 206}),
        tries: int = TRIES,
    ) -> httpx.Response:
        """One request, tried again where that may help. Raises Unavailable unless the status is `expected`."""
        tries = 1 if time.monotonic() < self._away_until else tries
        for attempt in range(1, tries + 1):
            try:
                response = self._once(method, key, query or {}, headers or {}, body)
            except httpx.TransportError as error:
                failure = Unavailable(
                    f"the engine of the blobs does not answer ({type(error).__name__})",
                    code=ENGINE_AWAY,
                    hint="look whether its address in the settings can be reached",
                )
            else:
                if response.status_code not in _AGAIN:
                    self._away_until = 0.0
                if response.status_code in expected:
                    return response
                failure = _refused(response)
                if response.status_code not in _AGAIN:
                    raise failure
            if attempt < tries:
                time.sleep(FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._away_until = time.monotonic() + AWAY_S
        raise failure

    def _once(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes | memoryview
    ) -> httpx.Response:
        path = quote(f"/{self._at.bucket}/{key}" if key else f"/{self._at.bucket}", safe="/-_.~")
        target = f"{path}?{urlencode(sorted(query.items()), quote_via=quote)}" if query else path
        url = httpx.URL(self._at.url)
        host = url.host if url.port is None else f"{url.host}:{url.port}"
        request = http.HttpRequest(method, target)
        for name, value in {"host": host, **headers}.items():
            request.headers.add(name, value)
        auth.aws_sign_request(request, self._signing()).result(TIMEOUT_S)
        signed = dict(request.headers) | {"content-length": str(len(body))}
        return self._http.request(method, self._at.url + target, headers=signed, content=bytes(body))

    def _signing(self) -> auth.AwsSigningConfig:
        return auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._credentials,
            region=self._at.region,
            service="s3",
            date=datetime.now(UTC),
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value=_UNSIGNED,
            signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        )

    def close(self) -> None:
        """End the connections."""
        self._http.close()


def document(response: httpx.Response) -> Element:
    """The XML of an answer, its names without namespace. Raises Unavailable if it is none."""
    try:
        root: Element = fromstring(response.content)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Unavailable("the engine of the blobs answers in no XML", code=ENGINE_REFUSED) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _refused(response: httpx.Response) -> Unavailable:
    try:
        code = document(response).findtext("Code", "")
    except Unavailable:
        code = ""
    logger.warning("the engine of the blobs refused: %d %s", response.status_code, code)
    return Unavailable(
        f"the engine of the blobs refused: {response.status_code} {code}".rstrip(),
        code=ENGINE_REFUSED,
        hint="its bucket must exist, and its key may read, write, list and delete there",
    )
