"""Accounts of patients: made for a hospital, opened with a one-time code and a second fact, and only at the portal.

1. A hospital has an account made, or an old one made anew, and receives a code for its letter (`PatientAccounts`).
2. The patient presents the code with the second fact, a birth date. A code lasts two weeks and dies after ten wrong tries.
3. The patient's device makes a passkey, or the patient chooses a password and takes a second factor; then the account is
   active, the code is used up, and a session is open (`PatientEnrolments`).

An account of a patient holds no role, ever: `policy/patients.cedar` forbids it everything but what patients do, and it
signs in at the portal only. Whoever works here and is a patient too has two accounts that know nothing of each other.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.iam import leaving, patient_codes, throttle, totp
from nexus.iam.challenges import Ceremony, Challenges
from nexus.iam.model import PASSWORD_AND_CODE, Factor, IdentityState, NoticeKind
from nexus.iam.notices import tell
from nexus.iam.opening import PATIENTS_DOOR, Opener, Proved
from nexus.iam.passwords import Passwords
from nexus.iam.persons import add_person_without_code, change_state, new_person
from nexus.iam.relying_party import ALGORITHMS, NAME, RelyingParty, challenge_in
from nexus.iam.requests.patients import (
    ConfirmPatient,
    PatientBeginning,
    PatientPasskey,
    PatientPassword,
    PatientSecondFactor,
    PresentCode,
)
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.rules import check_name
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities, passkeys, patients
from nexus.iam.store.passkeys import PasskeyRow
from nexus.iam.store.patients import PatientCode
from nexus.iam.throttle import Throttle
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource
from nexus.kernel.secret import Secret

CODE_VALID: Final = 14 * DAY
"""A letter takes days to arrive, and is opened later still."""
MAX_TRIES: Final = 10
"""Wrong presentations of one code, wherever they come from; then it is dead."""
DISPLAY_NAME: Final = "patient"
"""All that the platform calls a patient: it does not know the name."""
_LOGIN_SIGNS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_NO_MAIL: Final = "patients.invalid"
"""Domain of the address that the account's record needs; it reaches nobody. Real addresses are kept elsewhere."""
_BIRTH_DATE: Final = re.compile(r"(18|19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_KEY_LABEL: Final = b"nexus patient second fact v1"
_NOBODY: Final = PatientCode("", "", b"", bytes(32), 0, Instant(0))


class SecondFact:
    """Keyed hashes of second facts: whoever reads the database cannot try birth dates."""

    def __init__(self, sealing_key: Secret) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=_KEY_LABEL).derive(sealing_key.reveal())

    def hash(self, code_hash: bytes, birth_date: Secret) -> bytes:
        """Bound to the code that it goes with: equal dates do not look equal."""
        return hmac.digest(self._key, code_hash + birth_date.reveal().strip(), "sha256")


class PatientAccounts:
    """Makes accounts for hospitals, inside the transaction that records why."""

    def __init__(self, fact: SecondFact) -> None:
        self._fact = fact

    def create(self, tx: Transaction, by: str, now: Instant) -> str:
        """An account without factors; returns its id."""
        login = "p-" + "-".join("".join(secrets.choice(_LOGIN_SIGNS) for _ in range(4)) for _ in range(2))
        new = new_person(login, DISPLAY_NAME, f"{login}@{_NO_MAIL}", now, by=by)
        add_person_without_code(tx, new)
        patients.add(tx, new.id, now)
        return new.id

    def invite(self, tx: Transaction, person: str, birth_date: Secret, now: Instant) -> tuple[Secret, Instant]:
        """A new code for an account, and its end. Whatever opened the account before ends now.

        Raises NotFound (no such account), Conflict (suspended), Invalid (birth date).
        """
        if not _BIRTH_DATE.fullmatch(birth_date.reveal().decode("utf-8", "replace")):
            raise Invalid("a birth date is given as 1958-03-14", code="iam.birth-date")
        found = identities.identity(tx, person)
        if found is None or not patients.is_patient(tx, person) or found.state is IdentityState.DELETED:
            raise NotFound("no such account of a patient", code="iam.no-patient")
        if found.state is IdentityState.SUSPENDED:
            raise Conflict("the account is suspended", code="iam.identity-suspended", hint="ask a security officer")
        if found.state is not IdentityState.INVITED:
            change_state(tx, person, found.state, IdentityState.INVITED)
        leaving.recover(tx, person, now)
        code, ends = patient_codes.new_code(), Instant(now + CODE_VALID)
        code_hash = patient_codes.fingerprint(code)
        patients.put_code(tx, person, code_hash, self._fact.hash(code_hash, birth_date), ends)
        credentials.invite(tx, person, code_hash, ends)
        return code, ends


