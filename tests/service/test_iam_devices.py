"""Privileged roles act from enrolled devices only: through the real door, behind a proxy that verifies certificates."""

import httpx
import pytest

from nexus.iam.conditions import PRIVILEGED_DEVICE, Conditions
from nexus.iam.device_proof import DeviceAuthorities
from nexus.iam.devices import MAX_DEVICES
from nexus.iam.gate import Gate
from nexus.iam.model import NoticeKind, Purpose
from nexus.iam.operations import OPERATIONS
from nexus.iam.requests.departures import Deactivate
from nexus.iam.requests.devices import EnrolDevice
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.store import notices
from nexus.kernel.clock import DAY, MINUTE
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.operation import ActorKind, Outcome
from nexus.web.dispatch import Dispatcher
from nexus.web.proxies import BehindProxies, proxies
from nexus.web.rest import rest_app
from simulators.device_authority import CLIENT, SERVER, DeviceAuthority, Shown
from simulators.identity_door import Held
from simulators.people import BROWSER, HOME, Human, open_platform

PROXY, STRANGER = "10.0.0.5", "203.0.113.9"
STRICT = Conditions(privileged_device=True)


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def authority(platform, tmp_path):
    made = DeviceAuthority(platform.clock.now())
    platform.federate(device_authorities=DeviceAuthorities.read(made.write(tmp_path / "devices.pem")))
    return made


@pytest.fixture
async def people(platform, authority):
    return await platform.found("ada", "ben")


async def enrol(platform, by: Human, whose: str, shown: Shown, name: str = "laptop 7"):
    request = EnrolDevice(identity=whose, name=name, certificate=shown.pem)
    return await platform.call("iam.device.enrol", platform.op(by), request)


