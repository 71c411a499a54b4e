"""An authorization request by itself, whoever sends it: by a browser, or pushed by the client (steps 1 and 2 of `authorizing`)."""

from typing import Final

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oidc.core.errors import RequestNotSupportedError, RequestURINotSupportedError

from nexus.iam.oidc.dpop import THUMBPRINT
from nexus.iam.oidc.grants import MAX_NONCE, CodeGrant
from nexus.iam.oidc.ports import Visitor
from nexus.iam.oidc.server import IssuerServer, ProtocolRequest

_BASE64URL: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def validated(server: IssuerServer, request: ProtocolRequest, visitor: Visitor | None) -> CodeGrant:
    """The grant that it asks for. Raises OAuth2Error; `redirect_uri` is set on it once the address is known to be the client's."""
    grant: CodeGrant = server.get_consent_grant(request, end_user=visitor)
    server.scene.facts["client"] = request.client.client.id
    problem = _problem(request.payload.data)
    if problem is not None:
        problem.redirect_uri = grant.redirect_uri
        raise problem
    return grant


def _problem(fields: dict[str, str]) -> OAuth2Error | None:
    """What this issuer does not do, by name."""
    if "request" in fields:
        return RequestNotSupportedError()
    if "request_uri" in fields:
        return RequestURINotSupportedError()
    age, jkt, prompts = fields.get("max_age", "0"), fields.get("dpop_jkt", ""), fields.get("prompt", "").split()
    for wrong, why in (
        (fields.get("response_mode", "query") != "query", "Only response_mode=query is supported."),
        (max(len(fields.get(name, "")) for name in ("nonce", "state")) > MAX_NONCE, "'nonce' or 'state' is too long."),
        (not (age.isascii() and age.isdigit()), "'max_age' is not a number."),
        ("none" in prompts and len(prompts) > 1, "'prompt=none' stands alone."),
        (jkt and not (len(jkt) == THUMBPRINT and _BASE64URL.issuperset(jkt)), "'dpop_jkt' is not a thumbprint."),
    ):
        if wrong:
            return InvalidRequestError(why)
    return None
