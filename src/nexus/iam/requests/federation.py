"""Federation: what its operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class OutsideIssuerView(Result, frozen=True, kw_only=True):
    """An outside issuer that one may sign in with. `title` in English, `titre` in French."""

    name: str
    title: str
    titre: str


class OutsideIssuers(Result, frozen=True, kw_only=True):
    """Those that are configured."""

    issuers: tuple[OutsideIssuerView, ...]


class BeginFederation(Request, frozen=True, kw_only=True):
    """`issuer`: its name here."""

    issuer: str


class BeginLink(Request, frozen=True, kw_only=True):
    """`identity`: oneself; `issuer`: its name here."""

    identity: str
    issuer: str


class FederationBegun(Result, frozen=True, kw_only=True):
    """Send the browser to `url`; keep `transaction` in that browser alone, and present it with the answer."""

    url: str
    transaction: Secret
    expires_at: Instant


class CompleteFederation(Request, frozen=True, kw_only=True):
    """The answer that the issuer sent through the browser, and the transaction that the browser kept."""

    transaction: Secret
    state: str
    code: Secret
    iss: str = ""
    device: Secret | None = None


class CompleteLink(Request, frozen=True, kw_only=True):
    """The same, for a link of one's own account."""

    identity: str
    transaction: Secret
    state: str
    code: Secret
    iss: str = ""


class LinkView(Result, frozen=True, kw_only=True):
    """An account at an outside issuer that is a person's. `issuer` is its URL."""

    id: str
    issuer: str
    person: str
    linked_at: Instant
    last_used_at: Instant | None


class Links(Result, frozen=True, kw_only=True):
    """The oldest first."""

    links: tuple[LinkView, ...]