class Door:
    """The REST door behind the proxy, with the condition in force."""

    def __init__(self, platform) -> None:
        self.dispatcher = Dispatcher(
            OPERATIONS,
            {"iam": platform.service},
            lease=Held(),
            authenticator=platform.authenticator,
            gate=Gate(platform.db, platform.clock, STRICT),
            approvals=platform.approvals,
            step_up=platform.service.step_ups,
            audit=platform.db,
            clock=platform.clock,
            purposes=[purpose.value for purpose in Purpose],
            devices=platform.service.known_devices,
        )
        self.app = BehindProxies(rest_app(self.dispatcher, lambda: b"{}"), proxies([PROXY], certificates=True))

    async def status(self, by: Human, *headers: str, peer: str = PROXY) -> int:
        """What a privileged request with these certificates is answered."""
        sent = [("Authorization", f"Bearer {by.token}"), ("User-Agent", BROWSER), ("X-Forwarded-For", HOME)]
        transport = httpx.ASGITransport(self.app, client=(peer, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://nexus.test") as http:
            answer = await http.get("/v1/persons", headers=[*sent, *(("Client-Cert", value) for value in headers)])
        return answer.status_code


async def test_with_her_device_a_privileged_person_acts_and_without_it_she_does_not(platform, people, authority):
    """EMC-41: conditional access by device certificate, from the proxy to the decision."""
    ada, ben = people
    shown, door = authority.issue(), Door(platform)
    assert await door.status(ada) == 403
    assert await door.status(ada, shown.header) == 403  # of the right authority, but nobody's
    device = await enrol(platform, ben, ada.id, shown)
    assert await door.status(ada, shown.header) == 200
    assert await door.status(ada) == 403
    refused = platform.entries("iam.person.list")[-1]
    assert (refused.outcome, refused.details["rule"]) == (Outcome.DENIED, PRIVILEGED_DEVICE)
    done = next(e for e in platform.entries("iam.person.list") if e.outcome is Outcome.ALLOWED)
    assert done.operation.device == device.id


async def test_the_device_of_somebody_else_is_no_device_of_mine(platform, people, authority):
    ada, ben = people
    shown = authority.issue()
    await enrol(platform, ada, ben.id, shown)
    door = Door(platform)
    assert (await door.status(ben, shown.header), await door.status(ada, shown.header)) == (200, 403)


async def test_a_revoked_device_counts_no_more_from_the_next_request(platform, people, authority):
    ada, ben = people
    shown, door = authority.issue(), Door(platform)
    device = await enrol(platform, ben, ada.id, shown)
    assert await door.status(ada, shown.header) == 200
    await platform.call("iam.device.revoke", platform.op(ada), ById(id=device.id))
    assert await door.status(ada, shown.header) == 403
    with pytest.raises(Conflict):
        await enrol(platform, ben, ada.id, shown)


async def test_a_device_counts_no_longer_than_its_certificate(platform, people, authority):
    ada, ben = people
    shown, known = authority.issue(days=2), platform.service.known_devices
    await enrol(platform, ben, ada.id, shown)
    assert known.named(shown.header, ada.actor)
    platform.clock.advance(2 * DAY + MINUTE)
    assert known.named(shown.header, ada.actor) == ""


async def test_nobody_but_the_proxy_shows_a_certificate_and_only_one(platform, people, authority):
    """Whoever copies a certificate, which is public, gains nothing by sending it along."""
    ada, ben = people
    shown, door = authority.issue(), Door(platform)
    await enrol(platform, ben, ada.id, shown)
    await platform.sign_in(ada, origin=STRANGER)
    assert await door.status(ada, shown.header, peer=STRANGER) == 403
    await platform.sign_in(ada)
    assert await door.status(ada, shown.header, shown.header) == 403
    assert await door.status(ada, shown.header) == 200


@pytest.mark.parametrize(
    "header",
    ["", "x", "::", ":!:", ":AAAA:", ":" + "A" * 20_000 + ":", "{pem}", "{bare}", "{header}, {header}", "{header};a=1"],
)
async def test_what_is_no_certificate_is_no_device_and_no_error(platform, people, authority, header):
    ada, ben = people
    shown = authority.issue()
    await enrol(platform, ben, ada.id, shown)
    parts = {"pem": shown.pem.replace("\n", " "), "bare": shown.header[1:-1], "header": shown.header}
    assert await Door(platform).status(ada, header.format(**parts)) == 403


@pytest.mark.parametrize(
    "fault",
    ["other authority", "ended", "not begun", "for servers", "for nothing", "an authority's", "the authority's"],
)
async def test_a_certificate_with_one_thing_wrong_is_not_enrolled_and_proves_nothing(
    platform, people, authority, fault
):
    ada, ben = people
    other = DeviceAuthority(platform.clock.now())
    shown = {
        "other authority": other.issue,
        "ended": lambda: authority.issue(days=-0.1),
        "not begun": lambda: authority.issue(begins_in_days=1),
        "for servers": lambda: authority.issue(uses=(SERVER,)),
        "for nothing": lambda: authority.issue(uses=()),
        "an authority's": lambda: authority.issue(uses=(CLIENT,), authority=True),
        "the authority's": lambda: Shown(authority.certificate),
    }[fault]()
    with pytest.raises(Invalid):
        await enrol(platform, ben, ada.id, shown)
    with pytest.raises(Unauthenticated):
        platform.service.known_devices._authorities.shown(shown.header, platform.clock.now())


@pytest.mark.parametrize("pem", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"])
async def test_what_is_no_certificate_is_refused_at_the_enrolment(platform, people, pem):
    ada, ben = people
    with pytest.raises(Invalid):
        request = EnrolDevice(identity=ada.id, name="laptop", certificate=pem)
        await platform.call("iam.device.enrol", platform.op(ben), request)


async def test_two_certificates_at_once_are_refused(platform, people, authority):
    ada, ben = people
    pem = authority.issue().pem + authority.issue().pem
    with pytest.raises(Invalid):
        request = EnrolDevice(identity=ada.id, name="laptop", certificate=pem)
        await platform.call("iam.device.enrol", platform.op(ben), request)


async def test_only_officers_enrol_and_a_person_lists_and_revokes_her_own(platform, people, authority):
    ada, ben = people
    rita, tom = await platform.person(ada, "rita"), await platform.person(ada, "tom")
    device = await enrol(platform, ben, rita.id, authority.issue(), "blue laptop")
    with pytest.raises(Denied):
        await enrol(platform, rita, rita.id, authority.issue())
    listed = await platform.call("iam.device.list", platform.op(rita), OfIdentity(identity=rita.id))
    assert [(one.id, one.name, one.revoked_at) for one in listed.devices] == [(device.id, "blue laptop", None)]
    for name, request in (("iam.device.list", OfIdentity(identity=rita.id)), ("iam.device.revoke", ById(id=device.id))):
        with pytest.raises(Denied):
            await platform.call(name, platform.op(tom), request)
    await platform.call("iam.device.revoke", platform.op(rita), ById(id=device.id))
    with pytest.raises(NotFound):
        await platform.call("iam.device.revoke", platform.op(ben), ById(id="dev_none"))


async def test_the_person_hears_of_it_and_there_is_an_end_to_devices(platform, people, authority):
    ada, ben = people
    for _ in range(MAX_DEVICES):
        await enrol(platform, ben, ada.id, authority.issue())
    with pytest.raises(Conflict):
        await enrol(platform, ben, ada.id, authority.issue())
    with pytest.raises(NotFound):
        await enrol(platform, ben, "per_nobody", authority.issue())
    with platform.db.read() as tx:
        assert NoticeKind.NEW_DEVICE_CERTIFICATE in {notice.kind for notice in notices.of_person(tx, ada.id)}


async def test_devices_end_with_the_person_and_so_do_those_of_her_machines(platform, people, authority):
    ada, ben = people
    rita, mine = await platform.person(ada, "rita"), authority.issue()
    made = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="m", owner=rita.id))
    theirs = authority.issue("server-1")
    await enrol(platform, ben, rita.id, mine)
    await enrol(platform, ben, made.id, theirs)
    known = platform.service.known_devices
    machine = type(rita.actor)(made.id, ActorKind.MACHINE, person=rita.id)
    assert known.named(mine.header, rita.actor) and known.named(theirs.header, machine)
    assert known.named(mine.header, machine)  # her own device vouches for the machine that she answers for
    assert known.named(theirs.header, rita.actor) == ""
    await platform.call("iam.person.deactivate", platform.op(ben), Deactivate(id=rita.id, successor=""))
    assert known.named(mine.header, rita.actor) == known.named(theirs.header, machine) == ""


def test_without_a_named_authority_nothing_proves_a_device(platform, authority, tmp_path):
    with pytest.raises(Unauthenticated):
        DeviceAuthorities.read("").shown(authority.issue().header, platform.clock.now())
    for content in (b"", b"no certificates"):
        (tmp_path / "bad.pem").write_bytes(content)
        with pytest.raises(Invalid):
            DeviceAuthorities.read(str(tmp_path / "bad.pem"))
    with pytest.raises(Invalid):
        DeviceAuthorities.read(str(tmp_path / "none.pem"))