class PatientEnrolments:
    """How a patient comes by factors."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        fact: SecondFact,
        challenges: Challenges,
        party: RelyingParty,
        passwords: Passwords,
        throttle: Throttle,
        sealing: Sealing,
    ) -> None:
        self._db = db
        self._clock = clock
        self._fact = fact
        self._challenges = challenges
        self._party = party
        self._passwords = passwords
        self._throttle = throttle
        self._sealing = sealing
        self._opener = Opener(db, clock)

    async def begin(self, op: Operation, request: PresentCode) -> PatientBeginning:
        """What to ask the patient's device for. Raises Unauthenticated, the same for every reason, or Throttled."""
        found = await self._present(op, request)
        challenge = self._challenges.new(op, Ceremony.REGISTER, found.person)
        await self._go_on(op, found, "iam.patient.begin")
        return PatientBeginning(
            login=found.login,
            challenge=challenge.value,
            rp_id=self._party.id,
            rp_name=NAME,
            user_handle=found.person.encode(),
            display_name=found.login,
            algorithms=tuple(algorithm.value for algorithm in ALGORITHMS),
            expires_at=challenge.ends_at,
        )

    async def with_passkey(self, op: Operation, request: PatientPasskey) -> SignedIn:
        """Take the passkey that the device made, and open a session. Raises Unauthenticated, Throttled, Invalid (name)."""
        name = check_name(request.name)
        found = await self._present(op, request)
        challenge = challenge_in(request.client_data)
        if not await self._challenges.take(op, Ceremony.REGISTER, challenge, found.person):
            raise _refused()
        made, now = self._party.registered(request.client_data, request.attestation, challenge), self._clock.now()
        row = PasskeyRow(
            id=new_id("psk"),
            person=found.person,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=name,
            model=made.model,
            synced=made.synced,
            created_at=now,
            last_used_at=None,
            suspended_at=None,
        )

        def take(tx: Transaction) -> None:
            if passkeys.by_credential(tx, row.credential_id) is not None:
                raise _refused()
            passkeys.add(tx, row)
            tell(tx, found.person, NoticeKind.NEW_PASSKEY, now, op.origin)

        await self._activate(op, found, "iam.patient.with-passkey", take)
        return await self._open(op, found, frozenset({Factor.PASSKEY}))

    async def with_password(self, op: Operation, request: PatientPassword) -> PatientSecondFactor:
        """Take a password and hand out the second factor. Raises Invalid (weak password), Unauthenticated, Throttled."""
        await self._passwords.check(request.password, DISPLAY_NAME)
        found = await self._present(op, request)
        password_hash, secret = await self._passwords.hash(request.password), totp.new_secret()
        sealed = self._sealing.seal(secret, "totp", found.person)
        await self._go_on(
            op,
            found,
            "iam.patient.with-password",
            lambda tx: credentials.choose_factors(tx, found.person, found.code_hash, password_hash, sealed),
        )
        return PatientSecondFactor(login=found.login, otpauth_uri=totp.uri(secret, found.login))

    async def confirm(self, op: Operation, request: ConfirmPatient) -> SignedIn:
        """The second factor is in place: open a session. Raises Unauthenticated, Throttled."""
        found = await self._present(op, request)
        with self._db.read() as tx:
            chosen = credentials.enrolment(tx, found.login)
        if chosen is None or chosen.password_hash is None or chosen.totp_sealed is None:
            raise _refused()
        password_hash, sealed = chosen.password_hash, chosen.totp_sealed
        secret = self._sealing.open(sealed, "totp", found.person)
        step = totp.matching_step(secret, request.totp, self._clock.now(), 0)
        if step is None:
            raise _wrong_code()

        def take(tx: Transaction) -> None:
            if credentials.enrolment(tx, found.login) != chosen:
                raise _refused()
            identities.set_factors(tx, found.person, password_hash, sealed, step)
            tell(tx, found.person, NoticeKind.NEW_FACTORS, self._clock.now(), op.origin)

        await self._activate(op, found, "iam.patient.confirm", take)
        return await self._open(op, found, PASSWORD_AND_CODE)

    async def _present(self, op: Operation, request: PresentCode) -> PatientCode:
        """The code that was presented, if the second fact goes with it. Counted before it is judged."""
        if op.door != PATIENTS_DOOR:
            raise Denied(
                "patients enrol at the portal", code="iam.patients-door", hint="open the portal's address in a browser"
            )
        bucket, code_hash = _bucket(op), patient_codes.fingerprint(request.code)
        self._throttle.require(bucket)
        await self._throttle.charge(bucket, also=lambda tx: patients.count_try(tx, code_hash, 1))
        with self._db.read() as tx:
            found = patients.code(tx, code_hash) or _NOBODY
        same = hmac.compare_digest(found.fact, self._fact.hash(code_hash, request.birth_date))
        if not same or found.tries > MAX_TRIES or self._clock.now() >= found.expires_at:
            raise _refused()
        return found

    async def _go_on(
        self, op: Operation, found: PatientCode, action: str, also: Callable[[Transaction], bool] = lambda tx: True
    ) -> None:
        """A step that was right: it is recorded, and its try given back."""

        def work(tx: Transaction) -> Recorded[None]:
            if not also(tx):
                raise _refused()
            _give_back(tx, op, found)
            return Recorded(None, _by(op, found.person).allowed(action, Resource("Identity", found.person)))

        await self._db.write(work)

    async def _activate(
        self, op: Operation, found: PatientCode, action: str, take: Callable[[Transaction], None]
    ) -> None:
        """The code is used up, and the account active, in one commit."""

        def work(tx: Transaction) -> Recorded[None]:
            if patients.code(tx, found.code_hash) is None or not patients.end_code(tx, found.person):
                raise _refused()
            take(tx)
            credentials.end_enrolment(tx, found.person)
            identities.set_state(tx, found.person, IdentityState.ACTIVE)
            credentials.forgive(tx, [_bucket(op).key])
            return Recorded(None, _by(op, found.person).allowed(action, Resource("Identity", found.person)))

        await self._db.write(work)

    async def _open(self, op: Operation, found: PatientCode, factors: frozenset[Factor]) -> SignedIn:
        proved = Proved(found.person, DISPLAY_NAME, factors)
        return await self._opener.open(op, proved, lambda tx: None, _refused())


def _give_back(tx: Transaction, op: Operation, found: PatientCode) -> None:
    patients.count_try(tx, found.code_hash, -1)
    credentials.forgive(tx, [_bucket(op).key])


def _bucket(op: Operation) -> throttle.Bucket:
    """Failures from one network origin, whatever the code."""
    return throttle.of_origin("patient", "", op.origin)


def _by(op: Operation, person: str) -> Operation:
    return replace(op, actor=Actor(person, ActorKind.PERSON, person=person))


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "code and birth date do not go together",
        code="iam.patient-code",
        hint="a code works once and for two weeks; the hospital makes a new one",
    )


def _wrong_code() -> Unauthenticated:
    return Unauthenticated(
        "the code of the second factor is wrong", code="iam.wrong-factor", hint="wait for the next code"
    )
