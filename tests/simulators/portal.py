"""A hospital with a portal: identity, consent and the audit log over one database, its patients, and their browsers."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from nexus.app.demo.passkey import SoftwarePasskey
from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.app.schema import MIGRATIONS
from nexus.app.wiring.consent import LogProofs, NoDocuments, PatientAccounts
from nexus.app.wiring.portal_service import PatientDeciders, PatientFiles
from nexus.app.wiring.subjects import Subjects
from nexus.audit.checkpointer import Checkpointer
from nexus.audit.following import LogGrowth
from nexus.audit.log import AuditLog
from nexus.audit.policy import LogIdentity
from nexus.audit.reader import AuditReader
from nexus.audit.service import AuditService
from nexus.consent.ages import Ages
from nexus.consent.model import LegalBasis
from nexus.consent.receipt_record import Circumstances
from nexus.consent.requests import RegisterSubject, Tongue
from nexus.consent.rules import Bases
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.service import ConsentService, Others
from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.iam import patient_codes
from nexus.kernel.database import Database, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Entry, Operation, Resource
from nexus.kernel.secret import Secret
from nexus.mail.outbox import Outbox
from nexus.objects.administration import BucketAdministration
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.declaration import Declaration
from nexus.objects.model import Metadata
from nexus.objects.service import ObjectService
from nexus.objects.subject_administration import SubjectAdministration
from nexus.portal.app import portal_app
from nexus.portal.cookies import COOKIES
from nexus.portal.dates import Dates
from nexus.portal.enrolling import Enrolments
from nexus.portal.history import Histories
from nexus.portal.letter import Letter
from nexus.portal.notices.choosing import NoticeChoices
from nexus.portal.notices.sealing import NoticeSealing
from nexus.portal.pages.table import operations, pages
from nexus.portal.requests import CreateEnrolment
from nexus.portal.service import PortalService
from nexus.warehouse.catalogue.public import PublicCatalogue
from nexus.web.browser.cookies import CookieSession
from nexus.web.dispatch import Dispatcher
from simulators.audit_log import PRIVATE_KEY
from simulators.catalogue import HOLDER
from simulators.clock import ManualClock
from simulators.data_keys import SimulatedDataKeys
from simulators.doorkeepers import Leash
from simulators.file_signer import LocalFileSigner
from simulators.object_store import chunked
from simulators.patients import BORN, Patient
from simulators.people import HOME, PARTY, SEALING_KEY, Human, Platform
from simulators.recorder import MemoryRecorder
from simulators.s3_door import OneSite
from simulators.signers import ORIGIN as ORIGIN_OF_LOG
from simulators.signers import log_signers

ORIGIN = PARTY.origin
PHONE = "Mozilla/5.0 (a telephone of the tests)"


class Remembering(MemoryRecorder):
    """Writes the audit log, and remembers what it wrote."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._log = AuditLog(PRIVATE_KEY.public, clock=clock)

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        self._log.record(tx, entries)
        super().record(tx, entries)


