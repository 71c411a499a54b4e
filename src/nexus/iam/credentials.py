"""Credentials that programs use: S3 access keys and service tokens. Each has an end date; its secret is shown once."""

from nexus.iam import narrowing, tokens
from nexus.iam.model import IdentityState, Purpose
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.machines import (
    AccessKeys,
    AccessKeyView,
    CreateAccessKey,
    CreateToken,
    NewAccessKey,
    NewToken,
    RotateAccessKey,
    Tokens,
    TokenView,
)
from nexus.iam.rules import check_credential_end, check_name
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities
from nexus.iam.store.credentials import AccessKeyRow, TokenRow
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Narrowing, Operation, Resource
from nexus.kernel.secret import Secret

MAX_CREDENTIALS = 20
"""Access keys in force of one identity, and as many service tokens."""


class CredentialStories:
    """Access keys and service tokens."""

    def __init__(self, db: Database, clock: Clock, sealing: Sealing) -> None:
        self._db = db
        self._clock = clock
        self._sealing = sealing

    async def create_access_key(self, op: Operation, request: CreateAccessKey) -> NewAccessKey:
        """A new access key. Raises Invalid (end date), NotFound, Conflict (too many, or the identity is not active)."""
        now = self._clock.now()
        check_credential_end(request.expires_at, now)
        left = narrowing.encode(narrowing.checked(_narrowing_of(request)))
        row, secret = self._new_key(request.identity, request.purpose, request.expires_at, left)

        def work(tx: Transaction) -> Recorded[None]:
            _require_active(tx, request.identity)
            _require_room([key.expires_at for key in credentials.access_keys(tx, row.identity) if not key.revoked], now)
            credentials.add_access_key(tx, row)
            entry = op.allowed(
                "iam.access-key.create",
                _resource(row.identity),
                access_key=row.id,
                purpose=row.purpose,
                narrowed=row.narrowing,
            )
            return Recorded(None, entry)

        await self._db.write(work)
        return NewAccessKey(
            id=row.id, secret=secret, identity=row.identity, purpose=request.purpose, expires_at=row.expires_at
        )

    async def rotate_access_key(self, op: Operation, request: RotateAccessKey) -> NewAccessKey:
        """A new key in the place of one, which ends after the overlap. Raises Invalid (end date), NotFound, Conflict."""
        now = self._clock.now()
        check_credential_end(request.expires_at, now)
        with self._db.read() as tx:
            former = _key_in_force(tx, request.id, now)
        purpose = Purpose(former.purpose)
        row, secret = self._new_key(former.identity, purpose, request.expires_at, former.narrowing, follows=former.id)
        ends_at = Instant(now + request.overlap_minutes * MINUTE)

        def work(tx: Transaction) -> Recorded[None]:
            _key_in_force(tx, former.id, now)
            if any(key.follows == former.id for key in credentials.access_keys(tx, former.identity)):
                raise Conflict("this access key has a successor already", code="iam.access-key-followed")
            _require_active(tx, former.identity)
            credentials.shorten_access_key(tx, former.id, ends_at)
            credentials.add_access_key(tx, row)
            entry = op.allowed(
                "iam.access-key.rotate",
                _resource(row.identity),
                access_key=row.id,
                former=former.id,
                overlap_minutes=request.overlap_minutes,
            )
            return Recorded(None, entry)

        await self._db.write(work)
        return NewAccessKey(id=row.id, secret=secret, identity=row.identity, purpose=purpose, expires_at=row.expires_at)

    def _new_key(
        self, identity: str, purpose: Purpose, expires_at: Instant, left: str | None, *, follows: str | None = None
    ) -> tuple[AccessKeyRow, Secret]:
        key_id, secret = tokens.new_access_key_id(), tokens.new_access_key_secret()
        sealed = self._sealing.seal(secret, "access-key", key_id)
        now = self._clock.now()
        return AccessKeyRow(key_id, identity, sealed, purpose.value, now, expires_at, False, left, follows), secret

    async def list_access_keys(self, op: Operation, request: OfIdentity) -> AccessKeys:
        """The access keys of an identity, without their secrets."""
        with self._db.read() as tx:
            found = credentials.access_keys(tx, request.identity)
        await self._db.record(op.allowed("iam.access-key.list", _resource(request.identity)))
        return AccessKeys(access_keys=tuple(_access_key_view(row) for row in found))

    async def revoke_access_key(self, op: Operation, request: ById) -> None:
        """Refuse an access key from now on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = credentials.access_key(tx, request.id)
            if found is None or not credentials.revoke_access_key(tx, request.id, self._clock.now()):
                raise NotFound("no such access key in force", code="iam.no-access-key")
            entry = op.allowed("iam.access-key.revoke", _resource(found.identity), access_key=found.id)
            return Recorded(None, entry)

        await self._db.write(work)

    async def create_token(self, op: Operation, request: CreateToken) -> NewToken:
        """A new service token. Raises Invalid (end date, label), NotFound, Conflict."""
        now = self._clock.now()
        check_credential_end(request.expires_at, now)
        token = tokens.new_token(tokens.SERVICE_PREFIX)
        row = TokenRow(new_id("tok"), request.identity, check_name(request.label), now, request.expires_at, False)

        def work(tx: Transaction) -> Recorded[None]:
            _require_active(tx, request.identity)
            _require_room([held.expires_at for held in credentials.tokens(tx, row.identity) if not held.revoked], now)
            credentials.add_token(tx, row, tokens.fingerprint(token))
            return Recorded(None, op.allowed("iam.token.create", _resource(row.identity), token=row.id))

        await self._db.write(work)
        return NewToken(id=row.id, token=token, identity=row.identity, expires_at=row.expires_at)

    async def list_tokens(self, op: Operation, request: OfIdentity) -> Tokens:
        """The service tokens of an identity, without the tokens themselves."""
        with self._db.read() as tx:
            found = credentials.tokens(tx, request.identity)
        await self._db.record(op.allowed("iam.token.list", _resource(request.identity)))
        return Tokens(tokens=tuple(_token_view(row) for row in found))

    async def revoke_token(self, op: Operation, request: ById) -> None:
        """Refuse a service token from now on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = credentials.token(tx, request.id)
            if found is None or not credentials.revoke_token(tx, request.id, self._clock.now()):
                raise NotFound("no such service token in force", code="iam.no-token")
            return Recorded(None, op.allowed("iam.token.revoke", _resource(found.identity), token=found.id))

        await self._db.write(work)


