"""S3 access keys that follow one another with an overlap, and keys that are narrowed: they take away and never give.

Fulfils EMC-41 and R-052 (rights bounded by purpose and scope) for the credentials of programs.
"""

import asyncio
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.iam import narrowing
from nexus.iam.actions import ACTIONS
from nexus.iam.gate import Question
from nexus.iam.model import Purpose, Role
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.machines import CreateAccessKey, RotateAccessKey
from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.operation import Actor, ActorKind, Narrowing, Resource
from simulators.people import open_platform

READ, WRITE, DELETE = "objects.object.read", "objects.object.write", "objects.object.delete"
ON_BUCKETS = sorted(action.name for action in ACTIONS.values() if "Bucket" in action.resource_types)
BUCKETS = ("scans", "reports")
PARTS = ("", "a", "a/b", "ab/c")
ORIGINS = ("10.1.2.3", "10.9.9.9", "192.0.2.10", "2001:db8::1", "::ffff:10.1.2.3", "local", "")


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


def bucket(name: str, part: str = "") -> Resource:
    return Resource("Bucket", name, {"site": "lyon", "project": "p", "kind": "standard"}).within(part)


async def people(platform):
    """A steward of the project, who may do much with its buckets, and two founders."""
    ada, ben = await platform.found("ada", "ben")
    rita = await platform.person(ben, "rita")
    await platform.grant(ada, rita.id, Role.DATA_STEWARD, "project:p")
    await platform.grant(ada, rita.id, Role.RESEARCHER, "project:p")
    return ada, ben, rita


async def key_of(platform, owner, days=30, **only):
    request = CreateAccessKey(
        identity=owner.id, purpose=Purpose.RESEARCH, expires_at=Instant(platform.clock.now() + days * DAY), **only
    )
    return await platform.call("iam.access-key.create", platform.op(owner), request)


async def rotate(platform, owner, key_id, days=30, **more):
    request = RotateAccessKey(id=key_id, expires_at=Instant(platform.clock.now() + days * DAY), **more)
    return await platform.call("iam.access-key.rotate", platform.op(owner), request)


def may(platform, actor, action, resource, *, purpose="research", origin="10.1.2.3") -> bool:
    return platform.gate.permits(Question(actor, action, resource, purpose, origin))


# Rotation


async def test_a_rotated_key_works_beside_its_successor_until_the_overlap_is_over(platform):
    _, _, rita = await people(platform)
    first = await key_of(platform, rita, only_buckets=("scans",))
    second = await rotate(platform, rita, first.id, overlap_minutes=30)
    assert second.id != first.id and second.secret != first.secret and second.purpose is Purpose.RESEARCH
    opened = [platform.authenticator.access_key(key.id) for key in (first, second)]
    assert opened[0].actor == opened[1].actor and opened[1].actor.narrowed == Narrowing(buckets=("scans",))
    platform.clock.advance(30 * MINUTE)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(first.id)
    assert platform.authenticator.access_key(second.id).secret == second.secret
    listed = await platform.call("iam.access-key.list", platform.op(rita), OfIdentity(identity=rita.id))
    assert [(view.id, view.follows, view.only_buckets) for view in listed.access_keys] == [
        (first.id, None, ("scans",)),
        (second.id, first.id, ("scans",)),
    ]


async def test_without_an_overlap_the_former_key_ends_at_once_in_every_process(platform):
    _, _, rita = await people(platform)
    first = await key_of(platform, rita)
    platform.authenticator.access_key(first.id)
    await rotate(platform, rita, first.id, overlap_minutes=0)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(first.id)


async def test_an_overlap_never_prolongs_the_former_key(platform):
    _, _, rita = await people(platform)
    first = await key_of(platform, rita, days=1)
    platform.clock.advance(23 * HOUR)
    await rotate(platform, rita, first.id, overlap_minutes=24 * 60)
    platform.clock.advance(HOUR)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(first.id)


