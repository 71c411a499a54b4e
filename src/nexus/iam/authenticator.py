"""Who sent this request: session tokens, access tokens bound to a key, service tokens, S3 access keys.

A credential works while it has not ended, was not revoked, and its identity and the person who answers for it are
active. All reasons for a refusal give the same answer.
"""

from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256

from nexus.iam import narrowing, tokens
from nexus.iam.memory import remember
from nexus.iam.model import SESSION_IDLE, AccessKey, IdentityKind, Session
from nexus.iam.oidc import dpop
from nexus.iam.oidc.assertions import BadToken
from nexus.iam.oidc.commandline import CLIENT_ID
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities, issued, temporary, use
from nexus.iam.store.credentials import Bearer
from nexus.kernel.clock import HOUR, MINUTE, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Unauthenticated, Unavailable
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, Actor, ActorKind, Operation, Resource
from nexus.kernel.secret import Secret
from nexus.web.ports import KeyProof

SESSION_TOUCH = MINUTE
"""The last use of a session is written at most this often; the idle limit is that exact."""
USE_NOTED = HOUR
"""The last use of a credential is written at most this often: reviews need no more."""
MAX_NOTED = 16_384
"""Uses remembered in a process."""
MAX_KNOWN_KEYS = 4_096
"""Opened access keys remembered in a process."""
DOOR = "authentication"


