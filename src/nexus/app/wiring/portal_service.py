"""The portal's own operations, for every process that performs them."""

from nexus.app.ground import Ground
from nexus.app.wiring.log import audit_reader, log_identity
from nexus.audit.service import AuditService
from nexus.consent import store
from nexus.consent.holders import Hold, hold_in
from nexus.consent.model import Capacity
from nexus.consent.service import ConsentService
from nexus.consent.subjects import no_subject
from nexus.iam.patients import PatientAccounts
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.portal.dates import Dates
from nexus.portal.enrolling import Enrolments
from nexus.portal.history import Histories
from nexus.portal.letter import Letter
from nexus.portal.log_keys import browser_key, fingerprint
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


def portal_service(
    ground: Ground, accounts: PatientAccounts, consent: ConsentService, audit: AuditService
) -> PortalService:
    """The portal's own operations, at whichever door."""
    reader = audit_reader(ground)
    files = PatientFiles(consent)
    key = browser_key(str(key) for key in log_identity(ground.index).keys)
    letter = Letter(Dates(ground.settings.time_zone, ground.clock), fingerprint(key))
    return PortalService(
        Histories(ground.database, lambda: reader().concerning, audit),
        Enrolments(
            ground.database, ground.clock, accounts=accounts, files=files, address=ground.portal_url, letter=letter
        ),
        files,
    )