def _narrowing_of(request: CreateAccessKey) -> Narrowing:
    return Narrowing(
        actions=request.only_actions,
        buckets=request.only_buckets,
        networks=request.only_networks,
        purposes=tuple(purpose.value for purpose in request.only_purposes),
        prefixes=request.only_prefixes,
    )


def _key_in_force(tx: Transaction, key_id: str, now: Instant) -> AccessKeyRow:
    found = credentials.access_key(tx, key_id)
    if found is None or found.revoked or found.expires_at <= now:
        raise NotFound("no such access key in force", code="iam.no-access-key")
    return found


def _require_active(tx: Transaction, identity_id: str) -> None:
    found = identities.identity(tx, identity_id)
    if found is None:
        raise NotFound("no such identity", code="iam.no-identity")
    if found.state is not IdentityState.ACTIVE:
        raise Conflict(f"the identity is {found.state.value}", code=f"iam.identity-{found.state.value}")


def _require_room(ends: list[Instant], now: Instant) -> None:
    if sum(end > now for end in ends) >= MAX_CREDENTIALS:
        raise Conflict(
            f"an identity has {MAX_CREDENTIALS} of these at most", code="iam.too-many-credentials", hint="revoke one"
        )


def _resource(identity_id: str) -> Resource:
    return Resource("Identity", identity_id)


def _access_key_view(row: AccessKeyRow) -> AccessKeyView:
    left = narrowing.decode(row.narrowing) or Narrowing()
    return AccessKeyView(
        only_actions=left.actions,
        only_buckets=left.buckets,
        only_networks=left.networks,
        only_purposes=left.purposes,
        only_prefixes=left.prefixes,
        follows=row.follows,
        id=row.id,
        identity=row.identity,
        purpose=Purpose(row.purpose),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=row.revoked,
    )


def _token_view(row: TokenRow) -> TokenView:
    return TokenView(
        id=row.id,
        identity=row.identity,
        label=row.label,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked=row.revoked,
    )