class Hospital:
    """The services that the portal needs, over one database; `desk` enrols its patients."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.lease = ManualClock(), Leash()
        recorder = Remembering(self.clock)
        self.db = Database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=recorder)
        self.db.migrate(MIGRATIONS)
        self.platform = Platform(self.db, self.clock, recorder)
        self.reader = AuditReader(self.db, PRIVATE_KEY, folder / "log")
        signers = log_signers()
        identity = LogIdentity(ORIGIN_OF_LOG, tuple(signer.key for signer in signers))
        self.audit = AuditService(
            self.db, identity, lambda: self.reader, folder / "log", clock=self.clock, names=self._names
        )
        self.checkpointer = Checkpointer(self.db, signers, folder / "log", None, clock=self.clock)
        self.consent = ConsentService(
            self.db,
            self.clock,
            sealing=SubjectSealing(SEALING_KEY),
            ages=Ages(),
            rulings=Rulings(Bases(by_purpose={"statistics": LegalBasis.PUBLIC_INTEREST})),
            others=Others(
                NoDocuments(),
                PatientAccounts(),
                LocalFileSigner(),
                LogProofs(lambda: self.reader),
                Circumstances(site="", zone="zone-1", notice="", language=Tongue.FRENCH),
            ),
        )
        self.keys = keys = SimulatedDataKeys()
        keys.add_key()
        self.objects = ObjectService(
            self.db, DiskBlobs(folder / "blobs"), keys, self.clock, subjects=Subjects(self.consent.rulings)
        )
        files = PatientFiles(self.consent)
        self.mail_key = OpeningKey(generate_seed())
        letter = Letter(Dates("Europe/Paris", self.clock), "0000 1111")
        self.service = PortalService(
            Histories(self.db, lambda: self.reader.concerning, self.audit, self.objects.finding.names),
            Enrolments(
                self.db,
                self.clock,
                accounts=self.platform.service.patient_accounts,
                files=files,
                address=ORIGIN,
                letter=letter,
            ),
            self.notices(sends=True),
            files,
        )
        self.desk = Human("per_desk", "desk", actor=Actor("per_desk", ActorKind.PERSON, "Desk", person="per_desk"))

    async def _names(self, op: Operation, subject: str) -> tuple[str, ...]:
        return (await self.objects.finding.names(op, subject))[0]

    def notices(self, *, sends: bool) -> NoticeChoices:
        """What patients choose to be told by mail."""
        return NoticeChoices(
            self.db,
            self.clock,
            sealing=NoticeSealing(SEALING_KEY, self.mail_key.public),
            deciders=PatientDeciders(),
            log=LogGrowth(),
            outbox=Outbox(self.mail_key.public),
            zone=ZoneInfo("Europe/Paris"),
            sends=sends,
        )

    async def open(self) -> "Hospital":
        """Begin to publish checkpoints."""
        await self.checkpointer.start()
        return self

    def portal(self) -> "Portal":
        """The pages over it."""
        of_subjects = SubjectAdministration(self.objects, self.consent.subjects.resource)
        objects = BucketAdministration(self.objects, self.platform.gate, OneSite(), of_subjects)
        catalogue = PublicCatalogue(self.db, self.clock, replace(HOLDER, address=ORIGIN), self.lease.require)
        return Portal(
            self.platform, {"consent": self.consent, "portal": self.service, "objects": objects}, self.lease, catalogue
        )

    async def subject(self, reference: str = "", born: date | None = None) -> str:
        """A patient of the hospital, under a name that says nothing."""
        asked = RegisterSubject(site="chu-lyon", reference=reference or new_id("ipp"), born=born)
        return (await self.consent.subjects.register(self.platform.op(self.desk), asked)).subject

    async def letter(self, subject: str, born: str = BORN, **more: Any) -> Patient:
        """The letter of a patient."""
        asked = CreateEnrolment(subject=subject, birth_date=Secret(born.encode()), **more)
        made = await self.service.enrolments.create(self.platform.op(self.desk), asked)
        return Patient(made.account, made.code, SoftwarePasskey(ORIGIN))

    async def patient(self) -> tuple[str, "PatientBrowser"]:
        """A patient who is signed in: his subject, and his browser."""
        subject = await self.subject()
        browser = self.portal().browser()
        await browser.enrol(await self.letter(subject))
        return subject, browser

    async def reads(self, subject: str, count: int = 1, *, allowed: bool = True, **more: Any) -> None:
        """Somebody reads data of a subject, or is refused."""
        about = {
            "purpose": "research",
            "name": "Dr. Rossi",
            "project": "cohorte-diabete",
            "reason": "permitted",
            **more,
        }
        who = Actor("per_rossi", ActorKind.PERSON, about["name"], person="per_rossi")
        op = replace(self.platform.op(who, purpose=about["purpose"]), door="s3")
        bucket = Resource("Bucket", "cohorte", {"site": "chu-lyon", "project": about["project"], "kind": "standard"})
        emergency = {"break_glass": "elv_1"} if more.get("emergency") else {}
        details = {"key": "scan.dcm", "consent": about["reason"], **emergency}
        write = op.allowed if allowed else op.denied
        entry = replace(write("objects.object.read", bucket, **details), subject=subject)
        await asyncio.gather(*(self.db.record(entry) for _ in range(count)))

    async def stores(
        self, name: str, *keys: str, bucket: str = "scans", project: str = "", what: str = "imaging"
    ) -> None:
        """Objects of a subject, or of a manifest, come into a bucket of the hospital."""
        op = self.platform.op(self.desk)
        where = next((one for one in await self.objects.buckets.list(op) if one.name == bucket), None)
        if where is None:
            where = await self.objects.buckets.create(op, bucket, site="chu-lyon", key_id="key_site", project=project)
            await self.objects.buckets.declare_subjects(op, where, Declaration(categories=(what,), source="pacs"))
            where = self.objects.buckets.find(bucket)
        for key in keys:
            about = Metadata(tags={"nexus:subject": name})
            await self.objects.writing.put(op, where, key, chunked(b"bytes"), length=5, metadata=about)

    async def publish(self) -> None:
        """A checkpoint covers everything until now."""
        await self.checkpointer.publish()

    def close(self) -> None:
        """Everything ends."""
        self.checkpointer.close()
        self.objects.close()
        self.platform.service.close()
        self.db.close()


@dataclass
class Portal:
    """`app` is the ASGI application; services besides identity are those that the test gives."""

    platform: Platform
    services: dict[str, Any] = field(default_factory=dict)
    lease: Leash = field(default_factory=Leash)
    catalogue: PublicCatalogue | None = None

    def __post_init__(self) -> None:
        made = pages(patient_codes, {"statistics"}, self.catalogue)
        needed = operations(made)
        self.dispatcher = Dispatcher(
            [spec for spec in OPERATIONS if spec.name in needed],
            {"iam": self.platform.service, **self.services},
            lease=self.lease,
            authenticator=self.platform.authenticator,
            gate=self.platform.gate,
            approvals=self.platform.approvals,
            step_up=self.platform.service.step_ups,
            audit=self.platform.db,
            clock=self.platform.clock,
            purposes=PURPOSES,
            door="portal",
        )
        self.app = portal_app(
            self.dispatcher,
            CookieSession(self.platform.authenticator, COOKIES),
            pages=made,
            dates=Dates("Europe/Paris", self.platform.clock),
            origins={ORIGIN},
        )

    def browser(self, *, address: str = HOME, agent: str = PHONE) -> "PatientBrowser":
        """A browser without any cookie."""
        return PatientBrowser(self, address, agent)


class PatientBrowser:
    """What a browser does by itself: keeps cookies, says where a form comes from, sends a form's hidden fields along."""

    def __init__(self, portal: Portal, address: str, agent: str) -> None:
        self.portal = portal
        transport = httpx.ASGITransport(portal.app, client=(address, 4711), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"User-Agent": agent})
        self.page = ""
        self.human: Patient | None = None

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Type an address."""
        return self._seen(await self.http.get(path, headers={"Sec-Fetch-Site": "none", **headers}))

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Send the form of the open page that goes to `path`, filled in, and go where the answer leads."""
        answer = await self.send(path, {**self.hidden(path), **(fields or {})}, **headers)
        return await self.get(answer.headers["location"]) if answer.status_code == 303 else answer

    async def send(self, path: str, data: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a form without following, and with nothing but what is given."""
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        kept = {name: value for name, value in {**own, **headers}.items() if value}
        return self._seen(await self.http.post(path, data=data, headers=kept))

    def hidden(self, path: str) -> dict[str, str]:
        """The hidden fields of the open page's form that goes to `path`."""
        for attributes, inside in re.findall(r"<form ([^>]*)>(.*?)</form>", self.page, re.DOTALL):
            if f'action="{path}"' in attributes:
                found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', inside)
                return {name: unescape(value) for name, value in found}
        return {}

    def asked(self) -> dict[str, Any]:
        """What the open page asks an authenticator for."""
        attributes = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', self.page))
        return {
            "challenge": unescape(attributes["challenge"]),
            "rp_id": attributes["rp"],
            "user_handle": unescape(attributes.get("handle", "")),
        }

    async def present(self, patient: Patient, born: str = BORN, code: str = "") -> httpx.Response:
        """Step 1 of opening an account: type what the letter says."""
        await self.get("/ouvrir")
        year, month, day = born.split("-")
        typed = {"code": code or patient.code.reveal().decode(), "day": day, "month": month, "year": year}
        return await self.post("/ouvrir", typed)

    async def enrol(self, patient: Patient) -> httpx.Response:
        """Open the account with the passkey of this telephone."""
        self.human = patient
        await self.present(patient)
        return await self.post("/ouvrir/appareil", {"name": "phone", **patient.passkey.create(self.asked())})

    async def sign_in(self, patient: Patient) -> httpx.Response:
        """Sign in with the passkey."""
        await self.get("/sign-in")
        return await self.post("/sign-in", patient.passkey.get(self.asked()))

    @property
    def session(self) -> str | None:
        """The session cookie."""
        return self.http.cookies.get(COOKIES.session)

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = answer.text
        return answer
