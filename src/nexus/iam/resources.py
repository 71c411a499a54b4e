"""What an operation acts on, as the gate and the audit log see it. Never says whether the named thing exists.

A thing that does not exist is a resource without facts: those who may see it learn from the service that it is missing,
everybody else is denied as if it were there.
"""

from nexus.iam.model import Role
from nexus.iam.store import (
    asking,
    credentials,
    device_certificates,
    directory,
    elevations,
    federation,
    identities,
    intents,
    passkeys,
    reviews,
    temporary,
)
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import PLATFORM, Resource

UNKNOWN = "unknown"
"""Shown for a login that nobody has: the log keeps ids, never what somebody typed."""


class Resources:
    """Names resources for the doors: reads only."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def identity(self, identity_id: str, **more: str) -> Resource:
        """A person or a machine; `more` are further facts for the decision."""
        with self._db.read() as tx:
            found = identities.identity(tx, identity_id)
        facts = {"person": found.person, "created_by": found.created_by} if found else {}
        return Resource("Identity", identity_id, {**facts, **more})

    def login(self, login: str) -> Resource:
        """The person with this login, by id; the same resource for every login that nobody has."""
        with self._db.read() as tx:
            found = identities.factors(tx, login.strip().lower())
        return Resource("Identity", found.person if found else UNKNOWN)

    def grantee(self, identity_id: str, role: Role, scope: str) -> Resource:
        """Who is to receive a role; `scope` puts the resource within reach of those who administer that scope."""
        return self.identity(identity_id, role=role.value, scope=scope)

    def grant(self, grant_id: str) -> Resource:
        """Who holds a grant, with its role and scope."""
        with self._db.read() as tx:
            found = identities.grant(tx, grant_id)
        return self.identity(UNKNOWN) if found is None else self.grantee(found.identity, found.role, found.scope)

    def access_request(self, request_id: str) -> Resource:
        """Who is to receive what a request asks for, with its role and scope."""
        with self._db.read() as tx:
            found = asking.find(tx, request_id)
        return self.identity(UNKNOWN) if found is None else self.grantee(found.identity, found.role, found.scope)

    def holder_of_eligibility(self, eligibility_id: str) -> Resource:
        """Who holds an eligible grant, with its role and scope."""
        with self._db.read() as tx:
            found = elevations.eligibility(tx, eligibility_id)
        return self.identity(UNKNOWN) if found is None else self.grantee(found.person, found.role, found.scope)

    def eligibility(self, eligibility_id: str) -> Resource:
        """An eligible grant: who holds it, for what, and who agrees to its elevation."""
        with self._db.read() as tx:
            found = elevations.eligibility(tx, eligibility_id)
        if found is None:
            return Resource("Eligibility", eligibility_id)
        facts = {"person": found.person, "role": found.role.value, "kind": found.kind.value}
        return Resource("Eligibility", eligibility_id, {**facts, "approval": found.approval.value})

    def review_item(self, item_id: str) -> Resource:
        """Who holds what an item of a review is about, with its role and scope if it is a right."""
        with self._db.read() as tx:
            found = reviews.item(tx, item_id)
        if found is None:
            return self.identity(UNKNOWN)
        more = {"role": found.role, "scope": found.scope} if found.role else {}
        return self.identity(found.identity, **more)

    def directory_person(self, person_id: str, **more: str) -> Resource:
        """A person as a directory acts on her, with whether she is privileged."""
        with self._db.read() as tx:
            privileged = directory.privileged(tx, person_id, self._clock.now())
        return self.identity(person_id, privileged="yes" if privileged else "no", **more)

    def directory_member(self, group_id: str, person_id: str) -> Resource:
        """The same, with what membership in a group gives."""
        with self._db.read() as tx:
            found = directory.group(tx, group_id)
        more = {"role": found.role.value, "scope": found.scope} if found else {}
        return self.directory_person(person_id, **more)

    def elevation(self, elevation_id: str) -> Resource:
        """Whose elevation it is."""
        with self._db.read() as tx:
            found = elevations.elevation(tx, elevation_id)
        return self.identity(found.person if found else UNKNOWN)

    def session(self, session_id: str) -> Resource:
        """Whose session it is."""
        with self._db.read() as tx:
            found = credentials.session(tx, session_id)
        return self.identity(found.person if found else UNKNOWN)

    def access_key(self, key_id: str) -> Resource:
        """Whose access key it is."""
        with self._db.read() as tx:
            found = credentials.access_key(tx, key_id)
        return self.identity(found.identity if found else UNKNOWN)

    def temporary_key(self, key_id: str) -> Resource:
        """Whose temporary access key it is."""
        with self._db.read() as tx:
            found = temporary.find(tx, key_id)
        return self.identity(found.identity if found else UNKNOWN)

    def token(self, token_id: str) -> Resource:
        """Whose service token it is."""
        with self._db.read() as tx:
            found = credentials.token(tx, token_id)
        return self.identity(found.identity if found else UNKNOWN)

    def passkey(self, passkey_id: str) -> Resource:
        """Whose passkey it is."""
        with self._db.read() as tx:
            found = passkeys.find(tx, passkey_id)
        return self.identity(found.person if found else UNKNOWN)

    def device(self, device_id: str) -> Resource:
        """Whose device it is."""
        with self._db.read() as tx:
            found = device_certificates.find(tx, device_id)
        return self.identity(found.identity if found else UNKNOWN)

    def federation_link(self, link_id: str) -> Resource:
        """Whose outside account it is."""
        with self._db.read() as tx:
            found = federation.find(tx, link_id)
        return self.identity(found.person if found else UNKNOWN)

    def credential(self, credential_id: bytes) -> Resource:
        """The person whose passkey an authenticator calls by this name; one resource for every name that is unknown."""
        with self._db.read() as tx:
            found = passkeys.by_credential(tx, credential_id)
        return Resource("Identity", found.person if found else UNKNOWN)

    def intent(self, intent_id: str) -> Resource:
        """An intent, with who proposed it, who may approve it, and the scopes of what it acts on."""
        with self._db.read() as tx:
            found = intents.find(tx, intent_id)
        return Resource("Approval", intent_id) if found is None else intent_resource(found)

    def granted_in(self, identity_id: str) -> Resource:
        """One identity, or the platform where none is named."""
        return self.identity(identity_id) if identity_id else PLATFORM


def intent_resource(intent: intents.IntentRow) -> Resource:
    """An intent as the gate sees it."""
    scopes = {
        name: intent.resource.attributes[name] for name in ("site", "project") if name in intent.resource.attributes
    }
    facts = {"requester": intent.requester_person, "approver_role": intent.approver_role.value}
    return Resource("Approval", intent.id, {**scopes, **facts})
