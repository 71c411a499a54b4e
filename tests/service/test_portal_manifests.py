"""Reads of objects that hold data of many: each patient among them sees them, proves them and is told; nobody else does.

Issue 4, patient portal: who accessed my data, also where they lie in one file with those of others. EHDS article 9.
"""

import re
from dataclasses import replace

import pytest

from nexus.app.wiring.portal_service import PatientDeciders
from nexus.audit.following import LogFollower
from nexus.audit.model import ListEntries
from nexus.kernel.clock import Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict
from nexus.mail.outbox import Outbox
from nexus.objects.declaration import Declaration
from nexus.portal.dates import Dates
from nexus.portal.notices import store
from nexus.portal.notices.model import Choice, Wish
from nexus.portal.notices.telling import RETRY_EVERY, NoticeTelling
from simulators.portal import Hospital

SHARED = "données de plusieurs personnes"


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


async def cohort(hospital, *subjects: str):
    """A file with data of all of these, in a bucket of the hospital; its bucket and the name of the manifest."""
    op = hospital.platform.op(hospital.desk)
    bucket = await hospital.objects.buckets.create(op, "cohorte", site="chu-lyon", key_id="key_site", project="diabete")
    await hospital.objects.buckets.declare_subjects(op, bucket, Declaration(categories=("laboratory",), source="lab"))
    bucket = hospital.objects.buckets.find("cohorte")
    manifest = await hospital.objects.vaults.put_manifest(op, bucket, subjects)
    await hospital.stores(manifest.id, "all.parquet", bucket="cohorte", project="diabete", what="laboratory")
    return bucket, manifest.id


async def read(hospital, bucket, purpose: str = "care"):
    """Somebody reads the file."""
    op = replace(hospital.platform.op(hospital.desk, purpose=purpose), door="s3")
    found = await hospital.objects.reading.get(op, bucket, "all.parquet")
    return b"".join([part async for part in found.body])


def lines(page: str) -> list[str]:
    return re.findall(r'href="/acces/(\d+)', page)


async def test_each_patient_of_a_file_sees_and_proves_a_read_of_it_and_nobody_else_does(hospital):
    one, first = await hospital.patient()
    two, second = await hospital.patient()
    _, stranger = await hospital.patient()
    bucket, _ = await cohort(hospital, one, two)
    assert await read(hospital, bucket) == b"bytes"
    await hospital.publish()
    for browser in (first, second):
        page = (await browser.get("/acces")).text
        assert page.count(SHARED) == 2 and "a lu des données" in page and "a ajouté des données" in page
        place = lines(page)[0]
        proof = await browser.get(f"/acces/{place}")
        assert (proof.status_code == 200 and "data-check" in proof.text) or "Vérifier maintenant" in proof.text
    assert SHARED not in (await stranger.get("/acces")).text
    assert (await stranger.get(f"/acces/{place}")).status_code == 404


async def test_a_refused_read_of_a_file_is_seen_too(hospital):
    one = await hospital.subject()
    bucket, _ = await cohort(hospital, one, await hospital.subject())
    with pytest.raises(Exception) as caught:
        await read(hospital, bucket, "research")
    assert caught.value.subject is not None and caught.value.subject.startswith("smf_")


async def test_who_searches_the_log_for_a_patient_finds_them(hospital):
    """What `AuditEvent?patient=` and `audit.entry.list --subject` ask."""
    one, two = await hospital.subject(), await hospital.subject()
    bucket, manifest = await cohort(hospital, one, two)
    await read(hospital, bucket)
    await hospital.reads(one)
    op = hospital.platform.op(hospital.desk)
    found = await hospital.audit.list_entries(op, ListEntries(subject=one, action="objects.object.read"))
    assert [entry.content.subject for entry in found.entries] == [one, manifest] and found.next is None
    page = await hospital.audit.list_entries(op, ListEntries(subject=one, action="objects.object.read", limit=1))
    rest = await hospital.audit.list_entries(
        op, ListEntries(subject=one, action="objects.object.read", cursor=page.next)
    )
    assert [entry.index for entry in (*page.entries, *rest.entries)] == [entry.index for entry in found.entries]


