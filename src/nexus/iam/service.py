"""The use cases of identity and authorisation, by subject. One method = one story = one transaction = one audit entry."""

from collections.abc import Sequence
from dataclasses import dataclass

from nexus.iam.actions import SENSITIVE
from nexus.iam.alarms import Alarms
from nexus.iam.analysis import AnalysisStories, Things
from nexus.iam.approvals import Approvals
from nexus.iam.asking import AskingStories
from nexus.iam.break_glass import BreakGlassStories
from nexus.iam.challenges import Challenges
from nexus.iam.credentials import CredentialStories
from nexus.iam.departures import DepartureStories
from nexus.iam.device_proof import DeviceAuthorities
from nexus.iam.devices import DeviceStories, KnownDevices
from nexus.iam.directory import DirectoryStories
from nexus.iam.directory_people import DirectoryPeople
from nexus.iam.duties import conflicts_among
from nexus.iam.elevations import ElevationStories
from nexus.iam.eligibilities import EligibilityStories
from nexus.iam.enrolments import EnrolmentStories
from nexus.iam.explaining import ExplainingStories
from nexus.iam.federation.fetching import Transport, over_the_network
from nexus.iam.federation.issuer import OutsideIssuer
from nexus.iam.federation.stories import CALLBACK_PATH, FederationStories
from nexus.iam.founding import Founding
from nexus.iam.grants import GrantStories
from nexus.iam.humans import HumanStories
from nexus.iam.machines import MachineStories
from nexus.iam.model import MIN_OFFICERS, SESSION_IDLE, Role
from nexus.iam.naming import NamingStories
from nexus.iam.notices import NoticeStories
from nexus.iam.oidc.agreements import AgreementStories
from nexus.iam.oidc.clients import ClientStories
from nexus.iam.oidc.model import SPENT_KEPT
from nexus.iam.passkeys import PasskeyStories
from nexus.iam.passwords import Passwords
from nexus.iam.patients import PatientAccounts, PatientEnrolments, SecondFact
from nexus.iam.persons import PersonStories
from nexus.iam.ports import Evidence, NoEvidence
from nexus.iam.relying_party import RelyingParty
from nexus.iam.resources import Resources
from nexus.iam.reviews import ReviewStories
from nexus.iam.sealing import Sealing
from nexus.iam.sessions import SessionStories
from nexus.iam.step_up import StepUps
from nexus.iam.store import (
    alarms,
    break_glass,
    credentials,
    duties,
    federation,
    identities,
    issued,
    passkeys,
    patients,
    reviews,
    temporary,
)
from nexus.iam.temporary import TemporaryKeyStories
from nexus.iam.throttle import Throttle
from nexus.iam.usage import UsageStories
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.secret import Secret


@dataclass(frozen=True, slots=True)
class RightsDue:
    """Emergency accesses open now; uses of break-glass that wait for review, and those too late; alarms not told yet."""

    break_glass_open: int = 0
    reviews_waiting: int = 0
    reviews_overdue: int = 0
    alarms_untold: int = 0
    review_deadline: Instant | None = None
    """Of the campaign that is open."""
    items_waiting: int = 0
    """Rights and credentials that nobody has judged in it yet."""
    items_kept: int = 0
    """Rights that were due in a closed campaign, and were kept because an approving role would be left without holders."""


