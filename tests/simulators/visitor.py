"""A person at a browser without scripts, before the real console of an installation: cookies, forms and their hidden tokens."""

import html
import json
import re
import ssl
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from simulators.installation import Installation, Person

AGENT = "Mozilla/5.0 (a browser of the tests)"
VERIFIER = "a-verifier-of-the-tests-that-is-long-enough-0123456789"
CALLBACK = "https://tool.test/callback"


class Visitor:
    """Keeps cookies, says where a form comes from, and sends the hidden token of the page that is open."""

    def __init__(self, installation: Installation) -> None:
        published = json.loads((installation.data / "run" / "endpoints.json").read_text())
        self.origin = published["console"].rstrip("/")
        trust = ssl.create_default_context(cafile=str(installation.data / "tls" / "ca.pem"))
        headers = {"User-Agent": AGENT, "Accept-Language": "en"}
        self.http = httpx.Client(verify=trust, base_url=self.origin, headers=headers, timeout=20)
        self._page = ""

    def get(self, path: str, **query: str) -> httpx.Response:
        """Type an address."""
        answer = self.http.get(path, params=query, headers={"Sec-Fetch-Site": "none"})
        self._page = answer.text
        return answer

    def post(self, path: str, fields: dict[str, str], **query: str) -> httpx.Response:
        """Send a form of the page that is open."""
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', self._page)
        data = {**({"csrf": token[1]} if token else {}), **fields}
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return self.http.post(path, params=query, data=data, headers=own)

    def sign_in(self, person: Person) -> "Visitor":
        self.get("/sign-in")
        typed = {"login": person.login, "password": person.password, "code": person.fresh_code()}
        assert self.post("/sign-in", typed).status_code == 303
        return self

    def code_for(self, tool: str, scope: str) -> str:
        """Go to the issuer from a tool, and agree; what the tool is sent back with."""
        challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        asked = {"response_type": "code", "client_id": tool, "redirect_uri": CALLBACK, "scope": scope}
        asked |= {"state": "s", "code_challenge": challenge, "code_challenge_method": "S256"}
        assert self.get("/oidc/authorize", **asked).status_code == 200
        answer = self.post("/oidc/authorize", {"agrees": "yes"}, **asked)
        onward = re.search(r'href="([^"]+code=[^"]+)"', answer.text)
        return parse_qs(urlsplit(answer.headers.get("location") or html.unescape(onward[1])).query)["code"][0]


class ToolOfOthers:
    """The server of a tool that a person has signed in to: what it asks the issuer."""

    def __init__(self, visitor: Visitor, client: dict[str, Any]) -> None:
        """`client`: what `iam.client.create` answered."""
        self._http, self._secret = visitor.http, (client["id"], client["secret"])
        fields = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        self._tokens = self._token(**fields, code=visitor.code_for(client["id"], "openid profile roles"))

    def introspects(self) -> bool:
        """Whether the access token is in force."""
        answer = self._post("/oidc/introspect", token=self._tokens["access_token"])
        assert answer.status_code == 200
        return bool(answer.json()["active"])

    def reads(self) -> bool:
        """Whether the access token opens the claims."""
        headers = {"Authorization": f"Bearer {self._tokens['access_token']}", "Cookie": ""}
        answer = self._http.get("/oidc/userinfo", headers=headers)
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    def refreshes(self) -> bool:
        """Whether the refresh token is exchanged for the next one."""
        try:
            self._tokens = self._token(grant_type="refresh_token", refresh_token=self._tokens["refresh_token"])
        except PermissionError:
            return False
        return True

    def _token(self, **fields: str) -> dict[str, Any]:
        answer = self._post("/oidc/token", **fields)
        if answer.status_code != 200:
            assert answer.json()["error"] == "invalid_grant", answer.text
            raise PermissionError(answer.text)
        return dict(answer.json())

    def _post(self, path: str, **fields: str) -> httpx.Response:
        return self._http.post(path, data=fields, auth=self._secret, headers={"Cookie": ""})
