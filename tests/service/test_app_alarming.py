"""Alarms reach people: in the journal at once, and the webhook until it has taken them."""

import json
import logging

import httpx
import pytest

from nexus.app.chores.alarming import Alarming
from nexus.app.doctor import rights
from nexus.app.doctor.finding import State
from nexus.iam.alarms import Alarms
from nexus.iam.service import RightsDue
from nexus.iam.store import alarms
from nexus.iam.supervision import AlarmKind
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Unavailable
from simulators.people import open_platform

HOOK = "https://alarms.hospital.example/nexus"


class Hook:
    """Whoever listens at the address of the webhook."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[dict[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == HOOK
        if self.status < 300:
            self.got.append(json.loads(request.content))
        return httpx.Response(self.status, headers={"Location": "https://elsewhere.example/"})


@pytest.fixture
def waiting(tmp_path):
    """A platform on which two alarms were raised."""
    with open_platform(tmp_path) as platform:
        yield platform


async def raised(platform) -> Alarms:
    for about in ("elv_1", "elv_2"):
        await platform.db.bookkeep(
            Bookkeeping.PROGRESS,
            lambda tx, about=about: alarms.sound(tx, AlarmKind.BREAK_GLASS, "per_1", about, platform.clock.now()),
        )
    return Alarms(platform.db, platform.clock)


async def test_alarms_are_told_in_order_and_once(waiting, caplog):
    outbox, hook = await raised(waiting), Hook()
    async with httpx.AsyncClient(transport=httpx.MockTransport(hook.answer)) as http:
        alarming = Alarming(outbox, HOOK, http)
        await alarming.tell()
        await alarming.tell()
    assert [alarm["about"] for alarm in hook.got] == ["elv_1", "elv_2"]
    assert set(hook.got[0]) == {"id", "kind", "person", "about", "at"}
    told = [record for record in caplog.records if record.name == "nexus.alarm"]
    assert [record.levelno for record in told] == [logging.CRITICAL] * 2
    assert outbox.untold() == []


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_what_the_webhook_did_not_take_is_told_again(waiting, caplog, status):
    outbox, hook = await raised(waiting), Hook()
    hook.status = status
    async with httpx.AsyncClient(transport=httpx.MockTransport(hook.answer)) as http:
        alarming = Alarming(outbox, HOOK, http)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await alarming.tell()
        assert len(outbox.untold()) == 2
        hook.status = 200
        await alarming.tell()
    assert [alarm["about"] for alarm in hook.got] == ["elv_1", "elv_2"]
    assert len([record for record in caplog.records if record.name == "nexus.alarm"]) == 2


async def test_without_a_webhook_the_journal_is_told(waiting, caplog):
    outbox = await raised(waiting)
    async with httpx.AsyncClient() as http:
        await Alarming(outbox, "", http).tell()
    assert outbox.untold() == []
    assert "ALARM break-glass: elv_1 of per_1" in caplog.text


@pytest.mark.parametrize(
    ("due", "states"),
    [
        (RightsDue(), (State.REAL, State.REAL, State.REAL)),
        (RightsDue(break_glass_open=1, reviews_waiting=1), (State.DEGRADED, State.REAL, State.REAL)),
        (RightsDue(reviews_waiting=1, reviews_overdue=1), (State.BROKEN, State.REAL, State.REAL)),
        (RightsDue(alarms_untold=3), (State.REAL, State.DEGRADED, State.REAL)),
        (RightsDue(review_deadline=Instant(20_000 * DAY), items_waiting=5), (State.REAL, State.REAL, State.DEGRADED)),
        (RightsDue(review_deadline=Instant(20_000 * DAY)), (State.REAL, State.REAL, State.REAL)),
        (RightsDue(items_kept=1), (State.REAL, State.REAL, State.BROKEN)),
    ],
)
def test_the_doctor_says_what_people_owe(due, states):
    assert tuple(finding.state for finding in rights.due(due)) == states
