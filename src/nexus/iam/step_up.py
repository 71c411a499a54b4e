"""Step-up: a factor proved for exactly one content, in the session that will do it. In steps:

1. The door refuses with `iam.step-up-needed` and the digest of the content: operation, resource, canonical request.
2. `begin` gives a challenge that commits to the digest; `prove` takes the passkey's signature over it, or a code of the
   authenticator application. A code says nothing of any content: it is the platform that binds it, in the proof.
3. The proof is a random token. It is stored by its hash, with session and digest, for two minutes.
4. The request is sent again with the proof. `require` removes it before it looks: a proof serves once, also where it is
   refused.

A machine, a service token or an access key has no session, so it does nothing that asks for this.
"""

from collections.abc import Callable
from hmac import compare_digest

from nexus.iam import counters, throttle, tokens, totp
from nexus.iam.challenges import Ceremony, Challenges
from nexus.iam.model import Factor
from nexus.iam.relying_party import Assertion, RelyingParty, challenge_in
from nexus.iam.requests import step_up as forms
from nexus.iam.requests.step_up import BeginStepUp, ProveStepUp, StepUpChallenge, StepUpProof
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities, passkeys
from nexus.iam.store.passkeys import PasskeyRow, ProofRow
from nexus.iam.throttle import Throttle
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, Invalid, StepUpNeeded, Unauthenticated
from nexus.kernel.operation import PLATFORM, ActorKind, Entry, Operation

PROOF_VALID = 2 * MINUTE
DIGEST_CHARACTERS = 64
"""A SHA-256 in hex."""


