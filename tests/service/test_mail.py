"""Mail: posted with what it tells of, carried over TLS at least once, given up with an alarm, and it says nothing to the log."""

import asyncio
import email
import socket
import stat
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.policy import default

import pytest

from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.kernel.clock import DAY, HOUR, MINUTE
from nexus.kernel.database import Bookkeeping, Database, Recorded
from nexus.kernel.errors import Conflict, Invalid, Sealed
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, system_actor
from nexus.kernel.secret import Secret
from nexus.mail import outbox
from nexus.mail.folder import FolderCarrier
from nexus.mail.migrations import MIGRATIONS
from nexus.mail.model import Message, NotNow, Text, Unreachable, checked
from nexus.mail.outbox import MAX_AGE, Outbox
from nexus.mail.postman import Postman
from nexus.mail.smtp import MailServer, Security, SmtpCarrier
from simulators.clock import ManualClock
from simulators.databases import at_rest
from simulators.databases import database as open_database
from simulators.mail_server import NAME, PASSWORD, USER, Mailboxes, mail_server
from simulators.recorder import MemoryRecorder

ADDRESS = "emma.leroy@hospital.example"
SECRET_WORD = "Vertèbre"


@dataclass
class Desk:
    """An outbox over a real database, and whoever posts and carries."""

    db: Database
    recorder: MemoryRecorder
    key: OpeningKey
    clock: ManualClock = field(default_factory=ManualClock)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    async def post(self, to: str = ADDRESS, **more: str) -> str:
        message = Message(to=to, subject="Votre compte", body=f"{SECRET_WORD}, déjà vue.\n", **more)
        outbox_, now = Outbox(self.key.public), self.clock.now()
        op = self.operation()
        return await self.db.write(
            lambda tx: Recorded(outbox_.post(tx, message, now), op.allowed("test.change", PLATFORM))
        )

    def operation(self) -> Operation:
        return Operation(new_id("op"), system_actor("worker"), "operation", self.clock.now(), "local", "worker")

    def postman(self, carrier, **more) -> Postman:
        return Postman(
            self.db,
            self.clock,
            key=lambda: self.key,
            carrier=carrier,
            operation=self.operation,
            alarm=lambda tx, kind, message, at: self.alarms.append((kind, message)),
            **more,
        )

    def waiting(self) -> int:
        with self.db.read() as tx:
            return outbox.waiting(tx)

    def entries(self, action: str):
        return [entry for entry in self.recorder.entries if entry.action == action]


@pytest.fixture
def desk(tmp_path):
    recorder = MemoryRecorder()
    db = open_database(tmp_path / "mail.db", key=None, recorder=recorder)
    db.migrate(MIGRATIONS)
    yield Desk(db, recorder, OpeningKey(generate_seed()))
    db.close()


@pytest.fixture
def boxes():
    return Mailboxes()


def carrier(port: int, authority, **more) -> SmtpCarrier:
    given = {"security": Security.STARTTLS, "sender": "nexus@hospital.example", **more}
    timeout_s = given.pop("timeout_s", 10)
    return SmtpCarrier(
        MailServer(host=given.pop("host", NAME), port=port, authority=str(authority), **given), timeout_s=timeout_s
    )


@pytest.mark.parametrize("security", list(Security))
async def test_a_message_arrives_over_tls_as_it_was_posted_and_once(desk, boxes, tmp_path, security):
    with mail_server(tmp_path, boxes, implicit=security is Security.TLS) as (port, authority):
        posted = await desk.post()
        man = desk.postman(carrier(port, authority, security=security, user=USER, password=Secret(PASSWORD.encode())))
        assert await man.deliver() is False
        assert await man.deliver() is False
    (letter,) = boxes.letters
    assert boxes.signed_in == [USER.encode()]
    assert (letter["To"], letter["Subject"], letter["X-Envelope-To"]) == (ADDRESS, "Votre compte", ADDRESS)
    assert letter["Message-ID"] == f"<{posted}@hospital.example>"
    assert letter.get_content().strip() == f"{SECRET_WORD}, déjà vue."
    assert (desk.waiting(), desk.alarms) == (0, [])
    (sent,) = desk.entries("mail.send")
    assert (sent.resource.id, sent.details) == (posted, {"kind": "message", "attempts": 1})


async def test_what_is_not_committed_is_not_sent(desk, tmp_path):
    made = Outbox(desk.key.public)

    def work(tx):
        made.post(tx, Message(to=ADDRESS, subject="s", body="b"), desk.clock.now())
        raise Conflict("the change does not happen")

    with pytest.raises(Conflict):
        await desk.db.write(work)
    assert desk.waiting() == 0


async def test_neither_address_nor_text_is_readable_at_rest_or_in_an_entry(desk, tmp_path):
    await desk.post()
    desk.db.close()
    stored = at_rest(tmp_path / "mail.db")
    assert len(stored) > 0
    for word in (ADDRESS, "emma", SECRET_WORD, "Votre compte"):
        assert word.encode() not in stored
        assert word not in repr(desk.recorder.entries)


