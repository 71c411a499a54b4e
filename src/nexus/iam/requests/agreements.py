"""Agreements with tools: what their operations take and return."""

from nexus.iam.oidc.model import Scope
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class AgreementRef(Request, frozen=True, kw_only=True):
    """Names one agreement: whose, and with which tool."""

    identity: str
    client: str


class Agreement(Result, frozen=True, kw_only=True):
    """What a tool may learn of a person. `in_use`: it holds tokens from a session of hers that is open."""

    client: str
    name: str
    scopes: tuple[Scope, ...]
    agreed_at: Instant
    in_use: bool


class Agreements(Result, frozen=True, kw_only=True):
    """The agreements of a person."""

    agreements: tuple[Agreement, ...]
