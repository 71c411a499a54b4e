"""Introspection (RFC 7662) and revocation (RFC 7009), as of one transaction."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from nexus.iam import tokens
from nexus.iam.oidc import claims
from nexus.iam.oidc.model import ClientAuthentication, IssuedToken
from nexus.iam.oidc.server import AUTHENTICATION_METHODS, IssuerServer, RegisteredClient
from nexus.iam.oidc.standing import stands
from nexus.iam.store import issued
from nexus.kernel.clock import SECOND


class InspectedToken:
    """A token as Authlib asks for it."""

    def __init__(self, token: IssuedToken, *, stands: bool) -> None:
        self.token = token
        self._stands = stands

    def check_client(self, client: RegisteredClient) -> bool:
        """Whether it was issued to this client."""
        return client.client.id == self.token.authorization.client

    def is_expired(self) -> bool:
        """Whether it, or anything that it came from, has ended, or its person may not use the client any more."""
        return not self._stands

    def is_revoked(self) -> bool:
        """The same: there is one answer."""
        return self.is_expired()


class _Endpoint:
    """What both endpoints have in common: who asks, and which token is meant. Hints about its kind are not needed."""

    CLIENT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: IssuerServer

    def check_params(self, request: Any, client: RegisteredClient) -> None:
        """There is a token."""
        if not request.form.get("token"):
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> InspectedToken | None:
        """The token, in force or not."""
        scene = self.server.scene
        found = issued.token(scene.tx, tokens.fingerprint(token_string))
        return None if found is None else InspectedToken(found, stands=stands(scene.tx, found, scene.now))


class Introspection(_Endpoint, IntrospectionEndpoint):
    """Tells a client about its own tokens, and a resource about those that it was registered for."""

    def check_permission(self, token: InspectedToken, client: RegisteredClient, request: Any) -> bool:
        """Whether this client may ask. Public clients prove nothing and are told nothing."""
        registration = client.client.registration
        if registration.authentication is ClientAuthentication.NONE:
            return False
        whose = token.token.authorization.client
        return whose == client.client.id or whose in registration.introspects

    def introspect_token(self, token: InspectedToken) -> dict[str, Any]:
        """What is told of a token in force."""
        found, authorization = token.token, token.token.authorization
        self.server.scene.facts["authorization"] = authorization.id
        about: dict[str, Any] = {
            "active": True,
            "iss": self.server.scene.endpoints.issuer,
            "client_id": authorization.client,
            "sub": authorization.person,
            "scope": found.scope,
            "token_type": "DPoP" if authorization.jkt else "Bearer",
            "iat": found.issued_at // SECOND,
            "exp": found.expires_at // SECOND,
            "auth_time": authorization.proof.at // SECOND,
            "acr": claims.acr_of(authorization.proof.factors),
        }
        return {**about, "cnf": {"jkt": authorization.jkt}} if authorization.jkt else about


class Revocation(_Endpoint, RevocationEndpoint):
    """Ends a token together with everything that was issued with it."""

    def revoke_token(self, token: InspectedToken, request: Any) -> None:
        """At once: the next look at any of these tokens finds them ended."""
        scene, authorization = self.server.scene, token.token.authorization
        scene.facts["authorization"] = authorization.id
        issued.end_authorization(scene.tx, authorization.id, scene.now)
