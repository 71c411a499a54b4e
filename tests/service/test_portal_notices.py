"""Patients hear by mail that data were used, if they wish: a number, nothing lost, nothing told twice, nothing betrayed.

Issue 4, patient portal: notifications of each access. GDPR articles 12 and 32; EHDS article 9 (3).
"""

import asyncio
import random
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from nexus.app.chores.mailing import given_up
from nexus.app.wiring.portal_service import PatientDeciders
from nexus.audit.following import LogFollower
from nexus.consent.holders import Hold
from nexus.consent.model import Capacity
from nexus.iam.model import IdentityState
from nexus.iam.store import identities
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Denied, Throttled
from nexus.kernel.secret import Secret
from nexus.mail import outbox
from nexus.mail.model import Refused
from nexus.mail.postman import Postman
from nexus.mail.smtp import MailServer, Security, SmtpCarrier
from nexus.portal.notices import choosing, letters, store
from nexus.portal.notices.due import GATHER, PAUSE
from nexus.portal.notices.telling import NoticeTelling
from nexus.portal.requests import GiveAddress, OwnNotices
from simulators.mail_server import PASSWORD, USER, Mailboxes, mail_server
from simulators.portal import Hospital

MAILBOX = "lucie.bernard@courriel.example"
PARIS = ZoneInfo("Europe/Paris")
PAGE = "/compte/courriel"


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


class FullOutbox(outbox.Outbox):
    """Takes nothing more."""

    def post(self, tx, message, now):
        raise Throttled("too many messages wait to be sent", code="mail.full", retry_after_s=1)


def teller(hospital, of=outbox.Outbox, **more) -> NoticeTelling:
    given = {"key": lambda: hospital.mail_key, **more}
    return NoticeTelling(
        hospital.db,
        hospital.clock,
        log=LogFollower(hospital.db, lambda: hospital.reader.opener),
        deciders=PatientDeciders(),
        outbox=of(hospital.mail_key.public),
        zone=PARIS,
        **given,
    )


def waiting(hospital):
    """What waits in the outbox, opened, the oldest first."""
    with hospital.db.read() as tx:
        found = outbox.due(tx, Instant(hospital.clock.now()), 1_000)
    return [outbox.opened(hospital.mail_key, one) for one in found]


def numbers(hospital) -> list[int]:
    """How many uses each notice that was posted tells of."""
    return [
        1 if "utilisées une fois" in one.body else int(re.search(r"utilisées (\d+) fois", one.body)[1])
        for one in waiting(hospital)
        if one.kind == letters.NOTICE
    ]


async def follow(hospital) -> None:
    while await teller(hospital).follow():
        continue


async def pass_by(hospital, time: int = 0) -> list[int]:
    """Time passes, and the worker does its chores."""
    await follow(hospital)
    hospital.clock.advance(time)
    while await teller(hospital).post():
        continue
    return numbers(hospital)


def code_in(message) -> str:
    return re.search(r"Votre code : (\d{4} \d{4})", message.body)[1]


async def subscriber(hospital, wish: str = "at-once", **more):
    """A patient who confirmed an address and chose: his subject, his browser."""
    subject, browser = await hospital.patient()
    await browser.get(PAGE)
    await browser.post(f"{PAGE}/adresse", {"mailbox": MAILBOX})
    await browser.post(f"{PAGE}/code", {"code": code_in(waiting(hospital)[-1])})
    answer = await browser.post(PAGE, {"wish": wish, **more})
    assert "C’est fait" in answer.text
    await follow(hospital)
    return subject, browser


