"""Temporary access keys: derived from an access key or from a session, never more than it, ended with it.

1. Whoever holds a credential derives from it: the key is for the same identity, and carries everything that the credential
   takes away. A role, a policy or a purpose that is named takes away more.
2. A role is one that the identity holds already (docs/decisions/0018-temporary-keys.md): nobody gains a right.
3. It ends at its own date, at that of what it was derived from, and with that: a key revoked, a session over, a person who
   left are seen at the next request (`authenticator.py`).

docs/formats/sealed-credentials.md says what is stored.
"""

from dataclasses import dataclass, replace
from typing import Final

from nexus.iam import narrowing, tokens
from nexus.iam.model import SESSION_IDLE, AccessKey, IdentityState, Purpose, Role
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.machines import CreateTemporaryKey, NewTemporaryKey, TemporaryKeys, TemporaryKeyView
from nexus.iam.rules import SCOPE, check_name
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities, issued, temporary
from nexus.iam.store.temporary import TemporaryKeyRow
from nexus.kernel.clock import HOUR, MINUTE, SECOND, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.operation import Actor, Entry, Narrowing, Operation, Resource
from nexus.kernel.secret import Secret

CREATE: Final = "iam.temporary-key.create"
SHORTEST: Final = 15 * MINUTE
LONGEST: Final = 12 * HOUR
MAX_IN_FORCE: Final = 500
"""Temporary keys of one identity at a time."""
MAX_POLICIES: Final = 4
"""How many session policies a key may carry: one for each time that it was derived from another."""
MAX_POLICY_CHARS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `role`: `researcher`, or `researcher@project:alpha`; empty names none, `policy` likewise.

    `name` is the caller's own, for the log.
    """

    seconds: int
    name: str
    role: str
    policy: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class TemporaryKey:
    """A new key. `secret` and `token` are shown once."""

    id: str
    secret: Secret
    token: Secret
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a key is derived from. Exactly one of `access_key` and `session` is set."""

    actor: Actor
    purpose: str
    ends_at: Instant
    access_key: str | None = None
    session: str | None = None


