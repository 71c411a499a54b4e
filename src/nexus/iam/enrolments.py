"""Enrolment: a one-time code, a password, a second factor; and changing the password later.

1. Whoever creates a person receives a code, shown once, and hands it over.
2. The person presents the code, chooses a password and receives the second factor.
3. A code of the authenticator proves that the second factor is in place; only then is the person active.
"""

import hmac
from dataclasses import replace

from nexus.iam import throttle, tokens, totp
from nexus.iam.model import IdentityState, NoticeKind
from nexus.iam.notices import tell
from nexus.iam.passwords import Passwords
from nexus.iam.requests.sessions import ChangePassword, ConfirmEnrolment, Enrolled, Enrolling, StartEnrolment
from nexus.iam.sealing import Sealing
from nexus.iam.sessions import MAX_LOGIN
from nexus.iam.store import credentials, identities, patients
from nexus.iam.store.credentials import EnrolmentRow
from nexus.iam.throttle import Throttle
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource
from nexus.kernel.secret import Secret


class EnrolmentStories:
    """How a person comes by her two factors."""

    def __init__(
        self, db: Database, clock: Clock, *, passwords: Passwords, throttle: Throttle, sealing: Sealing
    ) -> None:
        self._db = db
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._sealing = sealing

    async def start(self, op: Operation, request: StartEnrolment) -> Enrolling:
        """Take the password and hand out the second factor. May be done again until it is confirmed.

        Raises Invalid on a weak password, Unauthenticated on a wrong code or login (the same answer), Throttled.
        """
        login = _login(request.login)
        await self._passwords.check(request.password, login)
        row = await self._present(op, login, request.code)
        password_hash, secret = await self._passwords.hash(request.password), totp.new_secret()
        sealed = self._sealing.seal(secret, "totp", row.person)
        entry = _by(op, row.person).allowed("iam.enrolment.start", Resource("Identity", row.person))

        def work(tx: Transaction) -> Recorded[None]:
            if not credentials.choose_factors(tx, row.person, row.code_hash, password_hash, sealed):
                raise _refused()
            return Recorded(None, entry)

        await self._db.write(work)
        return Enrolling(otpauth_uri=totp.uri(secret, login))

    async def confirm(self, op: Operation, request: ConfirmEnrolment) -> Enrolled:
        """Make the person active. Raises Unauthenticated on a wrong code, login or one-time code; Throttled."""
        login = _login(request.login)
        row = await self._present(op, login, request.code)
        password_hash, sealed = row.password_hash, row.totp_sealed
        if password_hash is None or sealed is None:
            raise _refused()
        secret = self._sealing.open(sealed, "totp", row.person)
        step = totp.matching_step(secret, request.totp, self._clock.now(), 0)
        if step is None:
            raise _refused()
        entry = _by(op, row.person).allowed("iam.enrolment.confirm", Resource("Identity", row.person))

        def work(tx: Transaction) -> Recorded[None]:
            present = credentials.enrolment(tx, login)
            if present != row or not credentials.end_enrolment(tx, row.person):
                raise _refused()
            identities.set_factors(tx, row.person, password_hash, sealed, step)
            identities.set_state(tx, row.person, IdentityState.ACTIVE)
            tell(tx, row.person, NoticeKind.NEW_FACTORS, op.at, op.origin)
            credentials.forgive(tx, [_bucket(op, login).key])
            return Recorded(None, entry)

        await self._db.write(work)
        return Enrolled(person=row.person)

    async def change_password(self, op: Operation, request: ChangePassword) -> None:
        """Replace one's own password; every other session ends, and known devices have to sign in again.

        Raises Invalid on a weak password, Unauthenticated on a wrong password or code, Throttled.
        """
        with self._db.read() as tx:
            person, factors = identities.person(tx, request.identity), identities.factors_of(tx, request.identity)
        if person is None or factors is None or factors.totp_sealed is None:
            raise _wrong()
        await self._passwords.check(request.new_password, person.login)
        bucket = throttle.of_origin("password", person.login, op.origin)
        self._throttle.require(bucket)
        await self._throttle.charge(bucket)
        right = await self._passwords.verify(factors.password_hash, request.password)
        secret = self._sealing.open(factors.totp_sealed, "totp", person.id)
        step = totp.matching_step(secret, request.totp, self._clock.now(), factors.totp_step)
        if not right or step is None:
            raise _wrong()
        password_hash = await self._passwords.hash(request.new_password)

        def work(tx: Transaction) -> Recorded[None]:
            if not identities.use_totp_step(tx, person.id, step):
                raise _wrong()
            identities.set_password(tx, person.id, password_hash)
            credentials.end_sessions_of(tx, person.id, but=op.actor.session)
            credentials.forget_devices_of(tx, person.id)
            tell(tx, person.id, NoticeKind.PASSWORD_CHANGED, op.at, op.origin)
            credentials.forgive(tx, [bucket.key])
            return Recorded(None, op.allowed("iam.password.change", Resource("Identity", person.id)))

        await self._db.write(work)

    async def _present(self, op: Operation, login: str, code: Secret) -> EnrolmentRow:
        """The enrolment that this code opens; failures count against (login, origin)."""
        bucket, now = _bucket(op, login), self._clock.now()
        self._throttle.require(bucket)
        await self._throttle.charge(bucket)
        with self._db.read() as tx:
            row = credentials.enrolment(tx, login)
            row = None if row is not None and patients.is_patient(tx, row.person) else row
        typed = tokens.code_fingerprint(code)
        same = hmac.compare_digest(row.code_hash if row else bytes(len(typed)), typed)
        if row is None or not same or now >= row.expires_at:
            raise _refused()
        return row


def _login(login: str) -> str:
    return login.strip().lower()[:MAX_LOGIN]


def _bucket(op: Operation, login: str) -> throttle.Bucket:
    return throttle.of_origin("enrolment", login, op.origin)


def _by(op: Operation, person: str) -> Operation:
    """The operation as done by the person who holds the code."""
    return replace(op, actor=Actor(person, ActorKind.PERSON, person=person))


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "enrolment refused",
        code="iam.enrolment-refused",
        hint="check login and code; codes end after three days: ask whoever gave it to you for a new one",
    )


def _wrong() -> Unauthenticated:
    return Unauthenticated("the password or the code is wrong", code="iam.wrong-factor")