async def test_a_patient_hears_of_uses_over_smtp_and_then_no_more(hospital, tmp_path):
    """From the choice on the page to the mailbox: the message says a number, and nothing that would betray anything."""
    boxes = Mailboxes()
    with mail_server(tmp_path, boxes) as (port, authority):
        server = MailServer(
            "localhost",
            port,
            Security.STARTTLS,
            "n@h.example",
            USER,
            Secret(PASSWORD.encode()),
            authority=str(authority),
        )
        postman = Postman(
            hospital.db,
            hospital.clock,
            key=lambda: hospital.mail_key,
            carrier=SmtpCarrier(server),
            operation=lambda: hospital.platform.op(hospital.desk),
            alarm=given_up,
        )
        subject, browser = await subscriber(hospital)
        await postman.deliver()
        await hospital.reads(subject, 3)
        await pass_by(hospital, GATHER)
        await postman.deliver()
        await browser.get(PAGE)
        answer = await browser.post(f"{PAGE}/fin")
        assert "l’adresse est oubliée" in answer.text and "Les messages vont à" not in answer.text
        await hospital.reads(subject)
        await pass_by(hospital, DAY)
        await postman.deliver()
    code, notice, parting = boxes.letters
    assert {letter["To"] for letter in boxes.letters} == {MAILBOX}
    assert "3 fois" in notice.get_content() and "3 times" in notice.get_content()
    assert "Compte" in notice.get_content() and "ne recevra plus" in parting.get_content()
    for letter in (code, notice, parting):
        whole = (letter["Subject"] + letter.get_content()).casefold()
        betrayed = ("lyon", "chu", "rossi", "cohorte", "diabet", "research", "recherche", "hôpital", "hospital", "http")
        assert not [word for word in betrayed if word in whole] and "urgence" not in whole and "sant" not in whole


async def test_nothing_is_sent_to_an_address_that_nobody_confirmed(hospital):
    subject, browser = await hospital.patient()
    await browser.get(PAGE)
    answer = await browser.post(f"{PAGE}/adresse", {"mailbox": "no address"})
    assert answer.status_code == 400 and "Les messages vont à" not in answer.text
    answer = await browser.post(f"{PAGE}/adresse", {"mailbox": MAILBOX})
    assert "l…@courriel.example" in answer.text and MAILBOX not in answer.text
    right = code_in(waiting(hospital)[-1])
    await hospital.reads(subject)
    assert await pass_by(hospital, DAY) == []
    await browser.sign_in(browser.human)
    await browser.get(PAGE)
    assert "code reçu" not in browser.page  # its time is over
    answer = await browser.send(f"{PAGE}/code", {**browser.hidden(f"{PAGE}/adresse"), "code": right})
    assert answer.status_code == 400


async def test_a_code_dies_of_five_wrong_tries_and_five_are_sent_a_day(hospital):
    _, browser = await hospital.patient()
    await browser.get(PAGE)
    await browser.post(f"{PAGE}/adresse", {"mailbox": MAILBOX})
    right = code_in(waiting(hospital)[-1])
    wrong = "0000 0001" if right != "0000 0001" else "0000 0002"
    form = browser.hidden(f"{PAGE}/code")
    for _ in range(choosing.MAX_TRIES):
        assert (await browser.send(f"{PAGE}/code", {**form, "code": wrong})).status_code == 400
    assert (await browser.send(f"{PAGE}/code", {**form, "code": right})).status_code == 400
    for _ in range(choosing.MAX_CODES - 1):
        assert (await browser.send(f"{PAGE}/adresse", {**form, "mailbox": MAILBOX})).status_code == 303
    refused = await browser.send(f"{PAGE}/adresse", {**form, "mailbox": MAILBOX})
    assert refused.status_code == 429 and "demain" in refused.text
    assert len(waiting(hospital)) == choosing.MAX_CODES
    denials = [one for one in hospital.platform.entries("consent.own.notice-confirm") if one.outcome == "denied"]
    assert len(denials) >= choosing.MAX_TRIES


async def test_uses_are_gathered_and_messages_keep_their_distance(hospital):
    subject, _ = await subscriber(hospital)
    await hospital.reads(subject, 2)
    assert await pass_by(hospital, GATHER - 1) == []
    await hospital.reads(subject)
    assert await pass_by(hospital, 1) == [3]
    await hospital.reads(subject)
    assert await pass_by(hospital, PAUSE - 1) == [3]
    assert await pass_by(hospital, 1) == [3, 1]
    assert await pass_by(hospital, DAY) == [3, 1]


