"""Names for ids: what lists show as numbers, people read as names; patients and whoever is gone have none."""

import pytest

from nexus.iam.naming import MAX_NAMES
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.requests.names import NamesOf
from nexus.kernel.errors import Denied, Invalid
from simulators.patients import enrol, invite
from simulators.people import open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


async def names(platform, by, *ids):
    found = await platform.call("iam.identity.name", platform.op(getattr(by, "actor", by)), NamesOf(ids=ids))
    return {each.id: (each.kind, each.name, each.login) for each in found.names}


async def test_persons_and_machines_have_names_and_what_names_nobody_is_left_out(platform):
    ada, ben = await platform.found("ada", "ben")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="sync", owner=ben.id))
    nick = await platform.person(ada, "nick")
    assert await names(platform, nick, ben.id, machine.id, ben.id, "per_nobody", "grt_1", "") == {
        ben.id: ("person", "Ben", "ben"),
        machine.id: ("machine", "sync", ""),
    }
    assert platform.entries("iam.identity.name")[-1].operation.actor.id == nick.id


async def test_a_deleted_person_has_no_name_any_more(platform):
    ada, ben = await platform.found("ada", "ben")
    nick = await platform.person(ada, "nick")
    intent = await platform.call("iam.person.delete", platform.op(ada), ById(id=nick.id))
    await platform.approve(ben, intent)
    await platform.execute(platform.op(ada), intent.id)
    assert await names(platform, ada, nick.id) == {}


async def test_patients_are_never_named_and_ask_for_no_name(platform):
    ada, _ = await platform.found("ada", "ben")
    patient = await enrol(platform, await invite(platform))
    assert await names(platform, ada, patient.id, ada.id) == {ada.id: ("person", "Ada", "ada")}
    with pytest.raises(Denied):
        await names(platform, patient, ada.id)


async def test_ids_are_asked_for_in_parts(platform):
    ada, _ = await platform.found("ada", "ben")
    assert await names(platform, ada, *[ada.id] * MAX_NAMES)
    with pytest.raises(Invalid):
        await names(platform, ada, *[ada.id] * (MAX_NAMES + 1))
