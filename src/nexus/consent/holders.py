"""Who decides for whom: accounts that are the subject, his guardian or his representative, until a date."""

from dataclasses import dataclass

from nexus.consent import store
from nexus.consent.model import Capacity, subject_resource
from nexus.consent.store import Holding
from nexus.consent.subjects import concerning, no_subject
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.operation import Operation

HOLD = "consent.holder.hold"
END = "consent.holder.end"
MAX_PROOF_CHARS = 1_024


@dataclass(frozen=True, slots=True)
class Hold:
    """An account decides for a subject from now on. `until`: at the latest; of a guardian, majority ends it in any case.

    `proof`: where the document stands that the power rests on; needed for everybody but the subject himself.
    """

    account: str
    subject: str
    capacity: Capacity
    until: Instant | None = None
    proof: str = ""


class Holders:
    """The stories about who decides."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hold(self, op: Operation, request: Hold) -> Holding:
        """Let an account decide for a subject. Raises NotFound, Conflict if it does already, Denied of an adult's guardian."""
        now = self._clock.now()
        entry = concerning(
            op.allowed(
                HOLD, subject_resource(request.subject), account=request.account, capacity=request.capacity.value
            ),
            request.subject,
        )
        return await self._database.write(lambda tx: Recorded(hold_in(tx, op, request, now), entry))

    async def end(self, op: Operation, account: str, subject: str, *, action: str = END) -> Holding:
        """The account decides for the subject no more. Raises NotFound if it does not now."""
        now = self._clock.now()
        entry = concerning(op.allowed(action, subject_resource(subject), account=account), subject)

        def work(tx: Transaction) -> Recorded[Holding]:
            found = holding_now(tx, account, subject, now)
            if found is None or not store.end_holding(tx, found, now, op.actor.id):
                raise NotFound("this account does not decide for this subject", code="consent.no-holder")
            return Recorded(found, entry)

        return await self._database.write(work)

    def holders_of(self, subject: str, at: Instant) -> list[Holding]:
        """Who decides for a subject at a moment."""
        with self._database.read() as tx:
            return [each for each in store.holdings_of_subject(tx, subject) if each.holds(at)]

    def subjects_of(self, account: str, at: Instant) -> list[Holding]:
        """For whom an account decides at a moment."""
        with self._database.read() as tx:
            return [each for each in store.holdings_of_account(tx, account) if each.holds(at)]


def hold_in(tx: Transaction, op: Operation, request: Hold, now: Instant) -> Holding:
    """`hold` within a transaction under way (an account that is made in the same commit)."""
    subject = store.subject(tx, request.subject)
    if subject is None:
        raise no_subject()
    if request.capacity is Capacity.SELF and subject.voice_at is not None and now < subject.voice_at:
        raise Denied(
            "somebody this young has no account of her own yet", code="consent.too-young", hint="a guardian decides"
        )
    until = _until(request, subject.majority_at, now)
    if holding_now(tx, request.account, request.subject, now) is not None:
        raise Conflict("this account decides for this subject already", code="consent.holder-exists")
    made = Holding(request.account, subject.id, request.capacity, now, until, request.proof, op.actor.id)
    store.add_holding(tx, made)
    return made


def holding_now(tx: Transaction, account: str, subject: str, now: Instant) -> Holding | None:
    """How an account decides for a subject now; None if it does not."""
    found = [each for each in store.holdings_of_subject(tx, subject) if each.account == account and each.holds(now)]
    return found[0] if found else None


def _until(request: Hold, majority_at: Instant | None, now: Instant) -> Instant | None:
    if len(request.proof) > MAX_PROOF_CHARS:
        raise Invalid("the proof is named too long", code="consent.proof")
    if request.until is not None and request.until <= now:
        raise Invalid("the power would end before it begins", code="consent.until")
    if request.capacity is Capacity.SELF:
        return request.until
    if not request.proof:
        raise Invalid("who decides for another proves it", code="consent.proof", hint="name the document")
    if request.capacity is Capacity.GUARDIAN:
        if majority_at is None or majority_at <= now:
            raise Denied(
                "nobody is guardian of an adult",
                code="consent.majority",
                hint="register a minor with the date of birth; for an adult appoint a representative",
            )
        return majority_at if request.until is None else min(majority_at, request.until)
    return request.until
