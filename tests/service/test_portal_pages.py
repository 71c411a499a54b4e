"""What patients see and decide in the portal: the switch, the list of uses and its proofs, the choices, other people's files.

Issue 4, patient portal. EHDS articles 9 and 71; GDPR articles 15 and 21.
"""

import re
from datetime import date

import pytest

from nexus.audit.concerning import Wanted
from nexus.audit.model import LogPolicy
from nexus.audit.policy import TrustPolicy, policy_text
from nexus.audit.receipt import verify_receipt
from nexus.consent.claim_requests import AnswerRequest, ById, ExtendRequest, ListRequests
from nexus.consent.holders import Hold
from nexus.consent.model import Capacity, ClaimState, Question, Recipient
from nexus.kernel.clock import DAY
from nexus.kernel.secret import Secret
from nexus.portal.pages.asking import MAX_WORDS
from nexus.portal.pages.held import MAX_PAGES, everything
from nexus.portal.requests import CreateEnrolment
from simulators.portal import Hospital


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


def allowed(hospital, subject: str, purpose: str = "statistics", project: str = "") -> bool:
    """What a reader would be answered now."""
    question = Question((subject,), purpose, Recipient("chu-lyon", project, "per_x"), hospital.clock.now())
    with hospital.db.read() as tx:
        return hospital.consent.rulings.of(tx, question)[subject].allowed


