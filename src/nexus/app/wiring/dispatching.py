"""The one path of every operation, as the REST door and the console both use it: the same services, gate and log."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from nexus.app import control
from nexus.app.custody import Part
from nexus.app.evidence import Evidence
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES, WHILE_SEALED
from nexus.app.platform import PlatformService
from nexus.app.settings import Settings
from nexus.app.telemetry import looking_after
from nexus.app.wiring.bastion import bastion_service
from nexus.app.wiring.catalogue import catalogue_service
from nexus.app.wiring.consent import StoredDocuments, consent_service
from nexus.app.wiring.intake import intake_service
from nexus.app.wiring.log import audit_reader, audit_service
from nexus.app.wiring.portal_service import portal_service
from nexus.app.wiring.pseudonyms import pseudonym_service
from nexus.app.wiring.releases import release_service
from nexus.app.wiring.storage import placements, replication
from nexus.audit.witnesses import WitnessClient
from nexus.iam.approvals import Approvals
from nexus.iam.authenticator import Authenticator
from nexus.iam.breached import BreachedPasswords
from nexus.iam.device_proof import DeviceAuthorities
from nexus.iam.federation import issuer
from nexus.iam.gate import Gate
from nexus.iam.passwords import Passwords
from nexus.iam.relying_party import RelyingParty
from nexus.iam.service import IdentityService
from nexus.objects.administration import BucketAdministration
from nexus.objects.service import ObjectService
from nexus.objects.subject_administration import SubjectAdministration
from nexus.projects.service import ProjectService
from nexus.web.dispatch import Dispatcher

KEYS: Final = (Part.IDENTITY, Part.AUDIT_READER)
"""Which of the platform's keys a process that performs every operation holds, besides the database's, and no other."""


def authenticator(ground: Ground) -> Authenticator:
    """Who sent a request. What it has opened is forgotten when the lease ends."""
    made = Authenticator(ground.database, ground.clock, ground.hold.secrets[Part.IDENTITY])
    ground.hold.on_wipe(made.forget)
    return made


def breached_passwords(settings: Settings) -> BreachedPasswords:
    """The installation's list of passwords known from breaches, or none."""
    return BreachedPasswords(Path(settings.breached_passwords) if settings.breached_passwords else None)


def identity_service(ground: Ground, approvals: Approvals, party: RelyingParty, **more: Any) -> IdentityService:
    """Identity at a door whose passkeys belong to `party`; `more` as in `IdentityService`."""
    return IdentityService(
        ground.database,
        ground.clock,
        approvals=approvals,
        sealing_key=ground.hold.secrets[Part.IDENTITY],
        party=party,
        passwords=Passwords(breached=breached_passwords(ground.settings)),
        strict_tools=ground.settings.strict_tools,
        passkeys_only=ground.settings.passkeys_only,
        **more,
    )


def dispatcher(
    ground: Ground, objects: ObjectService, witnesses: WitnessClient, known: Authenticator, door: str
) -> Dispatcher:
    """Performs every operation of the platform for calls that come through `door`."""
    gate = Gate(ground.database, ground.clock, ground.settings.conditions())
    looking_after.gate(ground.watch, gate)
    approvals = Approvals(ground.database, gate, ground.clock)
    identities = identity_service(
        ground,
        approvals,
        RelyingParty.at(ground.console_url),
        issuers=issuer.load(Path(ground.settings.federation_file)) if ground.settings.federation_file else (),
        device_authorities=DeviceAuthorities.read(ground.settings.device_authority),
        evidence=Evidence(objects.buckets, audit_reader(ground)),
    )
    audit = audit_service(ground, witnesses, objects)
    consent = consent_service(ground, StoredDocuments(objects))
    of_subjects = SubjectAdministration(objects, consent.subjects.resource)
    services = {
        "iam": identities,
        "kms": ground.kms,
        "audit": audit,
        "bastion": bastion_service(ground),
        "objects": BucketAdministration(objects, gate, placements(ground), of_subjects, partial(replication, ground)),
        "consent": consent,
        "portal": portal_service(ground, identities.patient_accounts, consent, audit, objects),
        "projects": ProjectService(ground.database, gate, ground.clock),
        "intake": intake_service(ground, objects, gate),
        "releases": release_service(ground, objects),
        "catalogue": catalogue_service(ground),
        "pseudonyms": pseudonym_service(ground, objects, gate),
        "platform": PlatformService(
            ground.directory,
            ground.settings,
            ground.database,
            ground.clock,
            lacking_approvers=identities.lacking_approvers,
            conflicting_duties=identities.conflicting_duties,
            rights_due=identities.due,
            ask=partial(control.ask, ground.directory.supervisor_socket, identity=ground.identity),
        ),
    }
    return Dispatcher(
        OPERATIONS,
        services,
        lease=ground.hold,
        authenticator=known,
        gate=gate,
        approvals=approvals,
        step_up=identities.step_ups,
        audit=ground.database,
        clock=ground.clock,
        purposes=PURPOSES,
        while_sealed=WHILE_SEALED,
        door=door,
        devices=identities.known_devices,
    )
