"""Every route of the REST door, tried as nobody, with garbage, from another client, and as a person without rights.

None of them reaches a use case, each leaves one entry, and what is open is a list of six (NX-09, NX-12, AP-02).
"""

from dataclasses import replace

import pytest

from nexus.app.operations import OPERATIONS, WHILE_SEALED
from nexus.iam.model import Purpose
from nexus.kernel.operation import PLATFORM, Outcome
from nexus.web.binding import has_body, path_fields
from nexus.web.examples import example_of
from nexus.web.rest import OPEN_PATHS
from simulators.door import open_door
from simulators.doorkeepers import BOB

GUARDED = [spec for spec in OPERATIONS if spec.action]
OPEN = {spec.name for spec in OPERATIONS if not spec.action}
reached: list[str] = []


def canary(name):
    async def run(service, op, request):
        reached.append(name)
        raise AssertionError("a stranger reached a use case")

    return run


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    door = open_door(tmp_path_factory.mktemp("door"))
    specs = [replace(s, run=canary(s.name), resource=lambda service, request: PLATFORM) for s in OPERATIONS]
    services = dict.fromkeys(spec.service for spec in OPERATIONS)
    door = replace(door, specs=specs, services=services, purposes=tuple(Purpose), while_sealed=tuple(WHILE_SEALED))
    door.tokens.sessions["token-bob-elsewhere"] = (BOB, "another-client")
    yield door
    door.db.close()


async def attempt(door, spec, token):
    """The operation's own example request, so that nothing but the stranger is wrong with it."""
    document = example_of(spec.request)
    path = spec.path.format(**{name: document[name] for name in path_fields(spec)})
    rest = {name: part for name, part in document.items() if name not in path_fields(spec)}
    async with door.client(token) as http:
        if has_body(spec):
            return await http.request(spec.method, path, json=rest)
        return await http.request(spec.method, path, params=rest)


@pytest.mark.parametrize("spec", GUARDED, ids=lambda spec: spec.name)
async def test_a_stranger_is_refused_and_the_refusal_recorded(door, spec):
    before = len(door.audit.entries)
    for token in (None, "garbage", "token-bob-elsewhere", "Bearer", "\x00" * 8, "a" * 4000):
        answer = await attempt(door, spec, token)
        assert answer.status_code == 401, (token, answer.text)
        assert answer.json()["kind"] == "unauthenticated"
    entries = door.audit.entries[before:]
    assert [(e.outcome, e.action, e.operation.actor.id) for e in entries] == [
        (Outcome.DENIED, spec.action, "anonymous")
    ] * 6
    assert reached == []


@pytest.mark.parametrize("spec", GUARDED, ids=lambda spec: spec.name)
async def test_a_person_without_the_right_is_refused_and_the_refusal_recorded(door, spec):
    before = len(door.audit.entries)
    answer = await attempt(door, spec, "token-bob")
    assert (answer.status_code, answer.json()["kind"]) == (403, "denied"), answer.text
    (entry,) = door.audit.entries[before:]
    assert (entry.outcome, entry.action, entry.operation.actor) == (Outcome.DENIED, spec.action, BOB)
    assert reached == [] and door.four_eyes.content_of == {}


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
async def test_a_sealed_platform_refuses_even_to_look_who_asks(door, spec):
    door.lease.held = False
    try:
        answer = await attempt(door, spec, "token-bob")
    finally:
        door.lease.held = True
    if spec.name in WHILE_SEALED:
        assert answer.status_code == 403
    else:
        assert (answer.status_code, answer.json()["kind"]) == (503, "sealed")
    assert reached == []


async def test_a_person_with_the_right_does_reach_the_use_case(door):
    """The positive control: without it, the tests above could pass on a door that is walled up."""
    spec = next(spec for spec in GUARDED if spec.name == "kms.key.list")
    door.rights.give(BOB, spec.action)
    try:
        answer = await attempt(door, spec, "token-bob")
    finally:
        door.rights.given.clear()
    assert answer.status_code == 500 and reached == [spec.name]
    reached.clear()


async def test_what_is_open_is_this_and_holds_no_data(door):
    ways_in = {"iam.enrolment.start", "iam.enrolment.confirm", "iam.session.create"}
    ways_in |= {"iam.passkey.challenge", "iam.passkey.sign-in"}
    ways_in |= {"iam.federation.issuers", "iam.federation.begin", "iam.federation.complete"}
    ways_in |= {"iam.patient.begin", "iam.patient.with-passkey", "iam.patient.with-password", "iam.patient.confirm"}
    assert ways_in == OPEN
    assert OPEN_PATHS == ("/healthz", "/readyz", "/v1/openapi.json", "/.well-known/oauth-protected-resource")
    async with door.client(None) as http:
        assert (await http.get("/healthz")).json() == {"status": "alive"}
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        assert (await http.get("/v1/openapi.json")).json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/docs", "/metrics", "/v1/../v1/keys/", "/v1/keys/a/b", "/.env"])
async def test_every_other_path_is_nothing(door, path):
    async with door.client(None) as http:
        answer = await http.get(path)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
