"""People are told by mail what happens to their accounts, those on duty of alarms; a mail that fails is an alarm, once."""

import httpx
import pytest

from nexus.app import mail
from nexus.app.chores.alarming import Alarming, Watch
from nexus.app.chores.mailing import given_up
from nexus.app.datadir import DataDirectory
from nexus.app.doctor.finding import State
from nexus.app.doctor.mail import delivery
from nexus.app.settings import Settings, load
from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.iam.letters import ALARM, ALARMS
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.sessions import SignIn
from nexus.iam.supervision import AlarmKind
from nexus.iam.telling import MAX_A_DAY, Telling
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Invalid, Unauthenticated
from nexus.kernel.secret import Secret
from nexus.mail import outbox
from nexus.mail.migrations import MIGRATIONS
from nexus.mail.model import Refused
from nexus.mail.outbox import Outbox
from nexus.mail.smtp import SmtpCarrier
from simulators.people import open_platform

CONSOLE = "https://console.hospital.example"
KEY = OpeningKey(generate_seed())


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        opened.db.migrate(MIGRATIONS)
        yield opened


def posted(platform):
    """What waits in the outbox, opened."""
    with platform.db.read() as tx:
        return [outbox.opened(KEY, one) for one in outbox.due(tx, platform.clock.now(), 1_000)]


async def told(platform) -> None:
    telling = Telling(platform.db, platform.clock, Outbox(KEY.public), CONSOLE)
    while await telling.tell():
        continue


async def guess(platform, origin):
    with pytest.raises(Unauthenticated):
        wrong = SignIn(login="ada", password=Secret(b"correct horse battery 7"), totp=Secret(b"000000"))
        await platform.call("iam.session.create", platform.op(origin=origin), wrong)


async def test_a_person_is_mailed_once_what_happens_to_her_account_in_both_languages(platform):
    """ASVS 6.3.5, 6.3.7: she hears of it outside the platform, where whoever holds her account cannot hide it."""
    ada, _ = await platform.found("ada", "bob")
    await platform.call("iam.notice.acknowledge", platform.op(ada), OfIdentity(identity=ada.id))
    await told(platform)
    before = len(posted(platform))
    for _ in range(3):
        await guess(platform, "198.51.100.7")
        await told(platform)
    (letter,) = posted(platform)[before:]
    assert (letter.to, letter.kind) == ("ada@nexus.example", "notice")
    for words in ("code refusé", "wrong code", "198.51.100.7", CONSOLE):
        assert words in letter.body
    assert "Votre compte" in letter.subject and "your Nexus account" in letter.subject


async def test_what_a_person_has_seen_in_the_console_is_not_mailed(platform):
    ada, bob = await platform.found("ada", "bob")
    await platform.call("iam.notice.acknowledge", platform.op(ada), OfIdentity(identity=ada.id))
    await told(platform)
    assert {letter.to for letter in posted(platform)} == {"bob@nexus.example"}
    assert bob.id


async def test_nobody_can_fill_a_mailbox_by_guessing_codes(platform):
    await platform.found("ada", "bob")
    for number in range(MAX_A_DAY + 5):
        await guess(platform, f"2001:db8:{number:x}::1")
        platform.clock.advance(20 * MINUTE)
    await told(platform)
    mine = [letter for letter in posted(platform) if letter.to == "ada@nexus.example"]
    assert len(mine) == MAX_A_DAY


async def test_news_of_long_ago_are_not_mailed_on_the_day_that_mail_is_set_up(platform):
    await platform.found("ada", "bob")
    platform.clock.advance(2 * DAY)
    await told(platform)
    assert posted(platform) == []


async def test_an_alarm_is_mailed_to_those_on_duty_once_and_names_nobody(platform):
    ada, _ = await platform.found("ada", "bob")
    from nexus.iam.store import alarms

    now = platform.clock.now()
    await platform.db.bookkeep(
        Bookkeeping.PROGRESS, lambda tx: alarms.sound(tx, AlarmKind.BREAK_GLASS, ada.id, "elv_1", now)
    )
    watch = Watch(Outbox(KEY.public), ("duty@hospital.example", "night@hospital.example"), CONSOLE)
    async with httpx.AsyncClient() as http:
        alarming = Alarming(platform.service.alarms, "", http, watch)
        await alarming.tell()
        await alarming.tell()
    letters = posted(platform)
    assert [letter.to for letter in letters] == ["duty@hospital.example", "night@hospital.example"]
    assert "accès d'urgence" in letters[0].body and "elv_1" in letters[0].body
    assert "Ada" not in letters[0].body and "ada@" not in letters[0].body


