"""The patient portal: its pages over the few operations that they perform, and no other."""

from typing import Final

from nexus.app import parts
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.app.serving import Asgi
from nexus.app.telemetry import looking_after
from nexus.app.wiring import dispatching
from nexus.app.wiring.catalogue import public_catalogue
from nexus.app.wiring.consent import NoDocuments, consent_service
from nexus.app.wiring.console import addresses
from nexus.app.wiring.log import audit_service
from nexus.app.wiring.portal_service import portal_service
from nexus.app.wiring.storage import placements
from nexus.iam import patient_codes
from nexus.iam.approvals import Approvals
from nexus.iam.gate import Gate
from nexus.iam.relying_party import RelyingParty
from nexus.objects.administration import BucketAdministration
from nexus.objects.service import ObjectService
from nexus.objects.subject_administration import SubjectAdministration
from nexus.portal.app import portal_app
from nexus.portal.cookies import COOKIES
from nexus.portal.dates import Dates
from nexus.portal.pages.table import operations, pages
from nexus.web.browser.cookies import CookieSession
from nexus.web.dispatch import Dispatcher

KEYS: Final = dispatching.KEYS
"""Patients sign in, and read what the log says of them."""


def portal_door(ground: Ground, objects: ObjectService, port: int) -> Asgi:
    """The portal. Its table of operations holds what its pages perform: whatever happens to this process, it can do no more.

    Of the object store it performs one operation, which says what is held of a patient and reads none of it.
    """
    known = dispatching.authenticator(ground)
    gate = Gate(ground.database, ground.clock, ground.settings.conditions())
    looking_after.gate(ground.watch, gate)
    approvals = Approvals(ground.database, gate, ground.clock)
    identities = dispatching.identity_service(ground, approvals, RelyingParty.at(ground.portal_url))
    consent = consent_service(ground, NoDocuments())
    made = pages(patient_codes, ground.settings.consent_public_interest, public_catalogue(ground))
    needed = operations(made)
    of_subjects = SubjectAdministration(objects, consent.subjects.resource)
    dispatcher = Dispatcher(
        [spec for spec in OPERATIONS if spec.name in needed],
        {
            "iam": identities,
            "consent": consent,
            "objects": BucketAdministration(objects, gate, placements(ground), of_subjects),
            "portal": portal_service(
                ground, identities.patient_accounts, consent, audit_service(ground, None), objects
            ),
        },
        lease=ground.hold,
        authenticator=known,
        gate=gate,
        approvals=approvals,
        step_up=identities.step_ups,
        audit=ground.database,
        clock=ground.clock,
        purposes=PURPOSES,
        door=parts.PORTAL,
    )
    return portal_app(
        dispatcher,
        CookieSession(known, COOKIES),
        pages=made,
        dates=Dates(ground.settings.time_zone, ground.clock),
        origins=addresses(ground.settings, port, ground.portal_url),
    )
