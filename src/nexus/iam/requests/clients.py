"""Clients of the issuer: what their operations take and return."""

from nexus.iam.model import Role
from nexus.iam.oidc.model import ClientAuthentication, RolesClaim, Scope
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class CreateClient(Request, frozen=True, kw_only=True):
    """A tool that signs people in. Its redirect addresses must match exactly later on."""

    name: str
    """What people read when they are asked whether to sign in to it."""
    authentication: ClientAuthentication = ClientAuthentication.SECRET
    redirect_uris: tuple[str, ...] = ()
    """https, or http to a loopback address."""
    scopes: tuple[Scope, ...] = (Scope.OPENID, Scope.PROFILE)
    """The most that it may ask for."""
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    """Told when a session ends that it was signed in from."""
    roles_claim: RolesClaim = RolesClaim.ROLES
    """Name of the claim that carries roles, if it has the scope `roles`."""
    required_roles: tuple[Role, ...] = ()
    """Whoever signs in to it holds one of these; empty: everybody."""
    refresh: bool = True
    """Whether it receives refresh tokens."""
    introspects: tuple[str, ...] = ()
    """Ids of other clients whose tokens it may introspect."""
    jwks: str = ""
    """Its public keys as a JWK set (JSON), for private_key_jwt."""
    pushed_requests: bool = False
    """Whether it must push its requests (PAR) before it sends people."""
    bound_tokens: bool = False
    """Whether its tokens must be bound to a key that it proves (DPoP)."""


class NewClient(Result, frozen=True, kw_only=True):
    """`secret` is shown once; a client without a secret has none."""

    id: str
    secret: Secret | None


class ClientView(Result, frozen=True, kw_only=True):
    """A client, without its secret."""

    id: str
    name: str
    authentication: ClientAuthentication
    redirect_uris: tuple[str, ...]
    scopes: tuple[Scope, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str
    roles_claim: RolesClaim
    required_roles: tuple[Role, ...]
    refresh: bool
    introspects: tuple[str, ...]
    jwks: str
    pushed_requests: bool
    bound_tokens: bool
    created_by: str
    created_at: Instant


class Clients(Result, frozen=True, kw_only=True):
    """A part of the list of clients."""

    clients: tuple[ClientView, ...]
