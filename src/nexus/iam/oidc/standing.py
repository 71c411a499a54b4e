"""Whether somebody still stands behind a code or a token: asked at each use, so that what ended a moment ago opens nothing."""

from collections.abc import Collection

from nexus.iam.model import SESSION_IDLE, IdentityState, Role
from nexus.iam.oidc.commandline import CLIENT_ID
from nexus.iam.oidc.model import IssuedToken
from nexus.iam.store import clients, credentials, identities
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


def stands(tx: Transaction, token: IssuedToken, now: Instant) -> bool:
    """Whether nothing that a token came from has ended, and its person may still use the client."""
    return in_force(token, now) and may_use(tx, token.authorization.person, token.authorization.client, now)


def in_force(token: IssuedToken, now: Instant) -> bool:
    """Whether nothing that a token came from has ended."""
    return (
        token.person_in_force
        and not token.authorization.ended
        and not token.used
        and now < token.expires_at
        and now < token.session_expires_at
        and now < token.session_last_used_at + SESSION_IDLE
    )


def may_use(tx: Transaction, person: str, client_id: str, now: Instant) -> bool:
    """Whether a person holds one of the roles that a client asks for now; the command line asks for none."""
    if client_id == CLIENT_ID:
        return True
    client = clients.find(tx, client_id)
    return client is not None and holds_one(tx, person, client.registration.required_roles, now)


def holds_one(tx: Transaction, person: str, required: Collection[Role], now: Instant) -> bool:
    """Whether a person holds one of these roles now; everybody does if there are none."""
    if not required:
        return True
    held = identities.grants_of(tx, person, now)
    return any(grant.role in required and grant.starts_at <= now for grant in held)


def signed_in(tx: Transaction, person: str, session_id: str, now: Instant) -> bool:
    """Whether a session is still open and its person active."""
    session, identity = credentials.session(tx, session_id), identities.identity(tx, person)
    return (
        session is not None
        and identity is not None
        and session.person == person
        and identity.state is IdentityState.ACTIVE
        and now < min(session.expires_at, session.last_used_at + SESSION_IDLE)
    )