async def test_a_digest_comes_in_the_morning_of_the_place(hospital):
    """The hour says nothing of when data were used."""
    subject, _ = await subscriber(hospital, "daily")  # the clock of the tests: a Friday, nine o'clock in Paris
    await hospital.reads(subject, 2)
    assert await pass_by(hospital, 23 * HOUR - 2 * MINUTE) == []
    assert await pass_by(hospital, 2 * MINUTE) == [2]
    assert await pass_by(hospital, 3 * DAY) == [2]


async def test_an_emergency_is_told_at_once_to_whoever_wishes_anything(hospital):
    """The message is the same as any other: what it is about is told behind the sign-in only."""
    subject, browser = await subscriber(hospital, "weekly")
    await hospital.reads(subject)
    await hospital.reads(subject, purpose="care", reason="emergency", emergency=True)
    assert await pass_by(hospital) == [2]
    await hospital.reads(subject, emergency=True)
    assert await pass_by(hospital, PAUSE - 1) == [2]
    assert await pass_by(hospital, 1) == [2, 1]
    await browser.get(PAGE)
    await browser.post(PAGE, {"wish": "never"})
    await hospital.reads(subject, emergency=True)
    assert await pass_by(hospital, DAY) == [2, 1]


@pytest.mark.parametrize("wished", [True, False])
async def test_refused_attempts_count_if_wished(hospital, wished):
    subject, _ = await subscriber(hospital, refused="yes" if wished else "")
    await hospital.reads(subject, allowed=False)
    await hospital.reads(subject)
    assert await pass_by(hospital, GATHER) == [2 if wished else 1]
    assert ("essais refusés compris" in waiting(hospital)[-1].body) is wished


async def test_what_happened_before_the_choice_is_not_told(hospital):
    await subscriber(hospital)  # somebody else, for whom the log is followed already
    subject, browser = await hospital.patient()
    await hospital.reads(subject, 2)
    await browser.get(PAGE)
    await browser.post(f"{PAGE}/adresse", {"mailbox": MAILBOX})
    await browser.post(f"{PAGE}/code", {"code": code_in(waiting(hospital)[-1])})
    await hospital.reads(subject)
    assert await pass_by(hospital, DAY) == [1]


async def test_no_entry_is_lost_or_told_twice_whatever_fails_in_between(hospital):
    """Workers that overlap, rounds that stop anywhere, an outbox that is full: the numbers add up to the entries."""
    subject, _ = await subscriber(hospital)
    chance, made, failed = random.Random(7), 0, 0
    for _ in range(60):
        what = chance.randrange(5)
        if what == 0:
            count = chance.randrange(1, 5)
            await hospital.reads(subject, count)
            made += count
        elif what == 1:
            await asyncio.gather(*(teller(hospital, batch=3).follow() for _ in range(2)))
        elif what == 2:
            hospital.clock.advance(chance.choice([GATHER, PAUSE]))
            await asyncio.gather(*(teller(hospital).post() for _ in range(2)))
        elif what == 3:
            hospital.clock.advance(PAUSE)
            try:
                await teller(hospital, FullOutbox).post()
            except Throttled:
                failed += 1
        else:
            await hospital.reads(await hospital.subject(), 2)
    told = await pass_by(hospital, DAY)
    assert sum(told) == made and len(told) > 3 and failed > 0


async def test_a_guardian_is_told_of_a_child_for_as_long_as_she_decides(hospital):
    mine, browser = await subscriber(hospital)
    account = browser.human.id
    child = await hospital.subject()
    guardian = Hold(account, child, Capacity.REPRESENTATIVE, proof="jugement 7")
    op = hospital.platform.op(hospital.desk)
    await hospital.consent.holders.hold(op, guardian)
    await hospital.reads(child, 2)
    await hospital.reads(mine)
    assert await pass_by(hospital, GATHER) == [3]
    await hospital.reads(child, 4)
    await hospital.reads(mine)
    await follow(hospital)
    await hospital.consent.holders.end(op, account, child)
    assert await pass_by(hospital, DAY) == [3, 1]


