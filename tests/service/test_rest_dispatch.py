"""Each REST operation takes the one path, and leaves exactly one entry whatever becomes of it (NX-12, F-070)."""

import asyncio
import json
import logging
from dataclasses import replace

import pytest
from starlette.requests import Request

from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Outcome
from nexus.web import body
from simulators.door import open_door
from simulators.doorkeepers import ALICE, BOB, Claimed, FourEyes

ALL = ("note.create", "note.list", "note.read", "note.delete", "note.burn", "note.crash", "note.fail", "note.leak")


@pytest.fixture
def door(tmp_path):
    door = open_door(tmp_path)
    door.rights.give(ALICE, *ALL)
    yield door
    door.db.close()


def outcomes(door):
    return [(e.outcome, e.action, e.details.get("code")) for e in door.audit.entries]


async def test_an_allowed_operation_runs_once_and_is_recorded_once_with_who_when_where_and_why(door):
    async with door.client() as http:
        answer = await http.post(
            "/v1/notes",
            json={"text": "hello", "until": "2026-11-23T04:18:01+01:00", "tags": ["a", "b"]},
            headers={"Nexus-Purpose": "care"},
        )
    assert answer.status_code == 200
    assert answer.json() == {
        "id": "note_1",
        "tags": ["a", "b"],
        "text": "hello",
        "until": "2026-11-23T03:18:01.000000Z",
    }
    (entry,) = door.audit.entries
    assert entry.operation.id == answer.headers["nexus-operation"]
    assert (entry.operation.actor, entry.operation.purpose, entry.outcome) == (ALICE, "care", Outcome.ALLOWED)
    assert (entry.operation.at, entry.operation.door) == (door.clock.now(), "api")
    assert (entry.operation.origin, entry.operation.client) == ("127.0.0.1", "test-client")


async def test_path_and_query_become_typed_fields(door):
    async with door.client() as http:
        answer = await http.get("/v1/notes?limit=7&tags=a&tags=b&pinned=true&since=2026-01-01T00:00:00Z")
        assert answer.status_code == 200, answer.text
        missing = await http.get("/v1/notes/note_404")
    request = door.book.seen[0][1]
    assert (request.limit, request.tags, request.pinned) == (7, ("a", "b"), True)
    assert door.book.seen[1][1].id == "note_404"
    assert missing.status_code == 404 and missing.json()["code"] == "note.unknown"
    assert outcomes(door)[1] == (Outcome.FAILED, "note.read", "note.unknown")
    assert str(door.audit.entries[1].resource) == "Note:note_404"


async def test_a_result_of_none_is_an_empty_answer(door):
    async with door.client() as http:
        await http.post("/v1/notes", json={"text": "x"})
        answer = await http.delete("/v1/notes/note_1")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("token", "client"),
    [(None, "test-client"), ("garbage", "test-client"), ("token-alice", "another-client"), ("x" * 600, "test-client")],
)
async def test_nobody_is_refused_and_the_refusal_is_recorded(door, token, client):
    async with door.client(token, **{"User-Agent": client}) as http:
        answer = await http.get("/v1/notes")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert [outcome for outcome, _, _ in outcomes(door)] == [Outcome.DENIED]
    assert door.audit.entries[0].operation.actor.id == "anonymous"
    assert door.book.seen == []


async def test_two_authorization_headers_are_nobody(door):
    async with door.client(None) as http:
        headers = [("authorization", "Bearer token-alice"), ("authorization", "Bearer token-bob")]
        assert (await http.get("/v1/notes", headers=headers)).status_code == 401


async def test_a_person_without_the_right_is_refused_before_anything_runs(door):
    async with door.client("token-bob") as http:
        answer = await http.get("/v1/notes/note_1")
    assert (answer.status_code, answer.json()["code"]) == (403, "iam.denied")
    assert outcomes(door) == [(Outcome.DENIED, "note.read", "iam.denied")]
    assert door.audit.entries[0].operation.actor == BOB
    assert door.book.seen == []


async def test_while_sealed_nothing_happens_and_nobody_is_even_asked_for(door):
    door.lease.held = False
    async with door.client() as http:
        answer = await http.get("/v1/notes")
        ready = await http.get("/readyz")
    assert (answer.status_code, answer.json()["kind"]) == (503, "sealed")
    assert (ready.status_code, ready.json()) == (503, {"status": "sealed"})
    assert outcomes(door) == [(Outcome.FAILED, "note.list", "sealed")]
    assert door.rights.asked == [] and door.book.seen == []


async def test_while_sealed_the_operations_that_concern_the_seal_still_ask_who_it_is(door):
    door.lease.held = False
    door = replace(door, while_sealed=("note.list",))
    async with door.client() as http, door.client("garbage") as stranger:
        assert (await http.get("/v1/notes")).status_code == 200
        assert (await http.get("/v1/notes/note_1")).status_code == 503
        assert (await stranger.get("/v1/notes")).status_code == 401


