"""Whose patients are whose: other sites' patients look like patients that do not exist, through the real gate and policies."""

from dataclasses import replace

import pytest

from nexus.consent.claim_requests import AskOwn
from nexus.consent.holders import Hold
from nexus.consent.migrations import MIGRATIONS
from nexus.consent.model import Capacity, ClaimKind
from nexus.consent.operations import OPERATIONS
from nexus.consent.requests import RegisterSubject
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate
from nexus.iam.model import Role
from nexus.kernel.errors import Denied, Invalid
from nexus.web import codec
from nexus.web.examples import example_of
from simulators.consents import Clinic, permit
from simulators.people import Human, Platform, open_platform

SPECS = {spec.name: spec for spec in OPERATIONS}
OF_A_SUBJECT = [spec for spec in OPERATIONS if {"subject", "decision", "id"} & set(spec.request.__struct_fields__)]
NOBODYS, UNDECIDED = "sub_00000000000000000000000000", "dec_00000000000000000000000000"


@pytest.fixture
async def house(tmp_path):
    """Identity and consent in one database: two sites, a patient of each, people with every role of a site."""
    with open_platform(tmp_path) as platform:
        platform.db.migrate(MIGRATIONS)
        clinic = Clinic(platform.db, platform.recorder, clock=platform.clock)
        ada, ben = await platform.found("ada", "ben")
        yield House(platform, clinic, ada, ben)


class House:
    def __init__(self, platform: Platform, clinic: Clinic, ada: Human, ben: Human) -> None:
        self.platform, self.clinic, self.ada, self.ben = platform, clinic, ada, ben
        self.gate = Gate(platform.db, platform.clock, NO_CONDITIONS)

    async def someone(self, login: str, role: Role, scope: str) -> Human:
        person = await self.platform.person(self.ada, login)
        await self.platform.grant(self.ben, person.id, role, scope)
        return person

    def refusal(self, who: Human, name: str, **fields):
        """What somebody hears; None where the gate lets it pass."""
        spec = SPECS[name]
        request = codec.from_builtins({**example_of(spec.request), **fields}, spec.request)
        op = self.platform.op(who)
        try:
            self.gate.check(op, spec.action, spec.resource(self.clinic.service, request))
        except Denied as denied:
            return denied.code, denied.message, denied.hint
        return None


@pytest.mark.parametrize("role", [Role.CONSENT_DESK, Role.DATA_PROVIDER, Role.DATA_STEWARD, Role.RESEARCHER])
async def test_patients_of_other_sites_are_like_patients_that_do_not_exist(house: House, role):
    """NX-09."""
    subject, patient = await house.clinic.patient(site="lyon")
    decided = (await house.clinic.decide(patient, subject, permit())).id
    asked = AskOwn(subject=subject, kind=ClaimKind.ERASURE)
    request = (await house.clinic.service.claims.ask(house.clinic.op(patient), asked)).id
    eve = await house.someone("eve", role, "site:chu")
    for spec in OF_A_SUBJECT:
        names = {"subject", "decision", "id"} & set(spec.request.__struct_fields__)
        theirs = {"subject": subject, "decision": decided, "id": request}
        nobodys = {"subject": NOBODYS, "decision": UNDECIDED, "id": "req_00000000000000000000000000"}
        heard = house.refusal(eve, spec.name, **{name: theirs[name] for name in names})
        of_nothing = house.refusal(eve, spec.name, **{name: nobodys[name] for name in names})
        assert heard == of_nothing and heard is not None, spec.name


async def test_a_desk_serves_its_own_site_and_no_other(house: House):
    mine, _ = await house.clinic.patient(site="chu")
    theirs, _ = await house.clinic.patient(site="lyon")
    desk = await house.someone("desk", Role.CONSENT_DESK, "site:chu")
    for name in ("consent.effective.read", "consent.decision.record", "consent.representative.end"):
        assert house.refusal(desk, name, subject=mine) is None
        assert house.refusal(desk, name, subject=theirs) is not None
    assert house.refusal(desk, "consent.subject.register", site="chu") is None
    assert house.refusal(desk, "consent.subject.register", site="lyon") is not None
    assert house.refusal(desk, "consent.withdrawal.list", site="chu") is None
    assert house.refusal(desk, "consent.withdrawal.list", site="") is not None
    assert house.refusal(desk, "consent.register.export", site="chu") is not None


async def test_whoever_brings_data_names_patients_and_sees_nothing_of_what_they_decided(house: House):
    mine, _ = await house.clinic.patient(site="chu")
    extract = await house.someone("etl", Role.DATA_PROVIDER, "site:chu")
    assert house.refusal(extract, "consent.subject.register", site="chu") is None
    assert house.refusal(extract, "consent.subject.find", site="chu") is None
    for spec in OF_A_SUBJECT:
        assert house.refusal(
            extract, spec.name, **({"subject": mine} if "subject" in spec.request.__struct_fields__ else {})
        )


async def test_who_holds_a_subject_decides_for_him_alone_and_only_signed_in(house: House):
    person = await house.platform.person(house.ada, "pat")
    mine, theirs = await house.clinic.subject(), await house.clinic.subject()
    await house.clinic.service.holders.hold(house.clinic.desk, Hold(person.id, mine, Capacity.SELF))
    for name in ("read", "decide", "withdraw", "object", "lift-objection"):
        assert house.refusal(person, f"consent.own.{name}", subject=mine) is None
        assert house.refusal(person, f"consent.own.{name}", subject=theirs) == house.refusal(
            person, f"consent.own.{name}", subject=NOBODYS
        )
        assert house.refusal(person, f"consent.own.{name}", subject=theirs) is not None
    with_key = replace(person, actor=replace(person.actor, session=None))
    assert house.refusal(with_key, "consent.own.object", subject=mine) is not None
    await house.clinic.service.holders.end(house.clinic.desk, person.id, mine)
    assert house.refusal(person, "consent.own.object", subject=mine) is not None


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_fields_that_an_operation_does_not_take_are_refused(spec):
    """Mass assignment: nobody says in which capacity he decides, when it was recorded, or under which number."""
    for extra in ("capacity_", "account_", "number", "recorded_at", "approval", "recorded_by", "site_"):
        with pytest.raises(Invalid):
            codec.from_builtins({**example_of(spec.request), extra: "x"}, spec.request)


def test_whoever_decides_does_not_say_as_whom():
    for spec in OPERATIONS:
        if spec.name.startswith("consent.own."):
            fields = set(spec.request.__struct_fields__)
            assert not fields & {"capacity", "account", "decided_at", "recorded_at", "scan"}, spec.name


async def test_a_site_is_written_by_whoever_registers_and_never_read_from_elsewhere(house: House):
    made = await house.clinic.service.subjects.register(house.clinic.desk, RegisterSubject(site="lyon", reference="1"))
    assert house.clinic.service.subjects.resource(made.subject).attributes["site"] == "lyon"
