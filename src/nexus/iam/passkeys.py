"""Passkeys: registered by a signed-in person with a fresh factor, named, listed, removed; and signing in with one alone.

A passkey is a resident credential with user verification: the key is one factor, what unlocks it (a PIN, a finger) is
the other. Signing in names nobody: the authenticator shows whom it knows, and every refusal is the same, after the same
work, whether the credential is unknown, suspended, or its owner is.
"""

import hmac

from nexus.iam import counters, tokens
from nexus.iam.challenges import Ceremony, Challenges
from nexus.iam.model import Factor, IdentityState, NoticeKind
from nexus.iam.notices import tell
from nexus.iam.opening import Opener, Proved
from nexus.iam.relying_party import ALGORITHMS, NAME, Assertion, RelyingParty, challenge_in, nobodys_key
from nexus.iam.requests.forms import ById, Nothing, OfIdentity
from nexus.iam.requests.passkeys import (
    BeginPasskey,
    NewPasskey,
    PasskeyChallenge,
    Passkeys,
    PasskeyView,
    RegisterPasskey,
    RenamePasskey,
    SignInWithPasskey,
)
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.rules import check_name
from nexus.iam.store import credentials, identities
from nexus.iam.store import passkeys as store
from nexus.iam.store.passkeys import PasskeyRow
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, NotFound, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource

MAX_PASSKEYS = 10
"""Passkeys of one person."""
MIN_WITHOUT_PASSWORD = 2
"""Passkeys that whoever gives up the password must have: losing one of them locks nobody out."""


