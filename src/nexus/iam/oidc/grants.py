"""The grants: Authlib validates the requests, this file says what they find in our database and what they leave there.

What Authlib leaves open is closed here: PKCE is required and S256 only; a code is spent by whoever presents it first; a
code or a refresh token that comes back, or turns up at another client, ends everything issued from it; a code that was
asked for with a key is exchanged with that key.
"""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7636 import CodeChallenge

from nexus.iam import tokens
from nexus.iam.oidc.model import ACCESS_VALID, CODE_VALID, Authorization, Code, IssuedToken, Proof, TokenKind
from nexus.iam.oidc.ports import Visitor
from nexus.iam.oidc.server import AUTHENTICATION_METHODS, IssuerServer, RegisteredClient, Scene
from nexus.iam.oidc.standing import may_use, signed_in, stands
from nexus.iam.store import credentials, issued
from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.ids import new_id
from nexus.kernel.secret import Secret

MAX_NONCE = 256
"""Characters of a nonce and of a state."""


class S256Only(CodeChallenge):
    """PKCE without its weak form, for every client."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """A challenge is there, and it is a SHA-256."""
        fields = grant.request.payload.data
        if fields.get("code_challenge_method") != "S256" or not fields.get("code_challenge"):
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required")
        super().validate_code_challenge(grant, redirect_uri)


class FoundCode:
    """A code as Authlib asks for it."""

    code_challenge_method = "S256"

    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.challenge

    def get_redirect_uri(self) -> str:
        """Where it was sent."""
        return self.code.redirect_uri

    def get_scope(self) -> str:
        """What was agreed to."""
        return self.code.scope


class FoundToken:
    """A refresh token as Authlib asks for it."""

    def __init__(self, token: IssuedToken, client: RegisteredClient) -> None:
        self.token = token
        self._client = client

    def check_client(self, client: RegisteredClient) -> bool:
        """Whether it was issued to this client."""
        return client.client.id == self.token.authorization.client

    def get_scope(self) -> str:
        """The most that may be asked for again."""
        return self.token.authorization.scope


class CodeGrant(AuthorizationCodeGrant):
    """A person signs in at a client: authorization endpoint and token endpoint."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    server: IssuerServer

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Store what was agreed to. `request.user` is the visitor."""
        scene, visitor, fields = self.server.scene, request.user, request.payload.data
        issued.add_code(
            scene.tx,
            tokens.fingerprint(code),
            Code(
                client=request.client.client.id,
                person=visitor.actor.id,
                session=visitor.actor.session,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=fields.get("nonce", ""),
                challenge=fields["code_challenge"],
                proof=proof_of(visitor),
                expires_at=Instant(scene.now + CODE_VALID),
                jkt=fields.get("dpop_jkt", ""),
            ),
        )

    def generate_authorization_code(self) -> str:
        """256 random bits."""
        return tokens.new_token(tokens.CODE_PREFIX).reveal().decode()

    def query_authorization_code(self, code: str, client: RegisteredClient) -> FoundCode | None:
        """The code, which is spent from here on, whatever comes of the request."""
        scene, digest = self.server.scene, tokens.fingerprint(code)
        found = issued.use_code(scene.tx, digest, scene.now)
        if found is None:
            if authorization := issued.authorization_of_code(scene.tx, digest):
                issued.end_authorization(scene.tx, authorization, scene.now)
                scene.reason, scene.facts["authorization"] = "code used again", authorization
            return None
        if found.client != client.client.id:
            scene.reason = "code of another client"
            return None
        if found.jkt and found.jkt != scene.asked.jkt:
            scene.reason = "code with another key"
            return None
        return FoundCode(found) if scene.now < found.expires_at else None

    def authenticate_user(self, authorization_code: FoundCode) -> str | None:
        """The person, if she is still signed in and active, and may use the client."""
        scene, code = self.server.scene, authorization_code.code
        if not signed_in(scene.tx, code.person, code.session, scene.now):
            return None
        return code.person if may_use(scene.tx, code.person, code.client, scene.now) else None

    def save_token(self, token: dict[str, Any]) -> None:
        """A new authorization, and its first tokens."""
        scene, found = self.server.scene, self.request.authorization_code
        code: Code = found.code
        new = Authorization(
            new_id("oau"),
            code.client,
            code.person,
            code.session,
            code.scope,
            code.proof,
            scene.asked.jkt,
            scene.now,
            ended=False,
        )
        issued.add_authorization(scene.tx, new)
        issued.code_became(scene.tx, tokens.fingerprint(self.request.form["code"]), new.id)
        store_tokens(scene, new, token)
        token["authorization"], token["nonce"] = new, code.nonce

    def delete_authorization_code(self, authorization_code: FoundCode) -> None:
        """Nothing: it was spent when it was read, and stays, so that a second use is noticed."""


class RefreshGrant(RefreshTokenGrant):
    """New tokens for an old one, which is worth nothing afterwards."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: IssuerServer

    def authenticate_refresh_token(self, refresh_token: str) -> FoundToken | None:
        """The token, if it is in force; it is exchanged from here on."""
        scene, digest = self.server.scene, tokens.fingerprint(refresh_token)
        found = issued.token(scene.tx, digest)
        if found is None or found.kind is not TokenKind.REFRESH:
            return None
        scene.facts["authorization"] = found.authorization.id
        client: RegisteredClient = self.request.client
        if reason := self._theft(found, client):
            scene.reason = reason
            issued.end_authorization(scene.tx, found.authorization.id, scene.now)
            return None
        if not stands(scene.tx, found, scene.now) or not issued.use_refresh_token(scene.tx, digest, scene.now):
            return None
        return FoundToken(found, client)

    def _theft(self, found: IssuedToken, client: RegisteredClient) -> str:
        if found.used:
            return "refresh token used again"
        if found.authorization.client != client.client.id:
            return "refresh token of another client"
        if found.authorization.jkt != self.server.scene.asked.jkt:
            return "refresh token with another key" if found.authorization.jkt else ""
        return ""

    def authenticate_user(self, refresh_token: FoundToken) -> str:
        """The person: looked at already, together with the token."""
        return refresh_token.token.authorization.person

    def save_token(self, token: dict[str, Any]) -> None:
        """The next tokens of the same authorization. Using a tool is using the session."""
        scene = self.server.scene
        authorization: Authorization = self.request.refresh_token.token.authorization
        store_tokens(scene, authorization, token)
        credentials.touch_session(scene.tx, authorization.session, scene.now)
        token["authorization"], token["nonce"] = authorization, ""

    def revoke_old_credential(self, refresh_token: FoundToken) -> None:
        """Nothing: it was exchanged when it was read, and stays, so that a second use is noticed."""


