"""Subjects: patients of a site under an opaque name. Who they are is sealed; they are found by a blind index."""

from dataclasses import replace

from nexus.consent import store
from nexus.consent.ages import Ages, birthday, plausible
from nexus.consent.model import Subject, new_subject_id, subject_resource
from nexus.consent.requests import FindSubject, RegisterSubject, SubjectView
from nexus.consent.sealing import Known, SubjectSealing, normal
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.operation import Entry, Operation, Resource

REGISTER = "consent.subject.register"
FIND = "consent.subject.find"


class Subjects:
    """The stories about subjects themselves."""

    def __init__(self, database: Database, clock: Clock, sealing: SubjectSealing, ages: Ages) -> None:
        self._database = database
        self._clock = clock
        self._sealing = sealing
        self._ages = ages

    async def register(self, op: Operation, request: RegisterSubject) -> SubjectView:
        """A new subject. Raises Conflict if the site has one with this reference, Invalid on an impossible birth date."""
        now = self._clock.now()
        reference = normal(request.reference)
        if not reference or not reference.isprintable():
            raise Invalid("the reference is empty or not printable", code="consent.reference")
        if request.born is not None and not plausible(request.born, now):
            raise Invalid("nobody alive was born on that day", code="consent.born")
        made = Subject(new_subject_id(), request.site, 0, now, *self._ages_of(request, now))
        born = request.born if made.majority_at else None
        blind = self._sealing.blind(request.site, reference)
        sealed = self._sealing.seal(Known(reference=reference, born=born), made.id)
        entry = concerning(op.allowed(REGISTER, subject_resource(made.id, made.site)), made.id)

        def work(tx: Transaction) -> Recorded[Subject]:
            if store.subject_by_blind(tx, request.site, blind) is not None:
                raise Conflict(
                    "the site has a subject with this reference", code="consent.registered", hint="find it instead"
                )
            store.add_subject(tx, made, blind, sealed)
            return Recorded(made, entry)

        return view(await self._database.write(work), now)

    async def find(self, op: Operation, request: FindSubject) -> SubjectView:
        """The subject of a site with this reference. Raises NotFound."""
        blind = self._sealing.blind(request.site, request.reference)
        with self._database.read() as tx:
            found = store.subject_by_blind(tx, request.site, blind)
        if found is None:
            raise NotFound("the site has no subject with this reference", code="consent.no-subject")
        await self._database.record(concerning(op.allowed(FIND, subject_resource(found.id, found.site)), found.id))
        return view(found, self._clock.now())

    def known(self, tx: Transaction, subject_id: str) -> Known:
        """What the site knows a subject by. Raises NotFound, Damaged."""
        sealed = store.sealed_reference(tx, subject_id)
        if sealed is None:
            raise no_subject()
        return self._sealing.open(sealed, subject_id)

    def resource(self, subject_id: str) -> Resource:
        """A subject as the gate sees him: his site, and the accounts that decide for him now."""
        now = self._clock.now()
        with self._database.read() as tx:
            found = store.subject(tx, subject_id)
            holders = [each.account for each in store.holdings_of_subject(tx, subject_id) if each.holds(now)]
        if found is None:
            return subject_resource(subject_id)
        return subject_resource(found.id, found.site, holders=" ".join(sorted(set(holders))))

    def new_resource(self, request: RegisterSubject | FindSubject) -> Resource:
        """A subject of a site who is not known yet, or not by name."""
        return subject_resource("new", request.site)

    def _ages_of(self, request: RegisterSubject, now: Instant) -> tuple[Instant | None, Instant | None]:
        """When a minor comes of age, and when she has a voice; nothing of an adult."""
        if request.born is None:
            return None, None
        majority = birthday(request.born, self._ages.majority)
        return (majority, birthday(request.born, self._ages.voice)) if majority > now else (None, None)


def concerning(entry: Entry, subject_id: str) -> Entry:
    """The entry, sealed under the key of the patient whom it concerns."""
    return replace(entry, subject=subject_id)


def no_subject() -> NotFound:
    """There is none, or the caller may not learn that there is."""
    return NotFound("there is no such subject", code="consent.no-subject")


def view(found: Subject, now: Instant) -> SubjectView:
    """A subject as callers see him."""
    return SubjectView(
        subject=found.id,
        site=found.site,
        version=found.version,
        minor=found.majority_at is not None and now < found.majority_at,
        registered_at=found.created_at,
    )