def lines(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", one).strip() for one in re.findall(r'<p class="who">(.*?)</p>', page, re.S)]


async def test_one_tap_refuses_everything_but_care_and_one_tap_takes_it_back(hospital):
    """EHDS article 71: one switch on the first page, no reason asked, reversible, as few steps each way."""
    subject, browser = await hospital.patient()
    await browser.get("/")
    assert 'aria-checked="true"' in browser.page and allowed(hospital, subject)
    answer = await browser.post("/refus-general")
    assert "vos données ne servent plus qu’à vos soins" in answer.text and 'aria-checked="false"' in answer.text
    assert not allowed(hospital, subject) and allowed(hospital, subject, "care")
    answer = await browser.post("/refus-general")
    assert 'aria-checked="true"' in answer.text and allowed(hospital, subject)
    told = [entry.action for entry in hospital.platform.recorder.entries if entry.subject == subject]
    assert told.count("consent.own.object") == told.count("consent.own.lift-objection") == 1


async def test_refusing_works_from_a_page_that_is_out_of_date(hospital):
    """A refusal never waits for anything; what gives back is refused from a stale page."""
    _, browser = await hospital.patient()
    old = await browser.get("/")
    await browser.get("/choix")
    await browser.post("/choix", {"what": "category", "name": "genetic", "to": "refuse", **browser.hidden("/choix")})
    browser.page = old.text
    assert "ne servent plus" in (await browser.post("/refus-general")).text
    answer = await browser.send("/refus-general", {**browser.hidden("/refus-general"), "version": "0"})
    assert answer.status_code == 409 and "Quelque chose a changé" in answer.text


async def test_each_use_is_told_in_plain_words_by_day_newest_first(hospital):
    subject, browser = await hospital.patient()
    await hospital.reads(subject)
    hospital.clock.advance(DAY)
    await browser.sign_in(browser.human)
    await hospital.reads(subject, allowed=False, reason="objection", purpose="education", name="", project="")
    page = (await browser.get("/acces")).text
    assert lines(page) == [
        "Une personne (CHU Lyon) a voulu lire des données de votre dossier, à cause de votre refus général.",
        "Dr. Rossi (projet Cohorte Diabete, CHU Lyon) a lu des données de votre dossier, parce que vous l’avez autorisé.",
    ]
    assert page.count('<h2 class="day">') == 2 and "L’enseignement" in page
    english = await browser.post("/language", {"language": "en"})
    assert lines(english.text)[1].endswith("read data of yours, because you permitted it.")


async def test_the_list_is_searched_by_period_purpose_and_outcome_and_paged(hospital):
    subject, browser = await hospital.patient()
    await hospital.reads(subject, 30)
    await hospital.reads(subject, 2, allowed=False, purpose="education", reason="denied")
    hospital.clock.advance(40 * DAY)
    await browser.sign_in(browser.human)
    await hospital.reads(subject, 3, purpose="quality")
    assert len(lines((await browser.get("/acces?periode=30")).text)) == 3
    assert len(lines((await browser.get("/acces?resultat=denied")).text)) == 2
    assert len(lines((await browser.get("/acces?pour=education&resultat=allowed")).text)) == 0
    first = (await browser.get("/acces?periode=")).text
    assert len(lines(first)) == 25
    older = re.search(r'href="(/acces\?[^"]*avant=\d+)"', first)[1].replace("&amp;", "&")
    assert len(lines((await browser.get(older)).text)) == 10
    day = "2026-11-20"
    assert len(lines((await browser.get(f"/acces?periode=dates&du={day}&au={day}")).text)) == 0
    chosen = (await browser.get("/acces?quoi=file&periode=")).text
    assert "a préparé un courrier avec un code" in chosen and "Vous, ou qui décide avec vous" in chosen


async def test_an_emergency_access_stands_out_on_the_first_page(hospital):
    subject, browser = await hospital.patient()
    await hospital.reads(subject, purpose="care", reason="emergency", emergency=True, name="Dr. Bloc")
    page = (await browser.get("/")).text
    assert "Un accès d’urgence a eu lieu" in page and "Urgence</span>" in page


async def test_each_line_has_a_receipt_that_verifies_and_is_kept(hospital):
    subject, browser = await hospital.patient()
    await hospital.reads(subject)
    await hospital.publish()
    page = (await browser.get("/acces")).text
    link = re.search(r'href="(/acces/\d+)"', page)[1]
    checked = (await browser.get(link)).text
    assert 'id="receipt"' in checked and 'src="/static/check.' in checked and "Dr. Rossi" in checked
    kept = await browser.get(f"{link}/recu")
    assert kept.headers["content-disposition"].startswith("attachment")
    trust = TrustPolicy.parse(policy_text(hospital.audit._identity, LogPolicy()))
    proven = verify_receipt(kept.text, trust)
    assert proven.content.subject == subject and proven.content.actor.name == "Dr. Rossi"


async def test_nobody_proves_an_entry_of_somebody_else(hospital):
    _, browser = await hospital.patient()
    other, _ = await hospital.patient()
    await hospital.reads(other)
    place = max(place for place, _ in hospital.reader.concerning.page((other,), reads_of_objects()).entries)
    missing = [await browser.get(f"/acces/{index}") for index in (place, 10**9, "x", "9" * 30)]
    assert {answer.status_code for answer in missing} == {404}
    assert {re.search("<h1>(.*)</h1>", answer.text)[1] for answer in missing} == {"Cette page n’existe pas"}
    for path in ("/", "/acces", "/donnees", "/choix", "/demandes", f"/acces/{place}"):
        answers = [await browser.get(f"{path}?dossier={name}") for name in (other, "sub_unknown")]
        assert {answer.status_code for answer in answers} == {403}
    posted = await browser.send("/refus-general", {**(await here(browser, "/")), "dossier": other})
    assert posted.status_code == 403 and allowed(hospital, other)


def reads_of_objects():
    return Wanted(lambda content: content.action == "objects.object.read")


async def here(browser, path: str) -> dict[str, str]:
    await browser.get(path)
    return browser.hidden("/refus-general")


async def test_each_choice_gives_a_receipt_to_keep_as_pdf_and_as_json(hospital):
    subject, browser = await hospital.patient()
    await browser.get("/")
    await browser.post("/refus-general")
    await hospital.publish()
    page = (await browser.get("/choix")).text
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/choix/[^"]+/recu[^"]+)"', page)]
    assert len(links) == 2
    printed, read = [await browser.get(link) for link in links]
    assert printed.content.startswith(b"%PDF-") and printed.headers["content-type"] == "application/pdf"
    assert subject in read.text and read.headers["content-disposition"].startswith("attachment")


def held(page: str) -> list[str]:
    found = re.findall(r'<li class="line held">(.*?)</li>', page, re.S)
    return [" | ".join(re.sub(r"<[^>]+>", " ", one).split("\n")).replace("  ", " ").strip() for one in found]


async def test_what_is_held_is_shown_by_place_and_kind_with_how_many_and_since_when(hospital):
    """GDPR article 15: which data, where, since when; counted by documents, not by their versions."""
    subject, browser = await hospital.patient()
    other = await hospital.subject()
    page = (await browser.get("/donnees")).text
    assert "Rien n’est détenu sur vous ici" in page and held(page) == []
    await hospital.stores(subject, "a", "b")
    await hospital.stores(other, "c", "d", bucket="not-mine")
    hospital.clock.advance(DAY)
    await browser.sign_in(browser.human)
    await hospital.stores(subject, "b")
    await hospital.stores(subject, "e", bucket="cohort", project="cohorte-diabete", what="genetic")
    page = (await browser.get("/donnees")).text
    images, genes = held(page)
    assert (
        "<h2>CHU Lyon</h2>" in page
        and "Imagerie" in images
        and "2 documents" in images
        and "Dépôts du 15 janvier 2027 au 16 janvier 2027" in images
    )
    assert "Données génétiques" in genes and "1 document " in genes and "Pour le projet Cohorte Diabete" in genes
    told = [entry for entry in hospital.platform.recorder.entries if entry.action == "objects.subject.holdings"]
    assert {entry.subject for entry in told} == {subject}
    assert "What is held about me" in (await browser.post("/language", {"language": "en"})).text


