"""S3 requests as bytes, signed beforehand (AWS Signature Version 4), so that a load generator only has to send them."""

import hashlib
import hmac
import time
import urllib.parse
from dataclasses import dataclass

from yarl import URL

UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class Signer:
    """Signs for one access key against one host. Signatures hold for the minutes that a server's clock window allows."""

    access_key: str
    secret_key: str
    host: str
    """`name:port`, as the Host header has it."""
    region: str

    def request(
        self, method: str, path: str, *, query: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        """The head of a request, ready to send; a body, if any, follows it."""
        target, signed = self._signed(method, path, query or {}, headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()

    def signed(self, method: str, path: str, *, query: dict[str, str] | None = None) -> tuple[URL, dict[str, str]]:
        """Address and headers of a request, for a client that sends it."""
        target, signed = self._signed(method, path, query or {}, {})
        return URL(f"https://{self.host}{target}", encoded=True), signed

    def _signed(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        path = urllib.parse.quote(path, safe="/-_.~")
        text = urllib.parse.urlencode(sorted(query.items()), quote_via=urllib.parse.quote)
        signed = {"host": self.host, "x-amz-content-sha256": UNSIGNED, "x-amz-date": stamp, **headers}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join((method, path, text, lines, names, UNSIGNED))
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signature = self._sign("\n".join(("AWS4-HMAC-SHA256", stamp, scope, digest)), stamp[:8])
        credential = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return f"{path}?{text}" if text else path, {**signed, "authorization": f"AWS4-HMAC-SHA256 {credential}"}

    def _sign(self, text: str, day: str) -> str:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()
