"""The document that tells clients what this issuer does (OpenID Connect Discovery, RFC 8414), and its public keys."""

from collections.abc import Sequence
from typing import Any

from nexus.iam.oidc import assertions, claims, dpop, endpoints
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.model import RolesClaim, Scope
from nexus.iam.oidc.ports import SigningKey
from nexus.iam.oidc.server import DEVICE_CODE

SECRET_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


def document(here: Endpoints, *, strict: bool = False) -> dict[str, Any]:
    """What we do, and nothing that we do not. `strict`: as in `Issuer`."""
    methods = ["private_key_jwt"] if strict else SECRET_METHODS
    return {
        "issuer": here.issuer,
        "authorization_endpoint": here.at(endpoints.AUTHORIZE),
        "pushed_authorization_request_endpoint": here.at(endpoints.PUSH),
        "require_pushed_authorization_requests": strict,
        "token_endpoint": here.token,
        "userinfo_endpoint": here.at(endpoints.USERINFO),
        "jwks_uri": here.at(endpoints.JWKS),
        "introspection_endpoint": here.at(endpoints.INTROSPECT),
        "revocation_endpoint": here.at(endpoints.REVOKE),
        "end_session_endpoint": here.at(endpoints.LOGOUT),
        "scopes_supported": [scope.value for scope in Scope],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_CODE],
        "device_authorization_endpoint": here.at(endpoints.DEVICE),
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(assertions.CLIENT_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": list(assertions.CLIENT_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [*methods, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(assertions.CLIENT_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "acr_values_supported": list(claims.ACR_VALUES),
        "claims_supported": [
            *("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "sid"),
            *("name", "preferred_username", "email", "email_verified"),
            *(claim.value for claim in RolesClaim),
            "storage",
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


def key_set(keys: Sequence[SigningKey]) -> dict[str, Any]:
    """The public keys as a JWK set."""
    return {"keys": [{**key.jwk, "kid": key.kid, "use": "sig", "alg": "ES256"} for key in keys]}