class Authenticator:
    """Turns credentials into actors."""

    def __init__(self, db: Database, clock: Clock, sealing_key: Secret) -> None:
        """`sealing_key`: 32 bytes, the key that access-key secrets are sealed under."""
        self._db = db
        self._clock = clock
        self._sealing = Sealing(sealing_key)
        self._keys: OrderedDict[str, tuple[int, AccessKey]] = OrderedDict()
        self._seen = dpop.Seen(clock)
        self._noted: OrderedDict[tuple[str, str], Instant] = OrderedDict()

    async def session(self, token: str, origin: str, client: str) -> Actor:
        """The actor behind a session token or a service token. Raises Unauthenticated, the same for every reason.

        A session token that turns up at another client than the one that signed in counts as stolen: it ends.
        """
        if token.startswith(tokens.SERVICE_PREFIX):
            return self._service_token(token)
        row = self._db.peek(credentials.BEARER_OF_SESSION, (tokens.fingerprint(token),))
        if row is None:
            raise _refused()
        session, bearer, now = credentials.session_of(row), credentials.bearer_of(row), self._clock.now()
        if not bearer.in_force or now >= session.expires_at or now >= session.last_used_at + SESSION_IDLE:
            raise _refused()
        if (session.origin, session.client) != (origin, client):
            await self._stolen(session, origin, client, now)
            raise _refused()
        await self._touch(session, now)
        return actor_of(bearer, session)

    async def bound(self, token: str, proof: KeyProof) -> Actor:
        """The actor behind an access token of the command line, for whoever proves its key at this very request.

        Raises Unauthenticated, the same for every reason. The key, not the address, is what binds it.
        """
        now = self._clock.now()
        try:
            possession = dpop.check(proof.header, method=proof.method, url=proof.url, now=now, token=token)
            self._seen.once(possession)
        except BadToken as error:
            raise _refused() from error
        row = self._db.peek(issued.BOUND, (tokens.fingerprint(token),))
        if row is None:
            raise _refused()
        expires_at, client, jkt, ended_at, *rest = row
        session, bearer = credentials.session_of(tuple(rest)), credentials.bearer_of(row)
        if client != CLIENT_ID or jkt != possession.jkt or ended_at is not None or now >= expires_at:
            raise _refused()
        if not bearer.in_force or now >= session.expires_at or now >= session.last_used_at + SESSION_IDLE:
            raise _refused()
        await self._touch(session, now)
        return actor_of(bearer, session)

    def access_key(self, access_key_id: str) -> AccessKey:
        """The access key and its secret. Raises Unauthenticated (`iam.unknown-access-key`), whatever the reason.

        Opened keys are remembered under the version of all rights: a revocation is seen at the next request.
        """
        version = self._version()
        known = self._keys.get(access_key_id)
        if known is None or known[0] != version:
            known = (version, self._open_access_key(access_key_id))
            remember(self._keys, access_key_id, known, MAX_KNOWN_KEYS)
        now, key = self._clock.now(), known[1]
        if now >= key.expires_at or not self._session_lasts(key.session, now):
            raise _unknown_key()
        if key.session is not None:
            self._use_session_later(key.session, now)
        elif key.token_hash is None:
            self._note("access-key", access_key_id, now)
        return key

    def forget(self) -> None:
        """Wipe the opened access keys: the key service was sealed, or the lease on the keys is lost."""
        for _, key in self._keys.values():
            key.secret.wipe()
        self._keys.clear()

    async def _touch(self, session: Session, now: Instant) -> None:
        if now >= session.last_used_at + SESSION_TOUCH:
            await self._db.bookkeep(Bookkeeping.SESSION_USE, lambda tx: credentials.touch_session(tx, session.id, now))

    def _version(self) -> int:
        row = self._db.watched(identities.READ_VERSION)
        if row is None:
            raise Unavailable("the rights cannot be read", code="iam.no-version", hint="run `nexus doctor`")
        return int(row[0])

    def _session_lasts(self, session: str | None, now: Instant) -> bool:
        """Whether the session that a temporary key was derived from is open; asked at each request, as for the session itself."""
        if session is None:
            return True
        row = self._db.peek(temporary.SESSION_OF_KEY, (session,))
        return row is not None and now < row[0] and now < row[1] + SESSION_IDLE

    def _use_session_later(self, session: str, now: Instant) -> None:
        """Using a key that was derived from a session is using the session; nobody waits for the note of it."""
        if now >= self._noted.get(("session", session), Instant(0)) + SESSION_TOUCH:
            remember(self._noted, ("session", session), now, MAX_NOTED)
            self._db.bookkeep_later(Bookkeeping.SESSION_USE, lambda tx: credentials.touch_session(tx, session, now))

    def _open_temporary_key(self, key_id: str) -> AccessKey:
        row = self._db.peek(temporary.BEARER_OF_TEMPORARY_KEY, (key_id,))
        if row is None:
            raise _unknown_key()
        found, parent, bearer = temporary.key_of(row), temporary.parent_of(row), credentials.bearer_of(row)
        if found.revoked or not parent.in_force or not bearer.in_force:
            raise _unknown_key()
        return AccessKey(
            found.id,
            self._sealing.open(found.secret_sealed, "temporary-key", found.id),
            replace(actor_of(bearer), narrowed=narrowing.decode(found.narrowing)),
            found.purpose,
            min(found.expires_at, parent.ends_at),
            found.token_hash,
            found.name,
            found.session,
        )

    def _open_access_key(self, access_key_id: str) -> AccessKey:
        if access_key_id.startswith(tokens.TEMPORARY_KEY_PREFIX):
            return self._open_temporary_key(access_key_id)
        row = self._db.peek(credentials.BEARER_OF_ACCESS_KEY, (access_key_id,))
        if row is None:
            raise _unknown_key()
        found, bearer = credentials.access_key_of(row), credentials.bearer_of(row)
        if found.revoked or not bearer.in_force:
            raise _unknown_key()
        secret = self._sealing.open(found.secret_sealed, "access-key", found.id)
        actor = replace(actor_of(bearer), narrowed=narrowing.decode(found.narrowing))
        return AccessKey(found.id, secret, actor, found.purpose, found.expires_at)

    def _service_token(self, token: str) -> Actor:
        row = self._db.peek(credentials.BEARER_OF_TOKEN, (tokens.fingerprint(token),))
        if row is None:
            raise _refused()
        found, bearer = credentials.token_of(row), credentials.bearer_of(row)
        if found.revoked or not bearer.in_force or self._clock.now() >= found.expires_at:
            raise _refused()
        self._note("token", found.id, self._clock.now())
        return actor_of(bearer)

    def _note(self, kind: str, subject: str, now: Instant) -> None:
        """Remember a use, for reviews; nobody waits for it."""
        if now < self._noted.get((kind, subject), Instant(0)) + USE_NOTED:
            return
        remember(self._noted, (kind, subject), now, MAX_NOTED)
        self._db.bookkeep_later(Bookkeeping.SESSION_USE, lambda tx: use.note(tx, kind, subject, now))

    async def _stolen(self, session: Session, origin: str, client: str, now: Instant) -> None:
        op = Operation(new_id("op"), ANONYMOUS, "security", now, origin, DOOR, client=client)
        entry = op.denied(
            "iam.session.use",
            Resource("Identity", session.person),
            session=session.id,
            reason="another client",
            client=sha256(client.encode()).hexdigest()[:16],
        )

        def work(tx: Transaction) -> Recorded[None]:
            credentials.end_session(tx, session.id)
            return Recorded(None, replace(entry, subject=session.person))

        await self._db.write(work)


def actor_of(bearer: Bearer, session: Session | None = None) -> Actor:
    """The actor behind a credential; `session` only where two factors were proved."""
    kind = ActorKind.PERSON if bearer.kind is IdentityKind.PERSON else ActorKind.MACHINE
    access, until = bearer.break_glass or (None, None)
    actor = Actor(bearer.identity, kind, bearer.name, person=bearer.person, break_glass=access, break_glass_until=until)
    if session is None:
        return actor
    return replace(actor, session=session.id, factors=session.factors, proved_at=session.proved_at)


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "the token is not valid here", code="iam.token-refused", hint="sign in again, from the client that you use"
    )


def _unknown_key() -> Unauthenticated:
    return Unauthenticated("no such access key in force", code="iam.unknown-access-key", hint="make a new access key")