async def test_a_mail_that_is_given_up_is_an_alarm_and_the_mail_of_that_alarm_raises_no_other(platform, caplog):
    now = platform.clock.now()
    for kind in ("notice", ALARM):
        await platform.db.bookkeep(Bookkeeping.PROGRESS, lambda tx, kind=kind: given_up(tx, kind, f"mail_{kind}", now))
    (alarm,) = platform.service.alarms.untold()
    assert (alarm.kind, alarm.about) == (AlarmKind.MAIL_GIVEN_UP, "mail_notice")
    assert "mail_alarm could not be sent" in caplog.text


def test_every_kind_of_alarm_has_its_words_in_both_languages():
    assert set(ALARMS) == set(AlarmKind)
    assert all(english and french and english != french for english, french in ALARMS.values())


# Settings


@pytest.mark.parametrize(
    "given",
    [
        {"mail_delivery": "carrier-pigeon"},
        {"mail_delivery": "smtp"},
        {"mail_delivery": "smtp", "mail_server": "mail.example"},
        {"mail_security": "none"},
        {"mail_user": "nexus"},
        {"mail_password_file": "/run/mail"},
        {"mail_password_file": "relative", "mail_user": "nexus"},
        {"alarm_mail": "duty@hospital.example"},
        {"mail_server": "mail example"},
    ],
)
def test_settings_of_mail_that_do_not_fit_together_stop_the_start(given):
    with pytest.raises(Invalid):
        load(None, {f"NEXUS_{name.upper()}": value for name, value in given.items()})


def smtp(**more: str) -> Settings:
    given = {"mail_delivery": "smtp", "mail_server": "mail.example", "mail_sender": "nexus@hospital.example"}
    return load(None, {f"NEXUS_{name.upper()}": value for name, value in (given | more).items()})


def test_the_password_is_read_from_a_file_of_the_platform_alone_and_shown_nowhere(tmp_path):
    file, directory = tmp_path / "password", DataDirectory(tmp_path, "nx_1")
    file.write_text("mail password 7\nand a comment\n")
    file.chmod(0o640)
    settings = smtp(mail_user="nexus", mail_password_file=str(file))
    with pytest.raises(Invalid, match="other accounts"):
        mail.carrier(settings, directory)
    file.chmod(0o600)
    assert isinstance(mail.carrier(settings, directory), SmtpCarrier)
    assert mail.password(file) == Secret(b"mail password 7")
    assert "password 7" not in repr(settings)
    file.write_text("\n")
    with pytest.raises(Invalid):
        mail.carrier(settings, directory)
    file.unlink()
    with pytest.raises(Invalid):
        mail.carrier(settings, directory)


def test_an_address_of_the_settings_that_is_none_stops_the_start():
    with pytest.raises(Invalid):
        mail.require_addresses(smtp(alarm_mail="duty@hospital.example\nBcc: x@y.example"), Outbox(KEY.public))
    mail.require_addresses(smtp(alarm_mail="duty@hospital.example"), Outbox(KEY.public))


def test_an_installation_without_mail_refuses_each_message_so_that_somebody_hears_of_it(tmp_path):
    with pytest.raises(Refused):
        mail.carrier(Settings(), DataDirectory(tmp_path, "nx_1")).carry("mail_1", None, Instant(0))


def test_the_doctor_says_whether_mail_leaves():
    now = Instant(20_000 * DAY)
    folder = Settings(mail_delivery="folder")
    states = [
        delivery(*case).state
        for case in (
            (Settings(), None, now),
            (folder, None, now),
            (smtp(), None, now),
            (smtp(), Instant(now - 2 * HOUR), now),
        )
    ]
    assert states == [State.DEGRADED, State.EMULATED, State.REAL, State.DEGRADED]