async def test_each_of_them_is_told_by_mail(hospital):
    one, browser = await hospital.patient()
    bucket, _ = await cohort(hospital, one, await hospital.subject())
    counted = await _follow(hospital, browser.human.id, lambda: read(hospital, bucket))
    assert counted == [(one, 1)]


async def test_who_cannot_be_told_while_a_key_is_disabled_is_told_once_it_is_enabled(hospital):
    one, browser = await hospital.patient()
    two, other = await hospital.patient()
    bucket, _ = await cohort(hospital, one, two)

    async def happen():
        await read(hospital, bucket)
        await hospital.reads(one)
        hospital.keys.disable("key_site")

    assert await _follow(hospital, browser.human.id, happen) == [(one, 1)], "what has a name of its own is told at once"
    telling = _telling(hospital)
    assert not await telling.follow()
    hospital.keys.enable("key_site")
    assert not await telling.follow()
    assert _untold(hospital, browser.human.id) == [(one, 1)], "it is not asked at every moment"
    hospital.clock.advance(RETRY_EVERY)
    for _ in range(3):
        hospital.clock.advance(RETRY_EVERY)
        assert not await telling.follow()
    assert _untold(hospital, browser.human.id) == [(one, 2)], "once"
    assert _untold(hospital, other.human.id) == []


async def test_uses_of_data_whose_key_is_destroyed_wait_for_nothing(hospital):
    one, browser = await hospital.patient()
    bucket, _ = await cohort(hospital, one, await hospital.subject())

    async def happen():
        await read(hospital, bucket)
        hospital.keys.destroy("key_site")

    assert await _follow(hospital, browser.human.id, happen) == []
    with hospital.db.read() as tx:
        assert store.unknown(tx, -1, 10) == []


async def _follow(hospital, account: str, happen):
    with hospital.db.read() as tx:
        since = LogFollower.size(tx)
    chosen = Choice(account, Wish.DAILY, False, b"sealed", b"", since, Instant(0))
    await hospital.db.bookkeep(Bookkeeping.PROGRESS, lambda tx: store.put_choice(tx, chosen))
    await happen()
    telling = _telling(hospital)
    while await telling.follow():
        continue
    return _untold(hospital, account)


def _untold(hospital, account: str):
    with hospital.db.read() as tx:
        return store.untold(tx, account)


def _telling(hospital) -> NoticeTelling:
    op = hospital.platform.op(hospital.desk)
    return NoticeTelling(
        hospital.db,
        hospital.clock,
        log=LogFollower(hospital.db, lambda: hospital.reader.opener),
        deciders=PatientDeciders(),
        outbox=Outbox(hospital.mail_key.public),
        key=lambda: hospital.mail_key,
        zone=Dates("Europe/Paris", hospital.clock).zone,
        members=lambda name: hospital.objects.finding.members(op, name),
    )


async def test_while_a_key_is_disabled_the_pages_show_what_is_known_and_say_what_is_not(hospital):
    """The list and the holdings go on; an erasure, which must miss nothing, still refuses."""
    one, browser = await hospital.patient()
    await cohort(hospital, one, await hospital.subject())
    hospital.keys.add_key("key_other")
    op = hospital.platform.op(hospital.desk)
    other = await hospital.objects.buckets.create(op, "autre", site="chu-lyon", key_id="key_other")
    await hospital.objects.buckets.declare_subjects(op, other, Declaration(categories=("imaging",)))
    await hospital.stores(one, "scan", bucket="autre")
    await hospital.reads(one)
    hospital.keys.disable("key_site")
    page = await browser.get("/donnees")
    assert page.status_code == 200 and "Tout n’est pas montré" in page.text and "Imagerie" in page.text
    assert "Analyses" not in page.text
    listed = (await browser.get("/acces")).text
    assert "hors d’usage" in listed and "a lu des données" in listed
    with pytest.raises(Conflict):
        await hospital.objects.erasing.erase(op, one, "asked")
    assert "Tout n’est pas montré" not in await _enabled_again(hospital, browser)


async def _enabled_again(hospital, browser) -> str:
    hospital.keys.state["key_site"] = "enabled"
    return (await browser.get("/donnees")).text