class TemporaryKeyStories:
    """Derives temporary keys. It relies on the doors to have asked the gate."""

    def __init__(self, db: Database, clock: Clock, sealing: Sealing) -> None:
        self._db = db
        self._clock = clock
        self._sealing = sealing

    async def from_key(
        self,
        op: Operation,
        key: AccessKey,
        *,
        seconds: int,
        name: str = "",
        role: str = "",
        policy: str = "",
        purpose: str = "",
    ) -> TemporaryKey:
        """Less of an access key, which may be temporary itself. Raises Invalid, Denied (role, purpose), Conflict."""
        with self._db.read() as tx:
            row = temporary.find(tx, key.id)
        if row is None:
            parent = _Parent(key.actor, key.purpose, key.expires_at, access_key=key.id)
        else:
            parent = _Parent(key.actor, key.purpose, key.expires_at, row.access_key, row.session)
        return await self._derive(op, parent, Wanted(seconds, name, role, policy, _purpose(purpose or parent.purpose)))

    async def from_session(
        self,
        op: Operation,
        session: str,
        *,
        seconds: int,
        name: str = "",
        role: str = "",
        policy: str = "",
        purpose: str,
        proof: tuple[bytes, Instant] | None = None,
    ) -> TemporaryKey:
        """Less of a person who is signed in: `op.actor`. Raises the same, and Unauthenticated without the session.

        `proof`: digest and end of what was shown instead of a signature; it counts once.
        """
        if not purpose:
            raise Invalid("a purpose is needed", code="iam.temporary-purpose", hint=f"one of {', '.join(Purpose)}")
        with self._db.read() as tx:
            open_until = _open_until(tx, session, op.actor.id, self._clock.now())
        parent = _Parent(op.actor, purpose, open_until, session=session)
        return await self._derive(op, parent, Wanted(seconds, name, role, policy, _purpose(purpose)), proof)

    async def create(self, op: Operation, request: CreateTemporaryKey) -> NewTemporaryKey:
        """`from_session` for whoever is signed in at another door. Raises Denied for somebody else or without a session."""
        if op.actor.session is None or request.identity != op.actor.id:
            raise Denied(
                "one derives a key for oneself, from the session one is signed in with", code="iam.temporary-session"
            )
        label = check_name(request.label) if request.label else ""
        made = await self.from_session(
            op,
            op.actor.session,
            seconds=request.minutes * 60,
            name=label,
            role=request.role,
            purpose=request.purpose.value,
        )
        return NewTemporaryKey(
            id=made.id,
            secret=made.secret,
            session_token=made.token,
            identity=op.actor.id,
            purpose=request.purpose,
            expires_at=made.expires_at,
        )

    async def list_keys(self, op: Operation, request: OfIdentity) -> TemporaryKeys:
        """The temporary keys of an identity, without their secrets."""
        with self._db.read() as tx:
            found = temporary.of_identity(tx, request.identity, self._clock.now())
        await self._db.record(op.allowed("iam.temporary-key.list", _resource(request.identity)))
        return TemporaryKeys(temporary_keys=tuple(_view(row) for row in found))

    async def end(self, op: Operation, key_id: str) -> None:
        """Refuse a temporary key from now on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = temporary.find(tx, key_id)
            if found is None or not temporary.end(tx, key_id, self._clock.now()):
                raise NotFound("no such temporary key in force", code="iam.no-temporary-key")
            entry = op.allowed("iam.temporary-key.end", _resource(found.identity), access_key=key_id)
            return Recorded(None, entry)

        await self._db.write(work)

    async def _derive(
        self, op: Operation, parent: _Parent, wanted: Wanted, proof: tuple[bytes, Instant] | None = None
    ) -> TemporaryKey:
        now = self._clock.now()
        left = _left(parent, wanted)
        ends_at = Instant(min(now + _duration(wanted.seconds), parent.ends_at))
        secret, token = tokens.new_access_key_secret(), tokens.new_token(tokens.SECURITY_TOKEN_PREFIX)
        key_id = tokens.new_access_key_id(tokens.TEMPORARY_KEY_PREFIX)
        row = TemporaryKeyRow(
            key_id,
            parent.actor.id,
            parent.access_key,
            parent.session,
            self._sealing.seal(secret, "temporary-key", key_id),
            tokens.fingerprint(token),
            wanted.purpose.value,
            narrowing.encode(left if left != Narrowing() else None),
            wanted.name,
            now,
            ends_at,
        )

        def work(tx: Transaction) -> Recorded[None]:
            if proof is not None and not issued.first_seen(tx, *proof):
                raise _ended()
            _require_parent(tx, row, now)
            _require_role(tx, row.identity, wanted.role, now)
            if temporary.count(tx, row.identity, now) >= MAX_IN_FORCE:
                raise Conflict(
                    f"an identity has {MAX_IN_FORCE} temporary keys at most",
                    code="iam.too-many-credentials",
                    hint="wait until some of them have ended",
                )
            temporary.add(tx, row)
            return Recorded(None, _entry(op, row))

        await self._db.write(work)
        return TemporaryKey(key_id, secret, token, ends_at)


def _purpose(name: str) -> Purpose:
    if name not in list(Purpose):
        raise Invalid("there is no such purpose", code="iam.temporary-purpose", hint=f"one of {', '.join(Purpose)}")
    return Purpose(name)


def _duration(seconds: int) -> int:
    if not SHORTEST <= seconds * SECOND <= LONGEST:
        least, most = SHORTEST // SECOND, LONGEST // SECOND
        raise Invalid(f"a temporary key lasts {least} to {most} seconds", code="iam.temporary-duration")
    return seconds * SECOND


def _left(parent: _Parent, wanted: Wanted) -> Narrowing:
    """What the parent leaves, less what is named. Raises Invalid or Denied."""
    left = parent.actor.narrowed or Narrowing()
    if left.purposes and wanted.purpose.value not in left.purposes:
        raise Denied("the access key is not for this purpose", code="iam.narrowed")
    if wanted.role:
        role, _, scope = wanted.role.partition("@")
        if not narrowing.keeps_role(left.roles, role, scope):
            raise Denied("the access key is not left this role", code="iam.narrowed")
        left = replace(left, roles=(wanted.role,))
    if wanted.policy:
        if len(wanted.policy) > MAX_POLICY_CHARS or len(left.policies) >= MAX_POLICIES:
            raise Invalid(
                f"{MAX_POLICIES} policies of {MAX_POLICY_CHARS} characters at most", code="iam.temporary-policy"
            )
        left = replace(left, policies=(*left.policies, wanted.policy))
    return left


def _require_parent(tx: Transaction, row: TemporaryKeyRow, now: Instant) -> None:
    """What it is derived from is still in force, in the same commit. Raises Unauthenticated."""
    if row.session is not None:
        _open_until(tx, row.session, row.identity, now)
    else:
        found = credentials.access_key(tx, row.access_key or "")
        if found is None or found.revoked or now >= found.expires_at or found.identity != row.identity:
            raise _ended()
    who = identities.identity(tx, row.identity)
    if who is None or who.state is not IdentityState.ACTIVE:
        raise _ended()


def _open_until(tx: Transaction, session: str, person: str, now: Instant) -> Instant:
    found = credentials.session(tx, session)
    if found is None or found.person != person or now >= min(found.expires_at, found.last_used_at + SESSION_IDLE):
        raise _ended()
    return found.expires_at


def _require_role(tx: Transaction, identity: str, role: str, now: Instant) -> None:
    """The identity holds the role now. Raises Invalid or Denied."""
    if not role:
        return
    name, _, scope = role.partition("@")
    if name not in list(Role) or (scope and SCOPE.fullmatch(scope) is None):
        raise Invalid("there is no such role", code="iam.temporary-role", hint="such as researcher@project:alpha")
    held = [grant for grant in identities.grants_of(tx, identity, now) if grant.starts_at <= now]
    if not any(grant.role == name and scope in ("", grant.scope) for grant in held):
        raise Denied("a role is assumed by those who hold it", code="iam.temporary-role-not-held")


def _entry(op: Operation, row: TemporaryKeyRow) -> Entry:
    return op.allowed(
        CREATE,
        _resource(row.identity),
        access_key=row.id,
        parent=row.access_key or row.session,
        purpose=row.purpose,
        narrowed=row.narrowing,
        name=row.name or None,
        seconds=(row.expires_at - row.created_at) // SECOND,
    )


def _view(row: TemporaryKeyRow) -> TemporaryKeyView:
    left = narrowing.decode(row.narrowing) or Narrowing()
    return TemporaryKeyView(
        id=row.id,
        identity=row.identity,
        parent=row.access_key or row.session or "",
        purpose=row.purpose,
        label=row.name,
        role=", ".join(left.roles),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=row.revoked,
    )


def _ended() -> Unauthenticated:
    return Unauthenticated("the credential has ended", code="iam.unknown-access-key")


def _resource(identity_id: str) -> Resource:
    return Resource("Identity", identity_id)