async def test_a_message_that_was_moved_to_another_row_is_given_up_and_the_others_go(desk, boxes, tmp_path):
    first, second, third = [await desk.post(f"p{number}@hospital.example") for number in range(3)]
    swap = "UPDATE mail_outbox SET sealed = (SELECT sealed FROM mail_outbox WHERE id = ?) WHERE id = ?"
    await desk.db.bookkeep(Bookkeeping.PROGRESS, lambda tx: tx.execute(swap, (first, second)))
    with mail_server(tmp_path, boxes) as (port, authority):
        await desk.postman(carrier(port, authority)).deliver()
    assert {letter["To"] for letter in boxes.letters} == {"p0@hospital.example", "p2@hospital.example"}
    assert desk.alarms == [("message", second)]
    assert desk.entries("mail.give-up")[0].resource.id == second
    assert third != second and desk.waiting() == 0


async def test_what_the_server_refuses_for_good_is_given_up_at_once_with_an_alarm(desk, boxes, tmp_path, caplog):
    posted, _ = await desk.post(), await desk.post("ok@hospital.example")
    boxes.answers[ADDRESS] = f"550 {ADDRESS} is unknown here"
    with mail_server(tmp_path, boxes) as (port, authority):
        await desk.postman(carrier(port, authority)).deliver()
    assert desk.alarms == [("message", posted)]
    assert [letter["To"] for letter in boxes.letters] == ["ok@hospital.example"]
    (given_up,) = desk.entries("mail.give-up")
    assert given_up.details["code"] == "mail.refused"
    assert ADDRESS not in repr(desk.recorder.entries) + caplog.text


async def test_what_is_not_taken_now_waits_longer_each_time_and_ends_after_days(desk, boxes, tmp_path):
    posted = await desk.post()
    boxes.answers[ADDRESS] = "451 later"
    pauses, tried = [], desk.clock.now()
    with mail_server(tmp_path, boxes) as (port, authority):
        man = desk.postman(carrier(port, authority))
        while desk.waiting():
            await man.deliver()
            with desk.db.read() as tx:
                row = tx.one("SELECT due_at FROM mail_outbox")
            if row is not None:
                pauses.append(row[0] - tried)
                desk.clock.advance(row[0] - desk.clock.now() - 1)
                await man.deliver()  # a moment too early: nothing is tried
                desk.clock.advance(1)
                tried = desk.clock.now()
    assert pauses[:4] == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert max(pauses) == 2 * HOUR and 30 < len(pauses) < 60
    assert desk.alarms == [("message", posted)] and boxes.letters == []
    assert MAX_AGE <= tried - desk.entries("test.change")[0].operation.at <= MAX_AGE + 2 * HOUR


async def test_no_server_ends_the_round_and_charges_nobody_until_messages_are_too_old(desk, tmp_path):
    posted = await desk.post()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    man = desk.postman(SmtpCarrier(MailServer("localhost", port, Security.TLS, "n@h.example"), timeout_s=1))
    with pytest.raises(Unreachable):
        await man.deliver()
    assert desk.waiting() == 1 and desk.alarms == []
    desk.clock.advance(3 * DAY)
    with pytest.raises(Unreachable):
        await man.deliver()
    assert desk.alarms == [("message", posted)] and desk.waiting() == 0


@pytest.mark.parametrize("fault", ["authority", "name", "no starttls"])
async def test_nothing_leaves_to_a_server_that_does_not_prove_its_name_over_tls(desk, boxes, tmp_path, fault):
    """Whoever stands between us and the mail server reads nothing, not even by hiding STARTTLS."""
    await desk.post()
    with ExitStack() as running:
        if fault == "no starttls":
            port, authority = running.enter_context(mail_server(tmp_path, boxes, plain=True))
            authority_file = authority
        else:
            name = "other.example" if fault == "name" else NAME
            port, authority_file = running.enter_context(mail_server(tmp_path, boxes, name=name))
            if fault == "authority":
                (tmp_path / "second").mkdir()
                other = running.enter_context(mail_server(tmp_path / "second", Mailboxes()))
                authority_file = other[1]
        given = {"user": USER, "password": Secret(PASSWORD.encode())}
        with pytest.raises(Unreachable):
            await desk.postman(carrier(port, authority_file, **given)).deliver()
    assert boxes.letters == [] and boxes.signed_in == [] and desk.waiting() == 1


async def test_a_wrong_password_is_no_reason_to_give_messages_up(desk, boxes, tmp_path):
    await desk.post()
    with mail_server(tmp_path, boxes) as (port, authority):
        with pytest.raises(Unreachable) as raised:
            await desk.postman(carrier(port, authority, user=USER, password=Secret(b"wrong"))).deliver()
    assert raised.value.code == "mail.password" and desk.waiting() == 1


