"""The portal's own operations, for every process that performs them."""

from collections.abc import Sequence

from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.wiring.log import audit_reader, log_identity
from nexus.audit.following import LogGrowth
from nexus.audit.service import AuditService
from nexus.consent import store
from nexus.consent.holders import Hold, hold_in
from nexus.consent.model import Capacity
from nexus.consent.service import ConsentService
from nexus.consent.subjects import no_subject
from nexus.crypto.hpke import SealingKey
from nexus.iam.model import IdentityState
from nexus.iam.patients import PatientAccounts
from nexus.iam.store import identities
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.objects.service import ObjectService
from nexus.portal.dates import Dates
from nexus.portal.enrolling import Enrolments
from nexus.portal.history import Histories
from nexus.portal.letter import Letter
from nexus.portal.log_keys import browser_key, fingerprint
from nexus.portal.notices.choosing import NoticeChoices
from nexus.portal.notices.sealing import NoticeSealing
from nexus.portal.service import PortalService


class PatientFiles:
    """The port `portal.ports.Files`, over consent."""

    def __init__(self, consent: ConsentService) -> None:
        self._consent = consent

    def resource(self, subject: str) -> Resource:
        return self._consent.subjects.resource(subject)

    def own_account(self, tx: Transaction, subject: str, now: Instant) -> str | None:
        if store.subject(tx, subject) is None:
            raise no_subject()
        held = store.holdings_of_subject(tx, subject)
        return next((one.account for one in held if one.capacity is Capacity.SELF and one.holds(now)), None)

    def hold(self, tx: Transaction, op: Operation, subject: str, account: str, now: Instant) -> None:
        hold_in(tx, op, Hold(account, subject, Capacity.SELF), now)


class PatientDeciders:
    """The port `portal.ports.Deciders`, over consent and identity."""

    def subjects(self, tx: Transaction, account: str, now: Instant) -> Sequence[str]:
        held = store.holdings_of_account(tx, account) if _open(tx, account) else ()
        return [one.subject for one in held if one.holds(now)]

    def accounts(self, tx: Transaction, subject: str, now: Instant) -> Sequence[str]:
        held = {one.account for one in store.holdings_of_subject(tx, subject) if one.holds(now)}
        return [account for account in sorted(held) if _open(tx, account)]

    def gone(self, tx: Transaction, account: str) -> bool:
        found = identities.identity(tx, account)
        return found is None or found.state is IdentityState.DELETED


def _open(tx: Transaction, account: str) -> bool:
    """Whether somebody can sign in to an account, or is about to (a new letter): what is suspended is told nothing."""
    found = identities.identity(tx, account)
    return found is not None and found.state in {IdentityState.ACTIVE, IdentityState.INVITED}


def portal_service(
    ground: Ground, accounts: PatientAccounts, consent: ConsentService, audit: AuditService, objects: ObjectService
) -> PortalService:
    """The portal's own operations, at whichever door."""
    reader = audit_reader(ground)
    files = PatientFiles(consent)
    key = browser_key(str(key) for key in log_identity(ground.index).keys)
    dates = Dates(ground.settings.time_zone, ground.clock)
    letter = Letter(dates, fingerprint(key))
    notices = NoticeChoices(
        ground.database,
        ground.clock,
        sealing=NoticeSealing(ground.hold.secrets[Part.IDENTITY], SealingKey(ground.index.mail_public)),
        deciders=PatientDeciders(),
        log=LogGrowth(),
        outbox=ground.outbox,
        zone=dates.zone,
        sends=ground.settings.mail_delivery != "off",
    )
    return PortalService(
        Histories(ground.database, lambda: reader().concerning, audit, objects.finding.names),
        Enrolments(
            ground.database, ground.clock, accounts=accounts, files=files, address=ground.portal_url, letter=letter
        ),
        notices,
        files,
    )