class PasskeyStories:
    """A person's passkeys."""

    def __init__(self, db: Database, clock: Clock, *, challenges: Challenges, party: RelyingParty) -> None:
        self._db = db
        self._clock = clock
        self._challenges = challenges
        self._party = party
        self._opener = Opener(db, clock)
        self._nobody = PasskeyRow("", "", b"", nobodys_key(), 0, "", "", False, clock.now(), None, None)

    async def begin(self, op: Operation, request: BeginPasskey) -> NewPasskey:
        """What to ask an authenticator for. Raises NotFound, Conflict (too many), Invalid (name).

        The door has asked for a fresh factor for this very request; the challenge passes that on to `register`.
        """
        check_name(request.name)
        with self._db.read() as tx:
            person, held = identities.person(tx, request.identity), store.of_person(tx, request.identity)
        if person is None:
            raise NotFound("no such person", code="iam.no-person")
        _require_room(held)
        challenge = self._challenges.new(op, Ceremony.REGISTER, request.name)
        await self._db.record(op.allowed("iam.passkey.begin", _resource(person.id)))
        return NewPasskey(
            challenge=challenge.value,
            rp_id=self._party.id,
            rp_name=NAME,
            origin=self._party.origin,
            user_handle=person.id.encode(),
            login=person.login,
            display_name=person.name,
            algorithms=tuple(algorithm.value for algorithm in ALGORITHMS),
            exclude=tuple(row.credential_id for row in held),
            expires_at=challenge.ends_at,
        )

    async def register(self, op: Operation, request: RegisterPasskey) -> PasskeyView:
        """Store a passkey that an authenticator made for a challenge of this session.

        Raises Unauthenticated (it does not verify, or the challenge was not for this), Conflict (known, too many).
        """
        challenge, name = challenge_in(request.client_data), check_name(request.name)
        if not await self._challenges.take(op, Ceremony.REGISTER, challenge, request.name):
            raise _no_challenge()
        made = self._party.registered(request.client_data, request.attestation, challenge)
        row = PasskeyRow(
            id=new_id("psk"),
            person=request.identity,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=name,
            model=made.model,
            synced=made.synced,
            created_at=self._clock.now(),
            last_used_at=None,
            suspended_at=None,
        )

        def work(tx: Transaction) -> Recorded[None]:
            if store.by_credential(tx, row.credential_id) is not None:
                raise Conflict("this passkey is registered already", code="iam.passkey-known")
            _require_room(store.of_person(tx, row.person))
            store.add(tx, row)
            tell(tx, row.person, NoticeKind.NEW_PASSKEY, row.created_at, op.origin)
            entry = op.allowed("iam.passkey.register", _resource(row.person), passkey=row.id, synced=row.synced)
            return Recorded(None, entry)

        await self._db.write(work)
        return _view(row)

    async def list_passkeys(self, op: Operation, request: OfIdentity) -> Passkeys:
        """The passkeys of a person."""
        with self._db.read() as tx:
            found = store.of_person(tx, request.identity)
        await self._db.record(op.allowed("iam.passkey.list", _resource(request.identity)))
        return Passkeys(passkeys=tuple(_view(row) for row in found))

    async def rename(self, op: Operation, request: RenamePasskey) -> PasskeyView:
        """Another name for a passkey. Raises NotFound, Invalid."""
        name = check_name(request.name)

        def work(tx: Transaction) -> Recorded[PasskeyRow]:
            found = _find(tx, request.id)
            store.rename(tx, found.id, name)
            renamed = _find(tx, request.id)
            return Recorded(renamed, op.allowed("iam.passkey.rename", _resource(found.person), passkey=found.id))

        return _view(await self._db.write(work))

    async def remove(self, op: Operation, request: ById) -> None:
        """Refuse a passkey from now on. Raises NotFound, Conflict if it is the last way to sign in."""

        def work(tx: Transaction) -> Recorded[None]:
            found = _find(tx, request.id)
            left = [row for row in store.usable(tx, found.person) if row.id != found.id]
            person = identities.factors_of(tx, found.person)
            if not left and (person is None or person.password_hash is None):
                raise Conflict(
                    "this is the last passkey of somebody without a password",
                    code="iam.last-factor",
                    hint="register another one first",
                )
            store.remove(tx, found.id)
            tell(tx, found.person, NoticeKind.PASSKEY_REMOVED, op.at, op.origin)
            return Recorded(None, op.allowed("iam.passkey.remove", _resource(found.person), passkey=found.id))

        await self._db.write(work)

    async def go_without_password(self, op: Operation, request: OfIdentity) -> None:
        """Forget password and code of somebody who has passkeys enough. Raises Conflict, NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            person = identities.factors_of(tx, request.identity)
            if person is None:
                raise NotFound("no such person", code="iam.no-person")
            if len(store.usable(tx, person.person)) < MIN_WITHOUT_PASSWORD:
                raise Conflict(
                    f"without a password one needs {MIN_WITHOUT_PASSWORD} passkeys at least",
                    code="iam.too-few-passkeys",
                    hint="register another one: losing the only one would lock you out",
                )
            identities.forget_password(tx, person.person)
            tell(tx, person.person, NoticeKind.PASSWORD_REMOVED, op.at, op.origin)
            credentials.end_sessions_of(tx, person.person, but=op.actor.session)
            credentials.forget_devices_of(tx, person.person)
            return Recorded(None, op.allowed("iam.password.remove", _resource(person.person)))

        await self._db.write(work)

    # Signing in

    async def challenge(self, op: Operation, request: Nothing) -> PasskeyChallenge:
        """A challenge for whoever asks; it names nobody."""
        challenge = self._challenges.new(op, Ceremony.SIGN_IN)
        await self._db.record(op.allowed("iam.passkey.challenge", PLATFORM))
        return PasskeyChallenge(
            challenge=challenge.value,
            rp_id=self._party.id,
            origin=self._party.origin,
            allow=(),
            expires_at=challenge.ends_at,
        )

    async def sign_in(self, op: Operation, request: SignInWithPasskey) -> SignedIn:
        """Open a session with a passkey alone. Raises Unauthenticated, the same for every reason."""
        challenge = challenge_in(request.client_data)
        fresh = await self._challenges.take(op, Ceremony.SIGN_IN, challenge)
        with self._db.read() as tx:
            passkey = store.by_credential(tx, request.credential) or self._nobody
        count = self._signed(request, challenge, passkey)
        handled = hmac.compare_digest(request.user_handle, passkey.person.encode())
        if not fresh or count is None or not handled or passkey is self._nobody:
            raise counters.refused()
        proved = self._proved(request, passkey.person)

        def guard(tx: Transaction) -> Entry | None:
            holder = identities.factors_of(tx, passkey.person)
            if holder is None or holder.state is not IdentityState.ACTIVE:
                raise counters.refused()
            return counters.use(tx, op, passkey, count, self._clock.now())

        return await self._opener.open(op, proved, guard, counters.refused())

    def _proved(self, request: SignInWithPasskey, person_id: str) -> Proved:
        device = tokens.fingerprint(request.device) if request.device else None
        with self._db.read() as tx:
            person = identities.factors_of(tx, person_id)
            known = device is not None and credentials.known_device(tx, device, person_id, self._clock.now())
        name = person.name if person else ""
        return Proved(person_id, name, frozenset({Factor.PASSKEY}), device if known else None)

    def _signed(self, request: SignInWithPasskey, challenge: bytes, passkey: PasskeyRow) -> int | None:
        answer = Assertion(
            request.credential, request.client_data, request.authenticator_data, request.signature, request.user_handle
        )
        try:
            return self._party.asserted(answer, challenge, passkey.public_key)
        except Unauthenticated:
            return None


def _find(tx: Transaction, passkey_id: str) -> PasskeyRow:
    found = store.find(tx, passkey_id)
    if found is None:
        raise NotFound("no such passkey", code="iam.no-passkey")
    return found


def _require_room(held: list[PasskeyRow]) -> None:
    if len(held) >= MAX_PASSKEYS:
        raise Conflict(f"a person has {MAX_PASSKEYS} passkeys at most", code="iam.too-many-passkeys", hint="remove one")


def _no_challenge() -> Unauthenticated:
    return Unauthenticated(
        "this passkey was not asked for here", code="iam.passkey-refused", hint="begin again with iam.passkey.begin"
    )


def _resource(person: str) -> Resource:
    return Resource("Identity", person)


def _view(row: PasskeyRow) -> PasskeyView:
    return PasskeyView(
        id=row.id,
        identity=row.person,
        name=row.name,
        model=row.model,
        synced=row.synced,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        suspended_at=row.suspended_at,
    )