class IdentityService:
    """What the doors call; `operations.OPERATIONS` says how. It relies on the doors to have asked the gate."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        approvals: Approvals,
        sealing_key: Secret,
        party: RelyingParty,
        passwords: Passwords | None = None,
        issuers: Sequence[OutsideIssuer] = (),
        transport: Transport = over_the_network,
        evidence: Evidence | None = None,
        device_authorities: DeviceAuthorities | None = None,
        strict_tools: bool = False,
        passkeys_only: bool = False,
    ) -> None:
        """`sealing_key`: 32 bytes, for second factors and access-key secrets at rest. `party`: where passkeys belong.

        `passwords`: the default cost. `issuers`: outside ones that people may sign in with, reached by `transport`.
        `evidence`: what other services know, for the analysis of decisions. `device_authorities`: whose certificates of
        devices count; none. `strict_tools`: tools are registered with a key pair only. `passkeys_only`: whoever has a
        passkey signs in with it.
        """
        self._db = db
        self._clock = clock
        self._passwords = passwords or Passwords()
        sealing, throttle = Sealing(sealing_key), Throttle(db, clock)
        self.approvals = approvals
        self.alarms = Alarms(db, clock)
        self.resources = Resources(db, clock)
        self.founding = Founding(db, clock)
        self.enrolments = EnrolmentStories(db, clock, passwords=self._passwords, throttle=throttle, sealing=sealing)
        self.sessions = SessionStories(
            db,
            clock,
            passwords=self._passwords,
            throttle=throttle,
            sealing=sealing,
            passkeys_only=passkeys_only,
        )
        self.notices = NoticeStories(db, clock)
        challenges = Challenges(db, clock, sealing_key)
        self.passkeys = PasskeyStories(db, clock, challenges=challenges, party=party)
        self.step_ups = StepUps(db, clock, challenges=challenges, party=party, throttle=throttle, sealing=sealing)
        fact = SecondFact(sealing_key)
        self.patient_accounts = PatientAccounts(fact)
        self.patients = PatientEnrolments(
            db,
            clock,
            fact=fact,
            challenges=challenges,
            party=party,
            passwords=self._passwords,
            throttle=throttle,
            sealing=sealing,
        )
        self.persons = PersonStories(db, clock, approvals)
        self.machines = MachineStories(db, clock)
        self.naming = NamingStories(db)
        self.credentials = CredentialStories(db, clock, sealing)
        self.temporary_keys = TemporaryKeyStories(db, clock, sealing)
        self.grants = GrantStories(db, clock, approvals)
        self.break_glass = BreakGlassStories(db, clock)
        self.reviews = ReviewStories(db, clock, approvals=approvals, resources=self.resources)
        self.departures = DepartureStories(db, clock)
        self.directories = DirectoryStories(db, clock, approvals)
        self.directory_people = DirectoryPeople(db, clock, self.grants)
        self.federation = FederationStories(
            db,
            clock,
            issuers=issuers,
            back=f"{party.origin}{CALLBACK_PATH}",
            sealing=sealing,
            grants=self.grants,
            transport=transport,
            passkeys_only=passkeys_only,
        )
        authorities = device_authorities or DeviceAuthorities()
        self.devices = DeviceStories(db, clock, authorities)
        self.known_devices = KnownDevices(db, clock, authorities)
        self.humans = HumanStories(db, clock, approvals)
        self.asking = AskingStories(db, clock, approvals=approvals, grants=self.grants, resources=self.resources)
        self.eligibilities = EligibilityStories(db, clock, approvals)
        self.elevations = ElevationStories(db, clock, approvals)
        self.clients = ClientStories(db, clock, strict=strict_tools)
        self.agreements = AgreementStories(db, clock)
        known = evidence or NoEvidence()
        things = Things(self.resources, known)
        self.analysis = AnalysisStories(db, clock, approvals.gate.policy, things)
        self.explaining = ExplainingStories(db, clock, approvals.gate, things, known)
        self.usage = UsageStories(db, clock)

    async def sweep(self) -> None:
        """Remove what has ended by its own date: sessions, devices, enrolment codes, counters; expire intents."""
        now = self._clock.now()
        idle_since = Instant(now - SESSION_IDLE)
        spent_since = Instant(now - SPENT_KEPT)
        await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: credentials.sweep(tx, now, idle_since))
        await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: issued.sweep(tx, now, spent_since))
        await self._db.bookkeep(Bookkeeping.EXPIRY, federation.sweep)
        await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: passkeys.sweep(tx, now))
        await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: patients.sweep(tx, now))
        await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: temporary.sweep(tx, now))
        await self.approvals.expire()
        await self.asking.expire()

    def lacking_approvers(self) -> dict[Role, int]:
        """Approving roles with fewer active holders than four eyes need, and how many hold them: for `nexus doctor`."""
        roles = {action.approver for action in SENSITIVE if action.approver is not None}
        now = self._clock.now()
        with self._db.read() as tx:
            holders = {role: len(identities.active_holders(tx, role, now)) for role in sorted(roles)}
        return {role: count for role, count in holders.items() if count < MIN_OFFICERS}

    def conflicting_duties(self) -> int:
        """How many active persons hold roles that conflict: for `nexus doctor`."""
        now = self._clock.now()
        with self._db.read() as tx:
            several = duties.holders_of_several(tx, now)
            return sum(bool(conflicts_among(duties.held_by(tx, person, now))) for person in several)

    def due(self) -> RightsDue:
        """What waits for people, or for the world outside: for `nexus doctor`."""
        with self._db.read() as tx:
            opened, waiting, overdue = break_glass.counts(tx, self._clock.now())
            review = reviews.current(tx)
            return RightsDue(
                break_glass_open=opened,
                reviews_waiting=waiting,
                reviews_overdue=overdue,
                alarms_untold=alarms.waiting(tx),
                review_deadline=review.deadline if review else None,
                items_waiting=reviews.waiting(tx, review.id) if review else 0,
                items_kept=reviews.kept(tx),
            )

    def close(self) -> None:
        """End the threads that hash passwords."""
        self._passwords.close()
