"""Where the issuer is reached: every address follows from one."""

from dataclasses import dataclass

AUTHORIZE, TOKEN, USERINFO = "/oidc/authorize", "/oidc/token", "/oidc/userinfo"
INTROSPECT, REVOKE, JWKS, LOGOUT = "/oidc/introspect", "/oidc/revoke", "/oidc/jwks", "/oidc/logout"
DEVICE, VERIFY, PUSH = "/oidc/device", "/oidc/verify", "/oidc/par"
DISCOVERY = "/.well-known/openid-configuration"
METADATA = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`issuer` is the console's address, without a slash at its end."""

    issuer: str

    @property
    def token(self) -> str:
        """The token endpoint."""
        return self.issuer + TOKEN

    def at(self, path: str) -> str:
        """The full address of a path."""
        return self.issuer + path