async def test_looking_at_what_is_held_is_no_use_of_the_data(hospital):
    """The patient's own look stands in the log, but not among the uses on the first page."""
    _, browser = await hospital.patient()
    await browser.get("/donnees")
    assert "Personne n’a utilisé vos données" in (await browser.get("/")).text
    assert "a consulté ce que l’on détient sur vous" in (await browser.get("/acces?quoi=file&periode=")).text


async def test_data_that_are_of_others_too_are_counted_and_said_to_be(hospital):
    subject, browser = await hospital.patient()
    other = await hospital.subject()
    await hospital.stores(other, "a")
    bucket = hospital.objects.buckets.find("scans")
    op = hospital.platform.op(hospital.desk)
    manifest = await hospital.objects.vaults.put_manifest(op, bucket, [subject, other])
    await hospital.stores(manifest.id, "table.csv")
    [shared] = held((await browser.get("/donnees")).text)
    assert "1 document" in shared and "aussi des données d’autres personnes" in shared and other not in browser.page


def asked(page: str) -> list[str]:
    found = re.findall(r'<li class="line asked">(.*?)</li>', page, re.S)
    return [" ".join(re.sub(r"<[^>]+>", "", one).split()) for one in found]


async def test_a_request_is_made_and_followed_with_its_legal_clock(hospital):
    """GDPR article 12(3): a month, two more with a reason that the patient reads; what is late is said to be late."""
    subject, browser = await hospital.patient()
    assert "Vous n’avez encore rien demandé" in (await browser.get("/demandes")).text
    answer = await browser.post("/demandes", {"kind": "access", "words": "tout,\r\ns'il vous plaît"})
    [line] = asked(answer.text)
    assert "C’est envoyé" in answer.text
    assert line.startswith("En attente Savoir ce que l’on détient sur moi Reçue le 15 janvier 2027.")
    assert line.endswith("Réponse au plus tard le 15 février 2027.")
    officer, claims = hospital.platform.op(hospital.desk), hospital.consent.claims
    [made] = (await claims.list(officer, ListRequests(site="chu-lyon"))).requests
    assert (made.subject, (await claims.read(officer, ById(id=made.id))).words) == (subject, "tout,\ns'il vous plaît")
    await claims.extend(officer, ExtendRequest(id=made.id, reason="Le dossier est long."))
    [line] = asked((await browser.get("/demandes")).text)
    assert "au plus tard le 15 avril 2027" in line and "deux mois de plus : Le dossier est long." in line
    hospital.clock.advance(91 * DAY)
    await browser.sign_in(browser.human)
    [line] = asked((await browser.get("/demandes")).text)
    assert line.startswith("En retard") and "la réponse était due le 15 avril 2027" in line and "CNIL" in line
    refusal = AnswerRequest(id=made.id, state=ClaimState.REFUSED, reason="<b>non</b>")
    await claims.answer(hospital.platform.op(hospital.desk), refusal)
    page = (await browser.post("/language", {"language": "en"})).text
    assert "Refused on 16 April 2027 (was to be answered by 15 April 2027)" in asked(page)[0]
    assert "The hospital says: &lt;b&gt;non&lt;/b&gt;" in asked(page)[0]


@pytest.mark.parametrize("kind", ["access", "portability", "rectification", "erasure"])
async def test_whatever_the_law_gives_can_be_asked_for(hospital, kind):
    """GDPR articles 15, 16, 17, 20."""
    subject, browser = await hospital.patient()
    await browser.get("/demandes")
    await browser.post("/demandes", {"kind": kind})
    [entry] = hospital.platform.entries("consent.own.ask")
    assert (entry.subject, entry.operation.door, entry.details["kind"]) == (subject, "portal", kind)