class StepUps:
    """Fresh factors: proved, and asked for."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        challenges: Challenges,
        party: RelyingParty,
        throttle: Throttle,
        sealing: Sealing,
    ) -> None:
        self._db = db
        self._clock = clock
        self._challenges = challenges
        self._party = party
        self._throttle = throttle
        self._sealing = sealing

    async def begin(self, op: Operation, request: BeginStepUp) -> StepUpChallenge:
        """A challenge that commits to the content, and the passkeys that may sign it. Raises Denied, Invalid."""
        _session_of(op)
        _require_digest(request.digest)
        challenge = self._challenges.new(op, Ceremony.STEP_UP, request.digest)
        with self._db.read() as tx:
            held = passkeys.usable(tx, op.actor.id)
            factors = identities.factors_of(tx, op.actor.id)
        await self._db.record(op.allowed("iam.step-up.begin", PLATFORM, digest=request.digest))
        return StepUpChallenge(
            challenge=challenge.value,
            rp_id=self._party.id,
            origin=self._party.origin,
            allow=tuple(row.credential_id for row in held),
            totp=factors is not None and factors.totp_sealed is not None,
            expires_at=challenge.ends_at,
        )

    async def prove(self, op: Operation, request: ProveStepUp) -> StepUpProof:
        """Take a fresh factor for a content; returns the proof. Raises Unauthenticated, Throttled, Denied, Invalid."""
        _session_of(op)
        _require_digest(request.digest)
        if (request.totp is None) == (request.assertion is None):
            raise Invalid("give a code or a passkey's answer, one of them", code="iam.step-up-factor")
        if request.assertion is not None:
            return await self._by_passkey(op, request.digest, request.assertion)
        return await self._by_code(op, request)

    async def require(self, op: Operation, digest: str, proof: str) -> None:
        """Return if `proof` is for this content in this session; it is used up in any case.

        Raises Denied for whoever has no session, StepUpNeeded (with the digest) for everybody else.
        """
        session, now = _session_of(op), self._clock.now()
        if not proof:
            raise _needed(digest)
        fingerprint = tokens.fingerprint(proof)

        def work(tx: Transaction) -> Recorded[bool]:
            found = passkeys.take_proof(tx, fingerprint)
            fault = _fault(found, session, digest, now)
            factor = found.factor if found else None
            write = op.denied if fault else op.allowed
            return Recorded(not fault, write("iam.step-up.use", PLATFORM, digest=digest, factor=factor, reason=fault))

        if not await self._db.write(work):
            raise _needed(digest)

    async def _by_code(self, op: Operation, request: ProveStepUp) -> StepUpProof:
        assert request.totp is not None
        bucket = throttle.of_session(_session_of(op))
        self._throttle.require(bucket)
        await self._throttle.charge(bucket)
        with self._db.read() as tx:
            person = identities.factors_of(tx, op.actor.id)
        if person is None or person.totp_sealed is None:
            raise _wrong()
        secret = self._sealing.open(person.totp_sealed, "totp", person.person)
        step = totp.matching_step(secret, request.totp, self._clock.now(), person.totp_step)
        if step is None:
            raise _wrong()

        def use(tx: Transaction) -> None:
            if not identities.use_totp_step(tx, op.actor.id, step):
                raise _wrong()  # the same code used since we looked
            credentials.forgive(tx, [bucket.key])

        return await self._prove(op, request.digest, Factor.TOTP, use)

    async def _by_passkey(self, op: Operation, digest: str, answer: forms.Assertion) -> StepUpProof:
        challenge = challenge_in(answer.client_data)
        if not await self._challenges.take(op, Ceremony.STEP_UP, challenge, digest):
            raise counters.refused()
        with self._db.read() as tx:
            found = passkeys.by_credential(tx, answer.credential)
        if found is None or found.person != op.actor.id:
            raise counters.refused()
        count = self._party.asserted(_assertion(answer), challenge, found.public_key)
        return await self._prove(op, digest, Factor.PASSKEY, lambda tx: self._used(tx, op, found, count))

    def _used(self, tx: Transaction, op: Operation, passkey: PasskeyRow, count: int) -> Entry | None:
        return counters.use(tx, op, passkey, count, self._clock.now())

    async def _prove(
        self, op: Operation, digest: str, factor: Factor, use: Callable[[Transaction], Entry | None]
    ) -> StepUpProof:
        session, now = _session_of(op), self._clock.now()
        proof, ends = tokens.new_token(tokens.PROOF_PREFIX), Instant(now + PROOF_VALID)

        def work(tx: Transaction) -> Recorded[bool]:
            if (instead := use(tx)) is not None:
                return Recorded(False, instead)
            if not credentials.prove_in_session(tx, session, factor, now):
                raise _wrong()
            passkeys.add_proof(tx, tokens.fingerprint(proof), ProofRow(session, digest, factor, ends))
            return Recorded(True, op.allowed("iam.step-up.prove", PLATFORM, digest=digest, factor=factor.value))

        if not await self._db.write(work):
            raise counters.refused()
        return StepUpProof(proof=proof, expires_at=ends)


def _assertion(answer: forms.Assertion) -> Assertion:
    return Assertion(
        answer.credential, answer.client_data, answer.authenticator_data, answer.signature, answer.user_handle
    )


def _session_of(op: Operation) -> str:
    if op.actor.kind is not ActorKind.PERSON or op.actor.session is None:
        raise Denied(
            "this asks for a fresh factor, which only a signed-in person can prove",
            code="iam.step-up-impossible",
            hint="sign in; machines, service tokens and access keys do nothing that asks for it",
        )
    return op.actor.session


def _fault(found: ProofRow | None, session: str, digest: str, now: Instant) -> str | None:
    """What is wrong with a proof, for the log; the answer is the same for all of it."""
    if found is None:
        return "unknown or used"
    if found.session != session:
        return "of another session"
    if now >= found.expires_at:
        return "too late"
    return None if compare_digest(found.digest, digest) else "for other content"


def _require_digest(digest: str) -> None:
    if len(digest) != DIGEST_CHARACTERS or not set(digest) <= set("0123456789abcdef"):
        raise Invalid("a digest has 64 characters of 0-9 a-f", code="iam.digest")


def _needed(digest: str) -> StepUpNeeded:
    return StepUpNeeded(
        "this needs a fresh factor, proved for exactly this content",
        digest=digest,
        code="iam.step-up-needed",
        hint="prove it with iam.step-up.prove for `digest`, then send the same request with the proof in Nexus-Step-Up",
    )


def _wrong() -> Unauthenticated:
    return Unauthenticated(
        "the code was refused", code="iam.wrong-factor", hint="each code works once: wait for the next one"
    )