async def test_an_unknown_purpose_is_refused(door):
    async with door.client(**{"Nexus-Purpose": "curiosity"}) as http:
        answer = await http.get("/v1/notes")
    assert (answer.status_code, answer.json()["code"]) == (400, "web.purpose")
    assert "care, operation, research" in answer.json()["hint"]
    assert door.audit.entries[0].operation.actor == ALICE


async def test_if_the_log_cannot_be_written_the_operation_does_not_happen(door):
    door.audit.broken = True
    async with door.client() as http:
        allowed = await http.post("/v1/notes", json={"text": "x"})
        refused = await http.get("/v1/notes/note_404")
    door.audit.broken = False
    assert (allowed.status_code, allowed.json()["code"]) == (503, "web.unrecorded")
    assert (refused.status_code, refused.json()["code"]) == (503, "web.unrecorded")
    with door.db.read() as tx:
        assert tx.all("SELECT * FROM note") == []


async def test_an_unexpected_error_says_nothing_but_its_operation(door, caplog):
    with caplog.at_level(logging.ERROR):
        async with door.client() as http:
            answer = await http.post("/v1/notes/note_1/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "CANARY" not in answer.text and "Traceback" not in answer.text
    operation = answer.headers["nexus-operation"]
    assert answer.json()["operation"] == operation
    assert operation in caplog.text and "KeyError" in caplog.text and "CANARY" not in caplog.text
    assert outcomes(door) == [(Outcome.FAILED, "note.crash", "internal")]


async def test_a_secret_in_a_result_that_was_not_declared_never_leaves(door, caplog):
    async with door.client() as http:
        answer = await http.post("/v1/notes/note_1/leak")
    assert answer.status_code == 500 and "never to be seen" not in answer.text + caplog.text


async def test_an_operation_without_action_is_open_and_its_declared_secret_leaves_once(door):
    async with door.client(None) as http:
        answer = await http.post("/v1/lock", json={"password": "drowssap"})
    assert answer.json() == {"token": "tok_password"}
    assert answer.headers["cache-control"] == "no-store"
    assert door.book.seen[0][0].actor.id == "anonymous"


async def test_an_operation_that_takes_too_long_ends_with_an_answer(door):
    async def sleep(service, op, request):
        await asyncio.sleep(60)

    slow = replace(door.dispatcher.specs["note.read"], run=sleep)
    door = replace(door, specs=[slow], timeout_s=0.05)
    async with door.client() as http:
        answer = await http.get("/v1/notes/note_1")
    assert (answer.status_code, answer.json()["code"]) == (504, "web.timeout")
    assert outcomes(door) == [(Outcome.FAILED, "note.read", "web.timeout")]


class TestFourEyes:
    """A sensitive operation is held, approved by its exact bytes, executed once by someone with the right."""

    async def propose(self, http):
        await http.post("/v1/notes", json={"text": "x"})
        answer = await http.post("/v1/notes/note_1/burn")
        assert answer.status_code == 202
        return answer.json()

    async def test_it_does_not_run_but_becomes_an_intent_with_the_exact_request(self, door):
        async with door.client() as http:
            intent = await self.propose(http)
        assert intent == {"id": "int_0", "operation": "note.burn", "request": '{"id":"note_1"}', "state": "proposed"}
        assert len(door.book.seen) == 1

    async def test_approved_it_runs_once_with_the_approval_in_its_entry(self, door):
        door.rights.give(ALICE, "iam.approval.execute")
        async with door.client() as http:
            intent = await self.propose(http)
            early = await http.post(f"/v1/approvals/{intent['id']}/execute")
            door.four_eyes.approved.add(intent["id"])
            done = await http.post(f"/v1/approvals/{intent['id']}/execute")
            again = await http.post(f"/v1/approvals/{intent['id']}/execute")
        assert [a.status_code for a in (early, done, again)] == [403, 204, 409]
        entry = next(e for e in door.audit.entries if e.action == "note.delete")
        assert entry.operation.approval == intent["id"]
        assert outcomes(door)[-1] == (Outcome.FAILED, "note.burn", "iam.approval-executed")

    async def test_who_lacks_the_right_itself_cannot_use_up_the_approval(self, door):
        door.rights.give(BOB, "iam.approval.execute")
        async with door.client() as http:
            intent = await self.propose(http)
        door.four_eyes.approved.add(intent["id"])
        async with door.client("token-bob") as http:
            refused = await http.post(f"/v1/approvals/{intent['id']}/execute")
        assert refused.status_code == 403
        assert door.four_eyes.executed == set()

    async def test_content_that_changed_between_reading_and_claiming_is_never_run(self, door):
        class Swapping(FourEyes):
            async def claim(self, op, intent_id):
                await super().claim(op, intent_id)
                return Claimed("note.burn", b'{"id":"another"}')

        door = replace(door, four_eyes=Swapping())
        door.rights.give(ALICE, "iam.approval.execute")
        async with door.client() as http:
            intent = await self.propose(http)
            door.four_eyes.approved.add(intent["id"])
            answer = await http.post(f"/v1/approvals/{intent['id']}/execute")
        assert (answer.status_code, answer.json()["code"]) == (403, "web.approval-mismatch")
        assert len(door.book.seen) == 1


class TestBadInput:
    """Whatever is sent, the answer is precise, and nothing runs."""

    @pytest.mark.parametrize(
        ("content", "headers", "code"),
        [
            (b'{"text": "a", "extra": 1}', {}, "web.invalid-request"),
            (b'{"text": 5}', {}, "web.invalid-request"),
            (b'"text"', {}, "web.invalid-request"),
            (b"{", {}, "web.not-json"),
            (b'{"text": ' + b"[" * 40 + b"]" * 40 + b"}", {}, "web.json-too-deep"),
            (b'{"text": "a"}', {"content-type": "text/plain"}, "web.media-type"),
            (b'{"text": "a"}', {"content-type": "application/json; charset=latin-1"}, "web.media-type"),
            (b'{"text": "a"}', {"content-encoding": "gzip"}, "web.media-type"),
            (b'{"text": "' + b"a" * body.MAX_BODY_BYTES + b'"}', {}, "web.body-too-large"),
            (b"{}", {"content-length": "9" * 30}, "web.body-too-large"),
            (b"{}", {"content-length": "-1"}, "web.content-length"),
        ],
    )
    async def test_a_bad_body(self, door, content, headers, code):
        async with door.client(**{"content-type": "application/json", **headers}) as http:
            answer = await http.post("/v1/notes", content=content)
        assert answer.json()["code"] == code
        assert 400 <= answer.status_code < 500
        assert [code_ for _, _, code_ in outcomes(door)] == [code]
        assert door.book.seen == []

    @pytest.mark.parametrize(
        ("method", "url", "code"),
        [
            ("GET", "/v1/notes?limit=many", "web.invalid-request"),
            ("GET", "/v1/notes?limit=1&limit=2", "web.invalid-request"),
            ("GET", "/v1/notes?unknown=1", "web.invalid-request"),
            ("GET", "/v1/notes?since=yesterday", "web.invalid-request"),
            ("GET", "/v1/notes/note_1?id=note_2", "web.invalid-request"),
            ("POST", "/v1/notes?text=a", "web.unexpected-query"),
            ("GET", "/v1/nothing", "web.no-route"),
            ("GET", "/v1/notes/a/b/c", "web.no-route"),
            ("GET", "/v1/notes/", "web.no-route"),
            ("PATCH", "/v1/notes", "web.method"),
            ("GET", "/v1/notes?limit=" + "1" * 9000, "web.url-too-long"),
        ],
    )
    async def test_a_bad_address(self, door, method, url, code):
        async with door.client() as http:
            answer = await http.request(method, url)
        assert answer.headers["content-type"] == "application/problem+json"
        assert json.loads(answer.content)["code"] == code
        assert door.book.seen == []

    async def test_a_read_without_its_bytes(self, door):
        async with door.client() as http:
            assert (await http.head("/v1/notes")).status_code == 405
        assert door.audit.entries == []

    async def test_a_body_where_none_belongs(self, door):
        async with door.client() as http:
            answer = await http.request("DELETE", "/v1/notes/note_1", json={"id": "note_2"})
        assert answer.json()["code"] == "web.unexpected-body"

    @pytest.mark.parametrize(("method", "url"), [("GET", "/v1/notes/{}"), ("POST", "/v1/notes/{}/burn")])
    async def test_a_bad_path_field_is_named(self, door, method, url):
        async with door.client() as http:
            answer = await http.request(method, url.format("x" * 41))
        assert answer.status_code == 400 and answer.json()["detail"].endswith("at `$.id`")

    async def test_a_path_field_repeated_in_the_body(self, door):
        async with door.client() as http:
            answer = await http.post("/v1/notes/note_1/burn", json={"id": "note_2"})
        assert answer.status_code == 400 and "`id` stands in the path" in answer.json()["detail"]

    async def test_a_body_without_declared_length_is_limited_too(self, door):
        async def chunks():
            for _ in range(body.MAX_BODY_BYTES // 1024 + 1):
                yield b" " * 1024

        async with door.client(**{"content-type": "application/json"}) as http:
            answer = await http.post("/v1/notes", content=chunks())
        assert answer.status_code == 413

    async def test_strangers_are_refused_before_their_body_is_read(self, door):
        async def endless():
            yield b"{"
            raise AssertionError("the body of a stranger was read")

        async with door.client("garbage", **{"content-type": "application/json"}) as http:
            assert (await http.post("/v1/notes", content=endless())).status_code == 401


async def test_a_body_that_does_not_come_is_given_up():
    async def never():
        await asyncio.sleep(60)

    request = Request({"type": "http", "headers": []}, receive=never)
    with pytest.raises(Invalid) as refused:
        await body.read_json_body(request, timeout_s=0.05)
    assert refused.value.code == "web.slow-body"


async def test_every_answer_carries_the_security_headers_and_no_cookie(door):
    async with door.client() as http:
        answers = [await http.get(path) for path in ("/healthz", "/readyz", "/v1/openapi.json", "/v1/notes", "/nope")]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "max-age" in answer.headers["strict-transport-security"]
        assert "set-cookie" not in answer.headers
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404]