def server_for(scene: Scene) -> IssuerServer:
    """A server for one request."""
    server = IssuerServer(scene)
    server.register_grant(CodeGrant, [S256Only(required=True)])
    server.register_grant(RefreshGrant)
    server.register_token_generator("default", lambda **given: _generate(scene, **given))
    return server


def _generate(scene: Scene, *, scope: str, include_refresh_token: bool, **_: Any) -> dict[str, Any]:
    token: dict[str, Any] = {
        "token_type": "DPoP" if scene.asked.jkt else "Bearer",
        "access_token": tokens.new_token(tokens.ACCESS_PREFIX),
        "scope": scope,
    }
    if include_refresh_token:
        token["refresh_token"] = tokens.new_token(tokens.REFRESH_PREFIX)
    return token


def store_tokens(scene: Scene, authorization: Authorization, token: dict[str, Any]) -> None:
    """Store what was generated; nothing outlives the session. Raises InvalidGrantError if that is over."""
    session = credentials.session(scene.tx, authorization.session)
    if session is None:
        raise InvalidGrantError("The session is over.")
    scene.facts["authorization"] = authorization.id
    ends = Instant(min(scene.now + ACCESS_VALID, session.expires_at))
    token["expires_in"] = (ends - scene.now) // SECOND
    kinds = ((TokenKind.ACCESS, "access_token", ends), (TokenKind.REFRESH, "refresh_token", session.expires_at))
    for kind, name, expires_at in kinds:
        secret: Secret | None = token.get(name)
        if secret is not None:
            issued.add_token(
                scene.tx,
                tokens.fingerprint(secret),
                kind,
                authorization.id,
                token["scope"],
                now=scene.now,
                expires_at=expires_at,
            )


def proof_of(visitor: Visitor) -> Proof:
    """What the ID token will say about how the person proved who she is."""
    return Proof(at=visitor.actor.proved_at or Instant(0), factors=tuple(sorted(visitor.actor.factors)))