async def test_what_cannot_be_rotated_is_refused(platform):
    ada, _, rita = await people(platform)
    first = await key_of(platform, rita)
    await rotate(platform, rita, first.id)
    with pytest.raises(Conflict):  # one successor: else each overlap could start another
        await rotate(platform, rita, first.id)
    with pytest.raises(Denied):  # no key and a key of somebody else are the same
        await rotate(platform, rita, "NX" + "A" * 18)
    ended = await key_of(platform, rita, days=1)
    revoked = await key_of(platform, rita)
    await platform.call("iam.access-key.revoke", platform.op(rita), ById(id=revoked.id))
    with pytest.raises(NotFound):
        await rotate(platform, rita, revoked.id)
    platform.clock.advance(DAY)
    with pytest.raises(NotFound):
        await rotate(platform, rita, ended.id)
    for days in (0, 400):
        with pytest.raises(Invalid):
            await rotate(platform, rita, first.id, days=days)
    await platform.sign_in(ada)
    with pytest.raises(Denied):  # not even a security officer
        await rotate(platform, ada, first.id)


async def test_two_rotations_at_once_leave_one_successor(platform):
    _, _, rita = await people(platform)
    first = await key_of(platform, rita)
    outcomes = await asyncio.gather(*(rotate(platform, rita, first.id) for _ in range(4)), return_exceptions=True)
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True, True, True]


async def test_a_stolen_key_does_not_rotate_itself(platform):
    _, _, rita = await people(platform)
    stolen = platform.authenticator.access_key((await key_of(platform, rita)).id)
    request = RotateAccessKey(id=stolen.id, expires_at=Instant(platform.clock.now() + DAY))
    with pytest.raises(Denied):
        await platform.call("iam.access-key.rotate", platform.op(stolen.actor), request)


async def test_creation_and_rotation_are_recorded_without_a_secret(platform):
    _, _, rita = await people(platform)
    first = await key_of(platform, rita, only_actions=(READ,))
    second = await rotate(platform, rita, first.id, overlap_minutes=5)
    (made,), (rotated,) = platform.entries("iam.access-key.create"), platform.entries("iam.access-key.rotate")
    assert READ in made.details["narrowed"]
    assert rotated.details == {"access_key": second.id, "former": first.id, "overlap_minutes": 5}
    for key in (first, second):
        assert key.secret.reveal().decode() not in repr(platform.recorder.entries)


# Narrowing


async def test_a_narrowed_key_does_what_it_names_and_is_refused_everything_else(platform):
    _, _, rita = await people(platform)
    new = await key_of(
        platform,
        rita,
        only_actions=(READ,),
        only_buckets=("scans",),
        only_networks=("10.1.0.0/16",),
        only_purposes=(Purpose.RESEARCH,),
    )
    actor = platform.authenticator.access_key(new.id).actor
    full = Actor(actor.id, actor.kind, actor.name, person=actor.person)
    assert may(platform, actor, READ, bucket("scans"))
    allowed = [
        (action, name) for action, name in product(ON_BUCKETS, BUCKETS) if may(platform, actor, action, bucket(name))
    ]
    assert allowed == [(READ, "scans")] and may(platform, full, "objects.object.list", bucket("reports"))
    assert not may(platform, actor, READ, bucket("scans"), origin="192.0.2.10")
    assert not may(platform, actor, READ, bucket("scans"), purpose="care")
    assert not may(platform, actor, "iam.me.read", Resource("Platform", "nexus"))
    with pytest.raises(Denied) as refused:
        platform.gate.check(platform.op(actor, purpose="research", origin="10.1.2.3"), DELETE, bucket("scans"))
    assert refused.value.code == "iam.narrowed"


async def test_a_narrowing_gives_nothing_that_the_identity_may_not(platform):
    ada, _, _ = await people(platform)  # a security officer, who may touch no object
    new = await key_of(platform, ada, only_actions=tuple(ON_BUCKETS), only_buckets=BUCKETS)
    actor = platform.authenticator.access_key(new.id).actor
    assert not any(may(platform, actor, action, bucket(name)) for action, name in product(ON_BUCKETS, BUCKETS))


