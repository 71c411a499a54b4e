"""What stands behind the ports of consent: a key of the real key service, the real object store, real projects."""

import hashlib
from base64 import b64decode
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from nexus.app import settings
from nexus.app.chores.announcing import BATCH, Announcing
from nexus.app.file_signing import FileSigner
from nexus.app.wiring.consent import ProjectBases, StoredDocuments
from nexus.consent.model import LegalBasis, Scan
from nexus.kernel import outbox
from nexus.kernel.clock import MINUTE, SECOND
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Denied, Invalid, NexusError, Unavailable
from nexus.kms.uses import Use
from nexus.objects.model import Versioning
from nexus.projects import store as projects
from nexus.projects.migrations import MIGRATIONS as PROJECTS
from nexus.projects.model import LegalBasis as ProjectBasis
from nexus.projects.model import Project, ProjectState, StudyPurpose
from simulators.clock import EPOCH
from simulators.consents import open_clinic, permit
from simulators.keyservice import running
from simulators.object_store import Store
from simulators.operations import operation


async def test_receipts_are_signed_by_a_key_that_never_leaves_the_key_service():
    async with running() as kms:
        made = await FileSigner(await kms.client("api"), Use.CONSENT_RECEIPTS).sign(operation(), b"what was decided")
        key = Ed25519PublicKey.from_public_bytes(b64decode(made.public_key))
        key.verify(b64decode(made.value), b"what was decided")
        assert made.key.endswith(".1")
        for stranger in ("s3", "worker", "bastion"):
            with pytest.raises(Denied):
                await FileSigner(await kms.client(stranger), Use.CONSENT_RECEIPTS).sign(operation(), b"forged")


async def test_a_scan_is_read_to_its_end_and_belongs_to_the_site(tmp_path):
    with closing(Store(tmp_path)) as store:
        bucket = await store.bucket("papers")
        await store.objects.buckets.set_versioning(store.op, bucket, Versioning.ENABLED)
        bucket = store.objects.buckets.find("papers")
        body = b"%PDF-1.7" + bytes(300_000)
        written = await store.put(bucket, "consent.pdf", body)
        digest = hashlib.sha256(body).hexdigest()
        scan = Scan(bucket="papers", key="consent.pdf", version=written.version_id, sha256=digest)
        documents = StoredDocuments(store.objects)
        assert await documents.holds(store.op, "chu", scan)
        assert store.entries[-1].action == "objects.version.read"
        assert not await documents.holds(store.op, "lyon", scan)
        for change in ({"sha256": "0" * 64}, {"key": "other.pdf"}, {"bucket": "elsewhere"}, {"version": "1" * 32}):
            assert not await documents.holds(store.op, "chu", replace(scan, **change)), change


async def test_a_project_counts_while_it_is_open_and_each_change_moves_the_version(tmp_path):
    bases = ProjectBases()
    with open_clinic(tmp_path) as clinic:
        clinic.database.migrate(PROJECTS)

        def change(state: ProjectState, at: int):
            return clinic.database.bookkeep(
                Bookkeeping.PROGRESS, lambda tx: projects.set_state(tx, "prj_1", state, EPOCH + at)
            )

        def seen() -> tuple[LegalBasis | None, int]:
            with clinic.database.read() as tx:
                return bases.basis(tx, "p"), bases.version(tx)

        assert seen() == (None, 0)
        new = Project(
            *("prj_1", "p", "A study", "chu", StudyPurpose.RESEARCH, ProjectBasis.LEGAL_OBLIGATION, "why"),
            *(ProjectState.REQUESTED, "per_a", EPOCH, EPOCH),
        )
        await clinic.database.bookkeep(Bookkeeping.PROGRESS, lambda tx: projects.add_project(tx, new))
        assert seen() == (None, EPOCH)
        await change(ProjectState.OPEN, 1)
        assert seen() == (LegalBasis.PUBLIC_INTEREST, EPOCH + 1)
        await change(ProjectState.SUSPENDED, 2)
        assert seen() == (None, EPOCH + 2)


# Who hears of decisions


async def test_messages_are_told_in_order_and_again_until_they_are_taken(tmp_path):
    heard: list[str] = []
    broken = True

    async def receive(message: outbox.Message) -> None:
        if broken and len(heard) == 1:
            raise Unavailable("not now")
        heard.append(message.topic)

    with open_clinic(tmp_path) as clinic:
        subject, patient = await clinic.patient()
        made = await clinic.decide(patient, subject, permit())
        await clinic.withdraw(patient, subject, made.id)
        telling = Announcing(
            clinic.database, {"consent.decided": (receive,), "consent.withdrawn": (receive,)}, clinic.clock
        )
        with pytest.raises(NexusError):
            await telling.announce()
        broken = False
        assert await telling.announce() is False
        assert heard == ["consent.decided", "consent.withdrawn"]
        with clinic.database.read() as tx:
            assert outbox.pending(tx, limit=BATCH) == []


async def test_a_message_that_is_refused_holds_up_no_other_and_is_told_again_later_and_later(tmp_path):
    heard: list[str] = []
    closed = True

    async def receive(message: outbox.Message) -> None:
        if closed and message.id == first.id:
            raise Conflict("its key is disabled", code="kms.key-not-enabled")
        heard.append(message.id)

    async def listen(message: outbox.Message) -> None:
        heard.append(f"also {message.id}")

    with open_clinic(tmp_path) as clinic:
        (subject, patient), (other, another) = await clinic.patient(), await clinic.patient()
        first = await clinic.object(patient, subject)
        telling = Announcing(clinic.database, {"consent.withdrawn": (receive, listen)}, clinic.clock)
        await telling.announce()
        second = await clinic.object(another, other)
        await telling.announce()
        assert heard == [f"also {first.id}", second.id, f"also {second.id}"], "the other receiver is told all the same"
        attempts = 0
        for _ in range(60):
            clinic.clock.advance(10 * SECOND)
            before = len(heard)
            await telling.announce()
            attempts += len(heard) - before
        assert 3 <= attempts <= 6, "ten minutes of one who is told later and later, five minutes at most"
        with clinic.database.read() as tx:
            assert outbox.put_off(tx) == 1
        closed = False
        clinic.clock.advance(5 * MINUTE)
        await telling.announce()
        assert heard[-2] == first.id
        with clinic.database.read() as tx:
            assert (outbox.put_off(tx), outbox.pending(tx, limit=BATCH)) == (0, [])


def test_settings_that_do_not_fit_together_are_refused(tmp_path):
    for given in ({"consent_majority": 16, "consent_voice": 17}, {"consent_public_interest": ("care",)}):
        with pytest.raises(Invalid):
            settings.load(None, {}, **given)
    chosen = settings.load(None, {}, consent_public_interest=("statistics",))
    assert chosen.bases().of("statistics", "") is LegalBasis.PUBLIC_INTEREST
    assert chosen.bases().of("research", "") is LegalBasis.CONSENT