async def test_a_server_that_answers_for_ever_is_waited_for_so_long_and_no_longer(desk, boxes, tmp_path):
    await desk.post()
    await desk.post()
    held = threading.Event()

    class Mumbling:
        def carry(self, message_id, message, at):
            held.wait(30)

    man = desk.postman(Mumbling(), patience_s=0.2)
    with pytest.raises(Unreachable):  # the first is put off, the second finds the thread still held
        await asyncio.wait_for(man.deliver(), 10)
    held.set()
    assert desk.waiting() == 2 and desk.alarms == []
    with desk.db.read() as tx:
        assert sorted(row[0] for row in tx.all("SELECT attempts FROM mail_outbox")) == [0, 1]


async def test_a_slow_server_is_tried_again(desk, boxes, tmp_path):
    await desk.post()
    boxes.wait_s = 3
    with mail_server(tmp_path, boxes) as (port, authority):
        await desk.postman(carrier(port, authority, timeout_s=0.5)).deliver()
        assert desk.waiting() == 1
        boxes.wait_s = 0
        desk.clock.advance(HOUR)
        await desk.postman(carrier(port, authority)).deliver()
    assert desk.waiting() == 0 and len({letter["Message-ID"] for letter in boxes.letters}) == 1


async def test_a_copy_that_is_sent_again_carries_the_same_message_id(desk, tmp_path):
    """The worker may die between the server's answer and its own commit."""
    posted = await desk.post()
    folder = FolderCarrier(tmp_path / "mail")

    class Dying:
        def carry(self, message_id, message, at):
            folder.carry(message_id, message, at)
            raise NotNow("died before the commit")

    await desk.postman(Dying()).deliver()
    first = (tmp_path / "mail" / f"{posted}.eml").read_bytes()
    desk.clock.advance(HOUR)
    await desk.postman(folder).deliver()
    assert (tmp_path / "mail" / f"{posted}.eml").read_bytes() == first
    assert desk.waiting() == 0


async def test_while_the_key_is_not_held_messages_wait(desk, tmp_path):
    await desk.post()

    def no_key():
        raise Sealed("the key service is sealed")

    man = Postman(
        desk.db,
        desk.clock,
        key=no_key,
        carrier=FolderCarrier(tmp_path / "mail"),
        operation=desk.operation,
        alarm=lambda *_: None,
    )
    with pytest.raises(Sealed):
        await man.deliver()
    assert desk.waiting() == 1


async def test_the_folder_of_a_development_machine_belongs_to_its_owner_alone(desk, tmp_path):
    posted = await desk.post()
    await desk.postman(FolderCarrier(tmp_path / "mail")).deliver()
    file = tmp_path / "mail" / f"{posted}.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert email.message_from_bytes(file.read_bytes(), policy=default)["To"] == ADDRESS
    assert [name.name for name in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "to",
    [
        "",
        "emma",
        "emma@hospital",
        "a@b.example\nBcc: x@y.example",
        "a@b.example\r\n",
        "a@b.example,c@d.example",
        "a@b.example c@d.example",
        "<a@b.example>",
        "Emma <a@b.example>",
        '"a b"@c.example',
        "a@b..example",
        "a@-b.example",
        "à@b.example",
        "a@b.example>" + "\nDATA",
        "a" * 65 + "@b.example",
        "a@" + "b" * 250 + ".example",
    ],
)
def test_an_address_is_one_mailbox_and_nothing_else(to):
    with pytest.raises(Invalid) as raised:
        checked(Message(to=to, subject="s", body="b"))
    assert to == "" or to not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["a\nBcc: x@y.example", "a\r\nX: y", "a\rb", "a\x00b", "a\u202eb", "a\u2028b", "", "x" * 151]
)
def test_a_subject_adds_no_header(text):
    with pytest.raises(Invalid):
        checked(Message(to=ADDRESS, subject=text, body="b"))


@pytest.mark.parametrize("body", ["", "a\x00b", "a\rb", "a\x1b[2Jb", "x" * 16_385])
def test_a_body_is_text(body):
    with pytest.raises(Invalid):
        checked(Message(to=ADDRESS, subject="s", body=body))


async def test_a_line_that_is_a_dot_does_not_end_the_message(desk, boxes, tmp_path):
    made = Outbox(desk.key.public)
    text = "one\n.\nRCPT TO:<x@y.example>\n..two\nFrom nobody\n"
    message = Message(to=ADDRESS, subject="é" * 100, body=text)
    post = lambda tx: made.post(tx, message, desk.clock.now())  # noqa: E731
    await desk.db.bookkeep(Bookkeeping.PROGRESS, post)
    with mail_server(tmp_path, boxes) as (port, authority):
        await desk.postman(carrier(port, authority)).deliver()
    (letter,) = boxes.letters
    assert letter.get_content().replace("\r\n", "\n") == text
    assert letter["Subject"] == "é" * 100


def test_one_message_says_the_same_in_two_languages():
    message = Message.bilingual(ADDRESS, Text("Alarme", "Texte."), Text("Alarm", "Text."), kind="alarm")
    assert (message.subject, message.kind) == ("Alarme / Alarm", "alarm")
    assert message.body.index("Texte.") < message.body.index("English") < message.body.index("Text.\n")
