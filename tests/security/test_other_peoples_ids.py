"""Every operation of the table, attacked with ids of others, with fields that it does not take, and by one's own approval.

Generated from the specs, so that a new operation is attacked from its first day. What must be hidden: whether something
that one may not see exists. A refusal of others' things is the same, word by word, as a refusal of what does not exist.
"""

from types import SimpleNamespace

import pytest

from nexus.app.operations import OPERATIONS
from nexus.iam.actions import ACTIONS
from nexus.iam.model import PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.requests.approvals import Approve
from nexus.iam.requests.asking import AskForRole
from nexus.iam.requests.elevations import GrantEligibility
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine, CreateToken
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid, NotFound
from nexus.kernel.operation import Actor, ActorKind
from nexus.objects.model import BucketKind, bucket_resource
from nexus.web import codec
from nexus.web.examples import example_of
from simulators.people import open_platform

UNKNOWN = "01jd3v8f2x7q9k4m6n0p5r1s2t"
PERSON_FIELDS = {"identity", "person", "actor", "owner", "other"}
OWN_ROLES = [role for role in Role if role not in PRIVILEGED_ROLES]
SKIPPED_SERVICES = {"consent", "bastion", "pseudonyms"}
"""Whose resources need the service itself; its own tests try them, and test_idor_over_http.py."""


class Buckets:
    """One bucket of others."""

    def find(self, name):
        if name != "theirs":
            raise NotFound("no such bucket")
        return SimpleNamespace(resource=bucket_resource("theirs", "lyon", "theirs", BucketKind.STANDARD))


def id_fields(spec):
    """The fields of a request that name a thing: an id, a person, a bucket, a key."""
    names = set(spec.request.__struct_fields__)
    return names & (
        PERSON_FIELDS | {"id", "eligibility", "key_id"} | ({"name"} if spec.service == "objects" else set())
    )


ANSWERS_EVERYBODY = {"objects.bucket.create", "iam.review.items"}
"""The first names what is not there yet; the second shows to each what is hers to judge or about her, and no more
(tests/service/test_iam_reviews.py)."""
ATTACKED = [
    s
    for s in OPERATIONS
    if s.action and id_fields(s) and s.service not in SKIPPED_SERVICES and s.name not in ANSWERS_EVERYBODY
]


@pytest.fixture
async def world(tmp_path):
    """vera has one of everything; each attacker holds one role of data work in another project, nick none at all."""
    with open_platform(tmp_path) as platform:
        ada, ben = await platform.found("ada", "ben")
        vera, nick = [await platform.person(ada, login) for login in ("vera", "nick")]
        attackers = [nick]
        for role in OWN_ROLES:
            attacker = await platform.person(ada, role.value.replace("_", "-"))
            await platform.grant(ben, attacker.id, role, "project:mine")
            attackers.append(attacker)
        ends = Instant(platform.clock.now() + DAY)
        call, op = platform.call, platform.op
        machine = await call("iam.machine.create", op(ada), CreateMachine(name="sync", owner=vera.id))
        key = await call(
            "iam.access-key.create",
            op(vera),
            CreateAccessKey(identity=vera.id, purpose=Purpose.RESEARCH, expires_at=ends),
        )
        token = await call("iam.token.create", op(vera), CreateToken(identity=vera.id, label="cron", expires_at=ends))
        grant = await platform.grant(ben, vera.id, Role.RESEARCHER, "project:theirs")
        eligible = await call(
            "iam.eligibility.grant",
            op(ben),
            GrantEligibility(identity=vera.id, role=Role.OUTPUT_CHECKER, scope="project:others", ends_at=ends),
        )
        asking = await call(
            "iam.access-request.create",
            op(vera),
            AskForRole(
                identity=vera.id, role=Role.RESEARCHER, scope="project:more", ends_at=ends, reason="a second study"
            ),
        )
        intent = await call("iam.person.delete", op(ada), ById(id=vera.id))
        theirs = {
            "iam.session": vera.actor.session,
            "iam.person": vera.id,
            "iam.machine": machine.id,
            "iam.access-key": key.id,
            "iam.token": token.id,
            "iam.role": grant.id,
            "iam.eligibility": eligible.id,
            "iam.access-request": asking.id,
            "iam.approval": intent.id,
        }
        yield SimpleNamespace(
            platform=platform, ada=ada, vera=vera, attackers=attackers, theirs=theirs, intent=intent, eligible=eligible
        )


