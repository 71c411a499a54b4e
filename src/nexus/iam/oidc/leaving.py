"""Signing out from a tool (RP-initiated logout): the session ends here, and with it everything that came from it.

Nobody is signed out by a link alone: either the tool shows an ID token that was issued in this very session, or the person
is asked. Nobody is sent to an address that the tool did not register.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from authlib.common.urls import add_params_to_uri
from joserfc.jwk import KeySet

from nexus.iam.oidc import assertions, discovery
from nexus.iam.oidc.assertions import BadToken
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.ports import TokenSigner, Visitor
from nexus.iam.store import clients
from nexus.kernel.database import Database

ID_TOKEN_ALGORITHMS: Final = ("ES256",)
MAX_STATE: Final = 256


@dataclass(frozen=True, slots=True)
class Leave:
    """What happens: `ends` now, or after the person was asked. `to` is where she goes afterwards, if anywhere."""

    ends: bool
    to: str = ""
    page: dict[str, Any] = field(default_factory=dict)


class BadLeave(Exception):
    """The request names no tool, no address of it, or shows a token that is not ours."""


class Leaving:
    """Decides about a request to sign out."""

    def __init__(self, db: Database, endpoints: Endpoints, signer: TokenSigner) -> None:
        self._db = db
        self._endpoints = endpoints
        self._signer = signer

    async def look(self, fields: dict[str, str], visitor: Visitor | None) -> Leave:
        """Raises BadLeave."""
        hint = await self._hint(fields["id_token_hint"]) if "id_token_hint" in fields else {}
        audience = hint.get("aud", fields.get("client_id", ""))
        if fields.get("client_id", audience) != audience:
            raise BadLeave
        to, name = self._destination(audience, fields)
        sure = visitor is not None and (hint.get("sub"), hint.get("sid")) == (visitor.actor.id, visitor.actor.session)
        return Leave(sure, to, {"client": name})

    async def _hint(self, token: str) -> dict[str, Any]:
        """The claims of an ID token of ours; it may have expired, it is only a hint. Raises BadLeave."""
        published: Any = discovery.key_set(await self._signer.keys())
        keys = KeySet.import_key_set(published)
        try:
            header, claims = assertions.verified(token, keys, ID_TOKEN_ALGORITHMS)
        except BadToken as error:
            raise BadLeave from error
        if header.get("typ") != "JWT" or claims.get("iss") != self._endpoints.issuer or "events" in claims:
            raise BadLeave
        return claims

    def _destination(self, client_id: str, fields: dict[str, str]) -> tuple[str, str]:
        """Where to go, and the tool's name. Raises BadLeave."""
        with self._db.read() as tx:
            client = clients.find(tx, client_id) if client_id else None
        wanted = fields.get("post_logout_redirect_uri", "")
        if client is None:
            if wanted or client_id:
                raise BadLeave
            return "", ""
        if wanted and wanted not in client.registration.post_logout_redirect_uris:
            raise BadLeave
        state = fields.get("state", "")
        if len(state) > MAX_STATE:
            raise BadLeave
        to = add_params_to_uri(wanted, [("state", state)]) if wanted and state else wanted
        return to, client.registration.name
