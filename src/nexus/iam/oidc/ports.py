"""What the issuer needs from others. The key service signs; the console knows who sits at the browser and draws pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from nexus.kernel.operation import Actor


class Lease(Protocol):
    """The process's hold on the keys. Without it nothing is issued."""

    def require(self) -> None:
        """Return while it is held; raise Sealed (or Unavailable) otherwise."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public half of a P-256 key that signs ID tokens. `kid` names it; `jwk` has no private part."""

    kid: str
    jwk: Mapping[str, Any]


class TokenSigner(Protocol):
    """Signs with ECDSA on P-256 and SHA-256. The private half never comes here."""

    async def keys(self) -> Sequence[SigningKey]:
        """Every key whose signatures may still be met, the one that signs now first."""

    async def sign(self, kid: str, message: bytes) -> bytes:
        """The 64 bytes r and s over `message`, by the key `kid`. Raises Unavailable or Sealed."""


class Messenger(Protocol):
    """Reaches tools over HTTPS."""

    async def post(self, uri: str, logout_token: str) -> bool:
        """Whether the tool at `uri` confirmed. Follows no redirection, waits seconds, raises nothing."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in in the browser. `actor` has a session; `csrf` must come back with every form."""

    actor: Actor
    csrf: str


class BrowserSession(Protocol):
    """The console's cookie session."""

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in in this browser, or None."""

    def once_more(self, request: Request) -> Response | None:
        """For a request that arrives from another site, and so without our cookies: a page that sends it again, from
        here. None for any other."""

    def sign_in(self, request: Request, return_to: str, *, again: bool) -> Response:
        """An answer that leads through sign-in to `return_to`, a path on this host. `again`: prove a factor anew."""

    def check_form(self, request: Request, visitor: Visitor, csrf: str) -> None:
        """Raise Denied unless the form was made for this visitor by us, and sent from a page of ours."""

    async def sign_out(self, request: Request, visitor: Visitor, response: Response) -> Response:
        """End the session, recorded, and let `response` forget it in the browser."""


class Pages(Protocol):
    """What a person sees in the middle of a protocol. Every page is in her language and carries no foreign content."""

    def consent(self, request: Request, visitor: Visitor, page: Mapping[str, Any]) -> Response:
        """Asks whether to go on to a client."""

    def device(self, request: Request, visitor: Visitor, page: Mapping[str, Any]) -> Response:
        """Asks for a user code, or whether to let a device in."""

    def goodbye(self, request: Request, visitor: Visitor | None, page: Mapping[str, Any]) -> Response:
        """Asks whether to sign out, or says that it is done."""

    def onward(self, request: Request, url: str) -> Response:
        """Sends the browser on to a tool. Not a redirection: browsers hold those to the rules for forms of the page
        that began them, and the person may just have sent the form that signed her in."""

    def refusal(self, request: Request, status: int, error: str, operation: str) -> Response:
        """Says that a tool asked for something that it may not have; nobody is sent anywhere."""
