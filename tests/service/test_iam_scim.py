"""SCIM 2.0 over the real dispatcher: a directory brings unprivileged people in and takes them out, and nothing else."""

import httpx
import pytest

from nexus.iam.gate import Question
from nexus.iam.model import Role
from nexus.iam.requests.directory import (
    ChangePerson,
    ListDirectoryPersons,
    MapGroup,
    RegisterDirectory,
    RemovePerson,
)
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateMachine, CreateToken
from nexus.iam.scim.users import USERS
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Conflict, Denied, NexusError
from nexus.kernel.operation import Actor, ActorKind, Outcome, Resource
from nexus.web.body import MAX_BODY_BYTES
from simulators.directory import USER, Directory, joiner, refused, set_to
from simulators.people import BROWSER, Human, Platform, open_platform

BUCKET = Resource("Bucket", "b", {"project": "p", "kind": "standard"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and Otto who runs the directory."""
    ada, ben = await platform.found("ada", "ben")
    return ada, ben, await platform.person(ada, "otto")


async def machine(platform: Platform, ada: Human, otto: Human) -> tuple[str, str]:
    made = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="directory", owner=otto.id))
    request = CreateToken(identity=made.id, label="scim", expires_at=soon(platform))
    token = await platform.call("iam.token.create", platform.op(otto), request)
    return made.id, token.token.reveal().decode()


async def by_two(platform: Platform, ada: Human, ben: Human, name: str, request):
    intent = await platform.call(name, platform.op(ada), request)
    await platform.approve(ben, intent)
    return await platform.execute(platform.op(ada), intent.id)


def soon(platform: Platform, days: int = 60) -> Instant:
    return Instant(platform.clock.now() + days * DAY)


@pytest.fixture
async def directory(platform, people):
    ada, ben, otto = people
    made, token = await machine(platform, ada, otto)
    request = RegisterDirectory(machine=made, ends_at=soon(platform, 30))
    await by_two(platform, ada, ben, "iam.directory.register", request)
    return Directory(platform, made, token, otto)


@pytest.fixture
async def team(platform, people):
    """Members of the group `cohort` are researchers of project p."""
    ada, ben, _ = people
    request = MapGroup(name="cohort", role=Role.RESEARCHER, scope="project:p", ends_at=soon(platform))
    return await by_two(platform, ada, ben, "iam.directory.map", request)


async def enrolled(platform: Platform, people, user_id: str, login: str) -> Human:
    """Two officers give the joiner her code, and she enrols."""
    ada, ben, _ = people
    invited = await by_two(platform, ada, ben, "iam.person.re-enrol", ById(id=user_id))
    human = Human(user_id, login, code=invited.code)
    await platform.enrol(human)
    await platform.sign_in(human)
    return human


def reads(platform: Platform, who: Human) -> bool:
    return platform.gate.permits(Question(who.actor, "objects.object.read", BUCKET, "research"))


async def test_what_the_server_can_do_is_told_to_everybody(directory):
    configuration = (await directory.call("GET", "/ServiceProviderConfig", token="")).json()
    assert configuration["patch"]["supported"] and configuration["etag"]["supported"]
    assert not configuration["bulk"]["supported"] and not configuration["changePassword"]["supported"]
    types = (await directory.call("GET", "/ResourceTypes", token="")).json()
    assert [each["id"] for each in types["Resources"]] == ["User", "Group"]
    schemas = (await directory.call("GET", "/Schemas", token="")).json()
    assert [each["id"] for each in schemas["Resources"]] == [USER, USER.replace("User", "Group")]


async def test_only_a_machine_that_two_officers_registered_is_heard(platform, people, directory):
    ada, _, otto = people
    _, other = await machine(platform, ada, otto)
    for token, status in (("", 401), ("nxt_guessed", 401), (other, 403), (otto.token, 403), (ada.token, 403)):
        for method, path, body in (
            ("GET", "/Users", None),
            ("POST", "/Users", joiner()),
            ("GET", f"{USERS}/{otto.id}", None),
            ("DELETE", f"{USERS}/{otto.id}", None),
            ("GET", "/Groups", None),
        ):
            if (token, path) == (ada.token, "/Groups"):
                continue  # an officer may see what groups give
            assert refused(await directory.call(method, path, body, token=token), status), (token[:4], method, path)
    denied = [entry for entry in platform.recorder.entries if entry.action.startswith("iam.directory.invite")]
    assert {entry.outcome for entry in denied} == {Outcome.DENIED}
    intent = await platform.call(
        "iam.directory.register", platform.op(ada), RegisterDirectory(machine=directory.machine, ends_at=soon(platform))
    )
    with pytest.raises(Denied):
        await platform.execute(platform.op(ada), intent.id)


async def test_a_directory_ends_on_time_and_when_it_is_taken_away(platform, people, directory):
    ada, *_ = people
    platform.clock.advance(30 * DAY - 10 * 60 * 1_000_000)
    assert (await directory.call("GET", "/Users")).status_code == 200
    platform.clock.advance(10 * 60 * 1_000_000)
    assert refused(await directory.call("GET", "/Users"), 403)
    platform.clock.advance(-DAY)
    assert (await directory.call("GET", "/Users")).status_code == 200
    await platform.sign_in(ada)
    await platform.call("iam.directory.revoke", platform.op(ada), ById(id=directory.machine))
    assert refused(await directory.call("GET", "/Users"), 403)


async def test_a_joiner_gets_an_account_without_rights_or_code(platform, people, directory):
    answer = await directory.join(externalId="hr-7")
    user = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == user["meta"]["location"] == f"/scim/v2{USERS}/{user['id']}"
    assert (user["userName"], user["displayName"], user["active"]) == ("zoe", "Zoe Durand", True)
    assert (await directory.call("GET", f"{USERS}/{user['id']}")).json() == user
    assert platform.db.peek("SELECT 1 FROM iam_enrolment WHERE person = ?", (user["id"],)) is None
    zoe = await enrolled(platform, people, user["id"], "zoe")
    assert not reads(platform, zoe)
    for again in (
        joiner(),
        joiner("zoe2", emails=[{"value": "zoe@hospital.example"}]),
        joiner("zoe3", externalId="hr-7"),
    ):
        assert refused(await directory.call("POST", "/Users", again), 409, "uniqueness")


@pytest.mark.parametrize(
    ("more", "scim_type"),
    [
        ({"roles": [{"value": "security_officer"}]}, "mutability"),
        ({"entitlements": [{"value": "all"}]}, "mutability"),
        ({"password": "chosen by somebody else"}, "mutability"),
        ({"created_by": "per_x"}, "invalidSyntax"),
        ({"state": "active"}, "invalidSyntax"),
        ({"active": False}, "invalidValue"),
        ({"emails": []}, "invalidValue"),
        ({"emails": "a@b.example"}, "invalidValue"),
        ({"userName": "x'; DROP TABLE iam_person; --"}, "invalidValue"),
        ({"userName": 7}, "invalidValue"),
        ({"displayName": "x" * 200}, "invalidValue"),
        ({"externalId": "\x00"}, "invalidValue"),
    ],
)
async def test_a_directory_cannot_set_more_than_it_may(directory, more, scim_type):
    """Mass assignment: what would give factors or rights, and what is not known, is refused, not ignored."""
    assert refused(await directory.join(**more), 400, scim_type)
    assert (await directory.call("GET", "/Users")).json()["totalResults"] == 1  # Otto


async def test_filters_find_by_value_and_know_nothing_else(directory):
    user = (await directory.join(externalId='hr "7" or 1=1')).json()
    for text in (
        'userName eq "zoe"',
        'USERNAME EQ "ZOE"',
        'emails.value eq "zoe@hospital.example"',
        f'{USER}:userName eq "zoe" and externalId eq "hr \\"7\\" or 1=1"',
        f'id eq "{user["id"]}"',
    ):
        found = (await directory.call("GET", f"/Users?filter={httpx.QueryParams({'f': text})['f']}")).json()
        assert [each["id"] for each in found["Resources"]] == [user["id"]], text
    nobody = (await directory.call("GET", "/Users?filter=userName eq \"' OR '1'='1\"")).json()
    assert (nobody["totalResults"], nobody["Resources"]) == (0, [])
    for text in (
        'userName ne "zoe"',
        'userName sw "z"',
        'userName eq "zoe" or userName eq "ada"',
        'password eq "x"',
        'userName eq "zoe" and userName eq "ada"',
        "userName eq zoe",
        'userName eq "zoe',
        'userName eq "zoe" trailing',
        "not (userName pr)",
        'userName eq ""',
        'userName eq "' + "x" * 600 + '"',
    ):
        assert refused(await directory.call("GET", f"/Users?filter={text}"), 400, "invalidFilter"), text


async def test_lists_come_in_pages(directory):
    for n in range(5):
        await directory.join(f"user{n}")
    first = (await directory.call("GET", "/Users?startIndex=1&count=4")).json()
    second = (await directory.call("GET", "/Users?startIndex=5&count=4")).json()
    assert (first["totalResults"], first["itemsPerPage"], second["itemsPerPage"]) == (6, 4, 2)
    assert len({each["id"] for each in first["Resources"] + second["Resources"]}) == 6
    assert (await directory.call("GET", "/Users?count=0")).json()["Resources"] == []
    assert (await directory.call("GET", "/Users?startIndex=-3&count=100000")).json()["startIndex"] == 1
    for query in ("startIndex=one", "count=1e9", "startIndex=99999999999"):
        assert refused(await directory.call("GET", f"/Users?{query}"), 400)


async def test_a_mover_is_renamed_and_nothing_that_identifies_her_changes(directory):
    user = (await directory.join()).json()
    where = f"{USERS}/{user['id']}"
    renamed = await directory.patch(where, set_to("displayName", "Zoe Martin"), set_to("externalId", "hr-8", "Add"))
    assert (renamed.json()["displayName"], renamed.json()["externalId"]) == ("Zoe Martin", "hr-8")
    whole = await directory.call("PUT", where, joiner(name={"formatted": "Zoe Petit"}))
    assert whole.json()["displayName"] == "Zoe Petit"
    for operation, scim_type in (
        (set_to("userName", "ada"), "mutability"),
        (set_to("emails", [{"value": "other@hospital.example"}]), "mutability"),
        (set_to('emails[type eq "work"].value', "other@hospital.example"), "mutability"),
        (set_to("roles", ["security_officer"]), "mutability"),
        (set_to("name.givenName", "Z"), "invalidPath"),
        (set_to("secret", "x"), "invalidSyntax"),
        ({"op": "remove", "path": "displayName"}, "mutability"),
        ({"op": "move", "path": "displayName"}, "invalidSyntax"),
        ({"op": "replace", "value": "no attributes"}, "invalidSyntax"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
    ):
        assert refused(await directory.patch(where, operation), 400, scim_type), operation
    assert refused(await directory.call("PATCH", where, {"Operations": []}), 400)


async def test_suspending_stops_at_once_and_resumes_only_what_a_directory_suspended(platform, people, directory):
    ada, *_ = people
    user = (await directory.join()).json()
    zoe = await enrolled(platform, people, user["id"], "zoe")
    where = f"{USERS}/{zoe.id}"
    off = await directory.patch(where, set_to("active", "False", "Replace"))
    assert off.json()["active"] is False
    with pytest.raises(NexusError):
        await platform.authenticator.session(zoe.token, "192.0.2.10", BROWSER)
    assert (await directory.patch(where, {"op": "replace", "value": {"active": True}})).json()["active"] is True
    await platform.sign_in(zoe)
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=zoe.id))
    assert refused(await directory.patch(where, set_to("active", True)), 403)


async def test_a_leaver_is_gone_with_everything(platform, people, directory, team):
    user = (await directory.join()).json()
    zoe = await enrolled(platform, people, user["id"], "zoe")
    await directory.patch(f"/Groups/{team.id}", set_to("members", [{"value": zoe.id}], "add"))
    assert reads(platform, zoe)
    assert (await directory.call("DELETE", f"{USERS}/{zoe.id}")).status_code == 204
    assert not reads(platform, zoe)
    with pytest.raises(NexusError):
        await platform.sign_in(zoe)
    assert refused(await directory.call("GET", f"{USERS}/{zoe.id}"), 404)
    assert refused(await directory.call("DELETE", f"{USERS}/{zoe.id}"), 404)
    assert (await directory.call("GET", f"/Groups/{team.id}")).json()["members"] == []


async def test_an_older_version_is_not_overwritten(platform, people, directory):
    answer = await directory.join()
    where, version = f"{USERS}/{answer.json()['id']}", answer.headers["etag"]
    platform.clock.advance(1)
    await directory.patch(where, set_to("displayName", "Zoe Martin"))
    match = {"If-Match": version}
    assert refused(await directory.patch(where, set_to("active", False), **match), 412)
    assert refused(await directory.call("DELETE", where, **match), 412)
    assert refused(await directory.patch(where, set_to("displayName", "Zoe Martin"), **match), 412)  # nothing to change
    fresh = (await directory.call("GET", where)).headers["etag"]
    both = {"If-Match": f"{version}, {fresh}"}
    assert (await directory.patch(where, set_to("active", False), **both)).status_code == 200
    assert (await directory.patch(where, set_to("active", True), **{"If-Match": "*"})).status_code == 200
    for odd in ("", "1", 'W/"', '"a" "b"', '"a",'):
        assert refused(await directory.patch(where, set_to("active", False), **{"If-Match": odd}), 400)


async def test_a_change_between_the_look_and_the_change_is_not_overwritten(platform, people, directory):
    """The version is compared in the transaction of the change: whoever read an older one changes nothing."""
    user = (await directory.join()).json()
    op = platform.op(Actor(directory.machine, ActorKind.MACHINE, person=people[2].id))
    seen = (await platform.call("iam.directory.persons", op, ListDirectoryPersons(id=user["id"]))).persons[0]
    platform.clock.advance(1)
    rename = ChangePerson(id=user["id"], name="Zoe Martin", versions=(seen.version,))
    await platform.call("iam.directory.change", op, rename)
    for name, request in (
        ("iam.directory.change", ChangePerson(id=user["id"], active=False, versions=(seen.version,))),
        ("iam.directory.remove", RemovePerson(id=user["id"], versions=(seen.version,))),
    ):
        with pytest.raises(Conflict):
            await platform.call(name, op, request)


async def test_privileged_persons_and_the_owner_of_the_directory_are_out_of_reach(platform, people, directory, team):
    ada, ben, otto = people
    listed = (await directory.call("GET", "/Users?count=200")).json()["Resources"]
    assert [each["id"] for each in listed] == [otto.id]
    for who in (ada, otto):
        assert (await directory.patch(f"{USERS}/{who.id}", set_to("active", False))).status_code in {403, 404}
        assert refused(await directory.call("DELETE", f"{USERS}/{who.id}"), 403)
        answer = await directory.patch(f"/Groups/{team.id}", set_to("members", [{"value": who.id}], "add"))
        assert refused(answer, 403)
    assert not reads(platform, otto)
    user = (await directory.join()).json()
    await platform.grant_privileged(ben, ada, user["id"], Role.AUDITOR)
    assert refused(await directory.call("DELETE", f"{USERS}/{user['id']}"), 403)
    assert (await directory.call("GET", f"{USERS}/{user['id']}")).status_code == 404
    with pytest.raises(Denied):  # the service itself, whatever a door forgot
        await platform.service.directory_people.remove(platform.op(otto), RemovePerson(id=ada.id))


async def test_groups_give_what_two_officers_said_and_take_it_back(platform, people, directory, team):
    ada, *_ = people
    zoe = await enrolled(platform, people, (await directory.join()).json()["id"], "zoe")
    tim = (await directory.join("tim")).json()["id"]
    where = f"/Groups/{team.id}"
    [group] = (await directory.call("GET", '/Groups?filter=displayName eq "cohort"')).json()["Resources"]
    assert (group["id"], group["members"]) == (team.id, [])
    both = await directory.patch(where, set_to("members", [{"value": zoe.id}, {"value": tim}], "add"))
    assert [each["display"] for each in both.json()["members"]] == ["tim", "zoe"]
    assert reads(platform, zoe)
    one = await directory.patch(where, {"op": "remove", "path": f'members[value eq "{zoe.id}"]'})
    assert [each["value"] for each in one.json()["members"]] == [tim]
    assert not reads(platform, zoe)
    whole = await directory.call("PUT", where, {"displayName": "cohort", "members": [{"value": zoe.id}]})
    assert [each["value"] for each in whole.json()["members"]] == [zoe.id]
    assert reads(platform, zoe)
    [*_, entry] = platform.entries("iam.directory.assign")
    assert (entry.details["group"], entry.details["role"]) == (team.id, "researcher")
    await platform.call("iam.directory.unmap", platform.op(ada), ById(id=team.id))
    assert not reads(platform, zoe)
    assert refused(await directory.call("GET", where), 404)


async def test_groups_themselves_are_not_a_directorys_to_change(platform, people, directory, team):
    ada, ben, _ = people
    where = f"/Groups/{team.id}"
    assert refused(await directory.call("POST", "/Groups", {"displayName": "officers"}), 400, "mutability")
    assert refused(await directory.call("DELETE", where), 400, "mutability")
    assert refused(await directory.call("PUT", where, {"displayName": "officers"}), 400, "mutability")
    assert refused(await directory.patch(where, set_to("displayName", "officers")), 400, "mutability")
    assert refused(await directory.patch(where, set_to("members", ["per_x"], "add")), 400)
    assert refused(await directory.patch(where, set_to("members", [{"value": "per_unknown"}], "add")), 404)
    for role, scope in ((Role.SECURITY_OFFICER, "platform"), (Role.DATA_STEWARD, "project:p")):
        with pytest.raises(Denied):
            request = MapGroup(name=role.value, role=role, scope=scope, ends_at=soon(platform))
            await by_two(platform, ada, ben, "iam.directory.map", request)


async def test_large_deep_and_foreign_bodies_are_refused(directory):
    for raw, headers, status in (
        (b'{"userName": "' + b"x" * MAX_BODY_BYTES + b'"}', {}, 413),
        (b'{"a":' * 50 + b"1" + b"}" * 50, {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
    ):
        assert refused(await directory.call("POST", "/Users", raw=raw, **headers), status), raw[:20]
    many = [set_to("active", True)] * 101
    user = (await directory.join()).json()
    assert refused(await directory.patch(f"{USERS}/{user['id']}", *many), 400, "invalidSyntax")
    assert (await directory.call("PUT", "/Users")).status_code == 405
    assert (await directory.call("GET", "/Bulk")).status_code == 404