async def test_a_request_that_cannot_be_made_is_refused_and_too_many_are_said_to_be(hospital):
    _, browser = await hospital.patient()
    other, _ = await hospital.patient()
    await browser.get("/demandes")
    hidden = browser.hidden("/demandes")
    for wrong in ({"kind": "gossip"}, {"kind": ""}, {"kind": "access", "words": "x" * (MAX_WORDS + 1)}):
        assert (await browser.send("/demandes", {**hidden, **wrong})).status_code == 400
    assert (await browser.send("/demandes", {**hidden, "kind": "access", "dossier": other})).status_code == 403
    assert asked((await browser.get("/demandes")).text) == []
    for _ in range(20):
        assert (await browser.send("/demandes", {**hidden, "kind": "erasure"})).status_code == 303
    answer = await browser.send("/demandes", {**hidden, "kind": "access", "words": "one <more>"})
    assert answer.status_code == 409 and "attendent déjà une réponse" in answer.text
    assert ">one &lt;more&gt;</textarea>" in answer.text and len(asked(answer.text)) == 20


async def test_a_guardian_asks_for_the_child(hospital):
    mine, browser = await hospital.patient()
    child = await hospital.subject(born=date(2015, 2, 5))
    held_for = Hold(browser.human.id, child, Capacity.GUARDIAN, proof="livret de famille")
    await hospital.consent.holders.hold(hospital.platform.op(hospital.desk), held_for)
    await browser.get(f"/demandes?dossier={child}")
    answer = await browser.post("/demandes", {"kind": "access"})
    assert len(asked(answer.text)) == 1 and asked((await browser.get(f"/demandes?dossier={mine}")).text) == []


async def test_all_pages_are_counted_up_to_a_bound_that_is_told():
    async def ask(after: str) -> dict:
        number = int(after or 0) + 1
        return {"holdings": [number], "next": str(number) if number < last else None, "complete": True}

    last = MAX_PAGES
    assert await everything(ask) == ([*range(1, MAX_PAGES + 1)], False, True)
    last = MAX_PAGES + 1
    assert await everything(ask) == ([*range(1, MAX_PAGES + 1)], True, True)


async def test_a_switch_that_does_not_exist_changes_nothing(hospital):
    _, browser = await hospital.patient()
    await browser.get("/choix")
    for what, name in (("purpose", "care"), ("purpose", "operation"), ("category", "x"), ("project", ""), ("y", "z")):
        form = {**browser.hidden("/choix"), "what": what, "name": name, "to": "refuse"}
        assert (await browser.send("/choix", form)).status_code == 400
        await browser.get("/choix")
    assert hospital.platform.entries("consent.own.decide") == []


async def test_a_guardian_sees_the_childs_file_until_majority(hospital):
    mine, browser = await hospital.patient()
    child = await hospital.subject(born=date(2009, 2, 5))
    account = browser.human.id
    await hospital.consent.holders.hold(
        hospital.platform.op(hospital.desk), Hold(account, child, Capacity.GUARDIAN, proof="livret de famille")
    )
    page = (await browser.get("/")).text
    assert "Mon dossier" in page and "Dossier d’un enfant" in page
    page = (await browser.get(f"/?dossier={child}")).text
    assert "Vous décidez jusqu’au 5 février 2027" in page
    await browser.post("/refus-general")
    assert not allowed(hospital, child) and allowed(hospital, mine)
    hospital.clock.advance(60 * DAY)
    await browser.sign_in(browser.human)
    assert (await browser.get(f"/?dossier={child}")).status_code == 403
    assert "Dossier d’un enfant" not in (await browser.get("/")).text


async def test_an_account_without_a_file_is_told_so(hospital):
    subject = await hospital.subject()
    browser = hospital.portal().browser()
    await browser.enrol(await hospital.letter(subject, oneself=False))
    assert "Aucun dossier n’est lié à ce compte" in (await browser.get("/")).text
    for path in ("/acces", "/donnees", "/choix", "/demandes"):
        assert (await browser.get(path)).status_code == 303


async def test_a_new_letter_is_for_the_same_account_and_keeps_what_was_decided(hospital):
    subject, browser = await hospital.patient()
    await browser.get("/")
    await browser.post("/refus-general")
    again = await hospital.letter(subject)
    assert again.id == browser.human.id
    assert (await browser.get("/")).status_code == 303  # the lost telephone
    other = hospital.portal().browser()
    await other.enrol(again)
    assert 'aria-checked="false"' in (await other.get("/")).text
    assert not allowed(hospital, subject)


async def test_the_letter_is_a_page_in_french_with_the_code_and_nobodys_name(hospital):
    asked = CreateEnrolment(subject=await hospital.subject(), birth_date=Secret(b"1958-03-14"), letter=True)
    made = await hospital.service.enrolments.create(hospital.platform.op(hospital.desk), asked)
    assert made.letter.startswith(b"%PDF-") and len(made.letter) < 60_000
    assert made.address.endswith("/ouvrir")
