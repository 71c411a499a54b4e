"""Persons and their sign-ins, for the bastion."""

from nexus.bastion.model import Holder
from nexus.iam.authenticator import actor_of
from nexus.iam.model import IdentityKind, IdentityState
from nexus.iam.store import credentials, identities
from nexus.iam.store.credentials import Bearer
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import Actor


class SignIns:
    """The port `bastion.ports.Standing`, out of the database that every sign-in and every suspension is written to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def actor(self, holder: Holder) -> Actor | None:
        """A session that was ended (signed out, by an officer, by a change of factors) is no longer in the database.

        Its idle limit does not count here: whoever works in the shell leaves the browser alone.
        """
        with self._database.read() as tx:
            session = credentials.session(tx, holder.sign_in)
            person = identities.person(tx, holder.person)
        if session is None or person is None or session.person != person.id or person.login != holder.login:
            return None
        if person.state is not IdentityState.ACTIVE or self._clock.now() >= session.expires_at:
            return None
        return actor_of(Bearer(person.id, IdentityKind.PERSON, person.name, person.id, in_force=True), session)

    def login(self, person: str) -> str | None:
        with self._database.read() as tx:
            found = identities.person(tx, person)
        return None if found is None else found.login