def request_for(spec, world, *, existing):
    """The example request of an operation, with others' ids in it, or with ids that nobody has."""
    document = example_of(spec.request)
    thing = spec.name.rpartition(".")[0]
    for field in id_fields(spec):
        if field in PERSON_FIELDS:
            document[field] = world.vera.id if existing else f"per_{UNKNOWN}"
        elif field == "eligibility":
            document[field] = world.eligible.id if existing else f"elg_{UNKNOWN}"
        elif field == "name":
            document[field] = "theirs" if existing else "nowhere"
        elif field == "id":
            known = world.theirs.get(thing, f"xxx_{UNKNOWN}")
            document[field] = known if existing else f"{known.partition('_')[0]}_{UNKNOWN}"
    return codec.from_builtins(document, spec.request)


def refusal(world, spec, actor, request):
    """What the actor hears, or None where the gate lets it pass."""
    services = {"iam": world.platform.service, "objects": SimpleNamespace(buckets=Buckets())}
    resource = spec.resource(services.get(spec.service), request)
    try:
        world.platform.gate.check(world.platform.op(actor, purpose="research"), spec.action, resource)
    except Denied as denied:
        return denied.code, denied.message, denied.hint
    return None


async def test_what_is_others_is_refused_like_what_does_not_exist(world):
    """EMC-41, NX-09."""
    betrayed = []
    for spec in ATTACKED:
        theirs, nothing = request_for(spec, world, existing=True), request_for(spec, world, existing=False)
        for attacker in world.attackers:
            for actor in (attacker.actor, Actor(attacker.id, ActorKind.PERSON, person=attacker.id)):
                heard, heard_of_nothing = refusal(world, spec, actor, theirs), refusal(world, spec, actor, nothing)
                if heard is None or heard != heard_of_nothing:
                    betrayed.append((spec.name, attacker.login, heard, heard_of_nothing))
    assert betrayed == []


async def test_the_owner_and_the_officer_do_pass(world):
    """The control: the refusals above are not refusals of everything."""
    passed = set()
    for spec in ATTACKED:
        for who in (world.vera, world.ada):
            if refusal(world, spec, who.actor, request_for(spec, world, existing=True)) is None:
                passed.add(spec.name)
    assert {
        "iam.session.end",
        "iam.person.read",
        "iam.access-key.revoke",
        "iam.role.revoke",
        "iam.elevation.open",
    } <= passed
    assert len(passed) > len(ATTACKED) // 2


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_a_field_that_an_operation_does_not_take_is_refused(spec):
    """Mass assignment: state, rights, owner and approval cannot be smuggled in beside what is asked for."""
    document = example_of(spec.request)
    smuggled = {
        "state": "active",
        "role": "security_officer",
        "person": "per_x",
        "created_by": "per_x",
        "approved": True,
        "requester": "per_x",
        "granted_by": "per_x",
        "id": "per_x",
        "__class__": "x",
        "privileged": True,
    }
    for name, value in smuggled.items():
        if name in spec.request.__struct_fields__:
            continue
        with pytest.raises(Invalid):
            codec.from_builtins({**document, name: value}, spec.request)
    assert spec.request.__struct_config__.forbid_unknown_fields


async def test_nobody_approves_his_own_request_in_any_way(world):
    """F-002: from the same session, from another one, with an access key, by a machine, by a second account of hers."""
    platform, ada, intent = world.platform, world.ada, world.intent
    approve = Approve(id=intent.id, digest=intent.digest)
    first = ada.actor
    await platform.sign_in(ada)
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="helper", owner=ada.id))
    for actor in (
        first,
        ada.actor,
        Actor(ada.id, ActorKind.PERSON, person=ada.id),
        Actor(machine.id, ActorKind.MACHINE, person=ada.id),
        Actor(machine.id, ActorKind.PERSON, person=ada.id, session=ada.actor.session),
    ):
        with pytest.raises(Denied):
            await platform.call("iam.approval.approve", platform.op(actor), approve)
        with pytest.raises(Denied):
            await platform.approvals.approve(platform.op(actor), intent.id, intent.digest)
    with pytest.raises(Denied):
        await platform.execute(platform.op(ada), intent.id)
    assert ACTIONS["iam.approval.approve"].resource_types == ("Approval",)
