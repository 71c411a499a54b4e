"""The worker's chores."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from nexus.app import destinations, mail, signing
from nexus.app.chores.alarming import Alarming, Watch
from nexus.app.chores.announcing import Announcing
from nexus.app.chores.expiring import LifeCycles
from nexus.app.chores.indexing import Indexing
from nexus.app.chores.mailing import given_up
from nexus.app.chores.minding import Minding
from nexus.app.chores.notifying import Notifying
from nexus.app.chores.publishing import Publishing
from nexus.app.chores.rewrapping import Rewrapping
from nexus.app.chores.schedule import Chore
from nexus.app.chores.scrubbing import Scrubber
from nexus.app.chores.shipping import Shipping
from nexus.app.chores.sweeping import Sweeping
from nexus.app.chores.verifying import Verifying
from nexus.app.custody import KEY_BYTES, Part
from nexus.app.ground import Ground
from nexus.app.telemetry import the_worker
from nexus.app.wiring.consent import receivers
from nexus.app.wiring.intake import examining
from nexus.app.wiring.log import audit_reader, audit_service
from nexus.app.wiring.portal_service import PatientDeciders
from nexus.app.wiring.pseudonyms import file_work, outboxes
from nexus.app.wiring.releasing import Releasing
from nexus.audit.checkpointer import Checkpointer
from nexus.audit.following import LogFollower
from nexus.audit.placing import Placing
from nexus.audit.witnesses import WitnessClient
from nexus.bastion.retention import Retention
from nexus.crypto.hpke import OpeningKey
from nexus.iam.approvals import Approvals
from nexus.iam.gate import Gate
from nexus.iam.relying_party import RelyingParty
from nexus.iam.service import IdentityService
from nexus.iam.telling import Telling
from nexus.kernel.secret import Secret
from nexus.mail.postman import Postman
from nexus.objects.service import ObjectService
from nexus.portal.dates import Dates
from nexus.portal.notices.telling import NoticeTelling

KEYS: Final = (Part.AUDIT_READER, Part.MAIL)
"""Which of the platform's keys this process holds, besides the database's, and no other."""
SHIP_EVERY_S = 0.25
REWRAP_EVERY_S = 1.0
INDEX_EVERY_S = 5.0
PLACE_EVERY_S = 1.0
VERIFY_CHECK_EVERY_S = 60.0
SWEEP_EVERY_S = 300.0
EXPIRE_EVERY_S = 3_600.0
ACCESS_LOG_EVERY_S = 300.0
NOTIFY_EVERY_S = 1.0
MIND_EVERY_S = 60.0
SCRUB_EVERY_S = 1.0
MEASURE_EVERY_S = 900.0
ALARM_EVERY_S = 1.0
MAIL_EVERY_S = 1.0
ANNOUNCE_EVERY_S = 0.5
FOLLOW_EVERY_S = 1.0
EXAMINE_EVERY_S = 10.0
REWRITE_EVERY_S = 2.0
RELEASE_EVERY_S = 2.0


def checkpointer(ground: Ground, witnesses: WitnessClient) -> Checkpointer:
    """Publishes the log; one for each platform."""
    signers = signing.log_signers(ground.kms, ground.index)
    return Checkpointer(ground.database, signers, ground.directory.log, witnesses, clock=ground.clock)


def chores(
    ground: Ground,
    objects: ObjectService,
    publisher: Checkpointer,
    witnesses: WitnessClient,
    alarm_http: httpx.AsyncClient,
) -> list[Chore]:
    """The table of chores: what, how often."""
    publishing = Publishing(publisher, ground.directory.log_report, ground.clock)
    rewrapping = Rewrapping(ground.kms, objects.upkeep, ground.directory, ground.index, ground.operation)
    shipping = Shipping(ground.kms, ground.database, rewrapping.heed, outboxes(ground))
    indexing = Indexing(ground.database, audit_reader(ground))
    verifying = Verifying(
        audit_service(ground, witnesses),
        ground.directory.verification_report,
        ground.settings.verify_every_hours,
        ground.clock,
        ground.operation,
    )
    people, scrubber = identities(ground), _scrubber(ground, objects)
    releasing = Releasing(ground, objects)
    the_worker.look(ground.watch, ground.database, ground.clock, publishing=publishing, scrubber=scrubber)
    return [
        Chore("ship entries of services", SHIP_EVERY_S, shipping.ship),
        Chore("publish the audit log", ground.settings.checkpoint_interval_ms / 1_000, publishing.publish),
        Chore("rewrap data keys", REWRAP_EVERY_S, rewrapping.drive),
        Chore("index the audit log", INDEX_EVERY_S, indexing.index),
        Chore("place entries by whom they concern", PLACE_EVERY_S, Placing(ground.database).advance),
        Chore("verify the audit log", VERIFY_CHECK_EVERY_S, verifying.verify),
        Chore("end what life cycle rules end", EXPIRE_EVERY_S, LifeCycles(objects.expiring, ground.operation).expire),
        Chore(
            "write access logs of buckets", ACCESS_LOG_EVERY_S, lambda: objects.access_logs.write(ground.operation())
        ),
        Chore("sweep", SWEEP_EVERY_S, Sweeping(people, objects.upkeep, ground.operation).sweep),
        Chore("scrub blobs", SCRUB_EVERY_S, scrubber.scrub),
        Chore("note what buckets hold", MEASURE_EVERY_S, _measuring(objects)),
        Chore("mind the life of rights", MIND_EVERY_S, Minding(people, ground.operation).mind),
        Chore("tell alarms", ALARM_EVERY_S, _alarming(ground, people, alarm_http).tell),
        Chore(
            "tell decisions of patients",
            ANNOUNCE_EVERY_S,
            Announcing(ground.database, receivers(ground, objects, releasing.follow), ground.clock).announce,
        ),
        Chore("erase recordings", EXPIRE_EVERY_S, _retention(ground).erase_due),
        Chore("tell events of buckets", NOTIFY_EVERY_S, _notifying(ground).notify),
        Chore("check deliveries", EXAMINE_EVERY_S, examining(ground, objects).run),
        Chore("build releases", RELEASE_EVERY_S, releasing.build),
        Chore("leave people out of releases", EXPIRE_EVERY_S, releasing.mend),
        *_pseudonyms(ground, objects),
        *_mail(ground, objects),
    ]


def _measuring(objects: ObjectService) -> Callable[[], Awaitable[bool]]:
    async def measure() -> bool:
        await objects.capacity.note_day()
        return False

    return measure


def _pseudonyms(ground: Ground, objects: ObjectService) -> list[Chore]:
    """Rewrite the files that wait, where this platform makes pseudonyms."""
    work = file_work(ground, objects)
    return [] if work is None else [Chore("rewrite files with pseudonyms", REWRITE_EVERY_S, work.run)]


def _scrubber(ground: Ground, objects: ObjectService) -> Scrubber:
    settings = ground.settings
    return Scrubber(
        objects.scrubbing,
        ground.directory.scrub_report,
        ground.clock,
        ground.operation,
        days=settings.scrub_days,
        mib_per_second=settings.scrub_mib_per_second,
        several=len(settings.blob_folders) > 1,
    )


def _notifying(ground: Ground) -> Notifying:
    known = destinations.load(ground.settings.notification_file).known
    return Notifying(ground.database, ground.clock, known)


def _alarming(ground: Ground, people: IdentityService, http: httpx.AsyncClient) -> Alarming:
    settings = ground.settings
    watch = Watch(ground.outbox, settings.alarm_mail, ground.console_url) if settings.alarm_mail else None
    return Alarming(people.alarms, settings.alarm_webhook, http, watch)


def _retention(ground: Ground) -> Retention:
    folder, days = ground.directory.recordings, ground.settings.recording_days
    return Retention(ground.database, ground.clock, folder, days, ground.operation)


def _mail(ground: Ground, objects: ObjectService) -> list[Chore]:
    """Deliver what waits; where mail leaves at all, tell people of what happens to their accounts."""
    mail.require_addresses(ground.settings, ground.outbox)
    carrier = mail.carrier(ground.settings, ground.directory)
    postman = Postman(
        ground.database,
        ground.clock,
        key=lambda: OpeningKey(ground.hold.secrets[Part.MAIL]),
        carrier=carrier,
        operation=ground.operation,
        alarm=given_up,
    )
    telling = Telling(ground.database, ground.clock, ground.outbox, ground.console_url)
    told = Chore("mail notices of accounts", MAIL_EVERY_S, telling.tell)
    delivered = Chore("deliver mail", MAIL_EVERY_S, postman.deliver)
    if ground.settings.mail_delivery == "off":
        return [delivered]
    patients = _patients(ground, objects)
    return [
        told,
        delivered,
        Chore("count uses for patients", FOLLOW_EVERY_S, patients.follow),
        Chore("mail notices to patients", MAIL_EVERY_S, patients.post),
        Chore("forget addresses of accounts that are gone", EXPIRE_EVERY_S, patients.sweep),
    ]


def _patients(ground: Ground, objects: ObjectService) -> NoticeTelling:
    reader = audit_reader(ground)
    return NoticeTelling(
        ground.database,
        ground.clock,
        log=LogFollower(ground.database, lambda: reader().opener),
        deciders=PatientDeciders(),
        outbox=ground.outbox,
        key=lambda: OpeningKey(ground.hold.secrets[Part.MAIL]),
        zone=Dates(ground.settings.time_zone, ground.clock).zone,
        members=lambda name: objects.finding.members(ground.operation(), name),
    )


def identities(ground: Ground) -> IdentityService:
    """The worker's. It opens no credential, so it is given a key that opens none."""
    approvals = Approvals(
        ground.database, Gate(ground.database, ground.clock, ground.settings.conditions()), ground.clock
    )
    no_key = Secret(secrets.token_bytes(KEY_BYTES))
    return IdentityService(
        ground.database,
        ground.clock,
        approvals=approvals,
        sealing_key=no_key,
        party=RelyingParty.at(ground.console_url),
    )