async def test_the_database_shows_no_address_and_no_code(hospital):
    _, browser = await subscriber(hospital)
    await browser.post(f"{PAGE}/adresse", {"mailbox": f"other.{MAILBOX}"})
    digits = code_in(waiting(hospital)[-1]).replace(" ", "")
    with hospital.db.read() as tx:
        rows = [tx.all(f"SELECT * FROM {table}") for table in ("portal_notice", "portal_notice_code", "mail_outbox")]
    stored = repr(rows)
    assert "courriel" not in stored and "lucie" not in stored and digits not in stored
    assert not any(MAILBOX in repr(entry) or digits in repr(entry) for entry in hospital.platform.recorder.entries)
    with hospital.db.read() as tx:
        chosen = store.choice(tx, browser.human.id)
    with pytest.raises(Damaged):
        hospital.notices(sends=True)._sealing.open_hint("per_other", chosen.hint)


async def test_whoever_changes_the_address_is_told_of_at_the_former_one(hospital):
    _, browser = await subscriber(hospital)
    await browser.post(f"{PAGE}/adresse", {"mailbox": "thief@courriel.example"})
    await browser.post(f"{PAGE}/code", {"code": code_in(waiting(hospital)[-1])})
    await pass_by(hospital)
    last = waiting(hospital)[-1]
    assert (last.kind, last.to) == (letters.PARTING, MAILBOX)


async def test_a_choice_that_changes_while_a_message_is_made_is_kept(hospital):
    """Between opening an address and posting, the patient chose to hear no more."""
    subject, browser = await subscriber(hospital)
    await hospital.reads(subject)
    await follow(hospital)
    hospital.clock.advance(GATHER)

    def key():
        change = hospital.db.bookkeep_later(
            Bookkeeping.PROGRESS, lambda tx: store.put_choice(tx, _another(store.choice(tx, browser.human.id)))
        )
        change.result()
        return hospital.mail_key

    late = teller(hospital, key=key)
    await late.post()
    assert numbers(hospital) == []
    assert await pass_by(hospital, 7 * DAY) == [1]


def _another(chosen):
    return replace(chosen, refused=not chosen.refused)


async def test_a_message_that_is_given_up_is_shown_in_the_portal_and_is_no_alarm(hospital):
    subject, browser = await subscriber(hospital)
    await hospital.reads(subject)
    await pass_by(hospital, GATHER)

    class Dead:
        def carry(self, message_id, message, at):
            raise Refused("550 no such mailbox", code="mail.refused")

    postman = Postman(
        hospital.db,
        hospital.clock,
        key=lambda: hospital.mail_key,
        carrier=Dead(),
        operation=lambda: hospital.platform.op(hospital.desk),
        alarm=given_up,
    )
    await postman.deliver()
    assert "n’est pas arrivé" in (await browser.get(PAGE)).text
    with hospital.db.read() as tx:
        assert tx.one("SELECT count(*) FROM iam_alarm") == (0,)


async def test_an_account_that_is_suspended_is_told_nothing_and_one_that_is_gone_is_forgotten(hospital):
    subject, browser = await subscriber(hospital)
    account = browser.human.id
    await _state(hospital, account, "suspended")
    await hospital.reads(subject)
    assert await pass_by(hospital, DAY) == []
    await teller(hospital).sweep()
    with hospital.db.read() as tx:
        assert store.choice(tx, account) is not None
    await _state(hospital, account, "deleted")
    await teller(hospital).sweep()
    with hospital.db.read() as tx:
        assert store.choice(tx, account) is None and not store.anybody(tx)


async def _state(hospital, account: str, state: str) -> None:
    await hospital.db.bookkeep(Bookkeeping.PROGRESS, lambda tx: identities.set_state(tx, account, IdentityState(state)))


async def test_whoever_decides_for_nobody_chooses_nothing_and_without_mail_nobody_does(hospital):
    op = hospital.platform.op(hospital.desk)
    with pytest.raises(Denied):
        await hospital.service.notices.read(op, OwnNotices())
    silent = hospital.notices(sends=False)
    with pytest.raises(Conflict):
        await silent.address(op, GiveAddress(mailbox=MAILBOX))
    assert waiting(hospital) == []