lists = st.builds(
    Narrowing,
    actions=st.lists(st.sampled_from(ON_BUCKETS), max_size=3).map(tuple),
    buckets=st.lists(st.sampled_from(BUCKETS), max_size=2).map(tuple),
    networks=st.lists(st.sampled_from(["10.1.0.0/16", "0.0.0.0/0", "2001:db8::/32", "10.9.9.9/32"]), max_size=2).map(
        tuple
    ),
    purposes=st.lists(st.sampled_from([purpose.value for purpose in Purpose]), max_size=2).map(tuple),
    prefixes=st.lists(
        st.builds("{}/{}".format, st.sampled_from([*BUCKETS, "scan"]), st.sampled_from(PARTS)), max_size=2
    ).map(tuple),
)


def test_whatever_is_written_in_it_a_narrowed_key_may_a_subset(platform):
    """Against the same identity without narrowing, and against this page's own reading of the lists."""
    rita = asyncio.run(people(platform))[2]
    full = Actor(rita.id, ActorKind.PERSON, "Rita", person=rita.id)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        lists,
        st.sampled_from(ORIGINS),
        st.sampled_from([purpose.value for purpose in Purpose]),
        st.sampled_from(PARTS),
    )
    def holds(given_lists, origin, purpose, part):
        narrowed = Actor(rita.id, ActorKind.PERSON, "Rita", person=rita.id, narrowed=given_lists)
        for action, name in product(ON_BUCKETS, BUCKETS):
            where = {"purpose": purpose, "origin": origin}
            before, after = (may(platform, who, action, bucket(name, part), **where) for who in (full, narrowed))
            left = named(given_lists, action, name, purpose, origin) and begins(given_lists, name, part)
            assert after == (before and left)

    holds()


def begins(lists: Narrowing, name: str, part: str) -> bool:
    """This page's own reading: some prefix is of this bucket, and the part starts with the rest of it."""
    splits = [prefix.split("/", 1) for prefix in lists.prefixes]
    return not splits or any(of == name and part[: len(rest)] == rest for of, rest in splits)


def named(lists: Narrowing, action: str, name: str, purpose: str, origin: str) -> bool:
    def inside() -> bool:
        try:
            address = ip_address(origin.removeprefix("::ffff:"))
        except ValueError:
            return False
        return any(address in ip_network(network) for network in lists.networks)

    return (
        (not lists.actions or action in lists.actions)
        and (not lists.buckets or name in lists.buckets)
        and (not lists.purposes or purpose in lists.purposes)
        and (not lists.networks or inside())
    )


@pytest.mark.parametrize(
    "only",
    [
        {"only_actions": ("objects.object.everything",)},
        {"only_actions": ("iam.role.grant",)},
        {"only_networks": ("10.1.2.3/16",)},
        {"only_networks": ("office",)},
        {"only_buckets": ("",)},
        {"only_buckets": tuple(f"b{number}" for number in range(65))},
        {"only_buckets": ("x" * 257,)},
        {"only_prefixes": ("",)},
        {"only_prefixes": ("scans",)},
        {"only_prefixes": ("/scans/",)},
        {"only_prefixes": ("Scans/a",)},
        {"only_prefixes": ("*/a",)},
        {"only_prefixes": ("scans/" + "x" * 1_100,)},
        {"only_prefixes": tuple(f"scans/{number}" for number in range(65))},
    ],
)
async def test_a_narrowing_that_cannot_be_understood_whole_makes_no_key(platform, only):
    _, _, rita = await people(platform)
    with pytest.raises(Invalid):
        await key_of(platform, rita, **only)


async def test_a_stored_narrowing_that_is_damaged_opens_no_key(platform):
    _, _, rita = await people(platform)
    new = await key_of(platform, rita, only_actions=(READ,))
    later = '{"actions": [], "what-a-later-version-takes-away": []}'
    for stored in ("{}x", "[]", '{"actions": "objects.object.read"}', later):
        with pytest.raises(Damaged):
            narrowing.decode(stored)
    assert platform.authenticator.access_key(new.id).actor.narrowed == Narrowing(actions=(READ,))
