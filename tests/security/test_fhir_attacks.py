"""The FHIR door under attack: others' patients, fields that are not the client's, races, searches that say more than they ask.

NX-16. Whatever is refused leaves the history of every patient as it was, and the refusal in the log.
"""

import asyncio

import pytest
import pytest_asyncio

from nexus.consent.fhir.facts import internal_id
from nexus.kernel.operation import Outcome
from nexus.web.body import MAX_BODY_BYTES
from simulators.directives import purposes
from simulators.directives import r4 as consent_r4
from simulators.directives import r5 as consent_r5
from simulators.fhir_door import ELSEWHERE, NOBODY, FhirHospital, fhir_hospital

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESEARCH = {"type": "permit", "purpose": purposes("HRESCH")}
UNKNOWN = "sub-00000000000000000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hospital(tmp_path_factory):
    async with fhir_hospital(tmp_path_factory.mktemp("fhir")) as opened:
        yield opened


def document(hospital: FhirHospital, whose: str, /, **more):
    named = {"patient": {"reference": f"Patient/{whose}"}, "sourceAttachment": hospital.paper()}
    return consent_r4(**{"provision": RESEARCH, **named, **more})


async def made(hospital: FhirHospital) -> tuple[str, dict]:
    patient = await hospital.patient()
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient))
    assert answer.status_code == 201, answer.text
    return patient, answer.json()


def revocation(consent: str, patient: str) -> dict:
    named = [("consent", f"Consent/{consent}"), ("patient", f"Patient/{patient}")]
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueReference": {"reference": reference}} for name, reference in named],
    }


def interactions(hospital: FhirHospital, patient: str, consent: str):
    """Each interaction that concerns one patient: (method, path, body, headers)."""
    yield "GET", f"/r4/Consent/{consent}", None, {}
    yield "GET", f"/r5/Consent/{consent}", None, {}
    yield "GET", f"/r4/Consent/{consent}/_history", None, {}
    yield "GET", f"/r4/Consent/{consent}/_history/1", None, {}
    yield "GET", f"/r4/Consent?patient=Patient/{patient}", None, {}
    yield "GET", f"/r4/Consent?_id={consent}", None, {}
    yield "PUT", f"/r4/Consent/{consent}", document(hospital, patient, id=consent), {"If_Match": 'W/"1"'}
    yield "POST", "/r4/Consent", document(hospital, patient), {}
    yield "POST", "/r4/Consent/$revokeConsent", revocation(consent, patient), {}


async def test_a_patient_of_another_site_is_refused_like_one_who_does_not_exist(hospital):
    """Status, body and headers but for the operation's id are the same: nothing tells the two apart."""
    patient, consent = await made(hospital)
    unknown = f"{UNKNOWN.removeprefix('sub-')}.{consent['id'].partition('.')[2]}"
    before = hospital.clinic.version(internal_id(patient))
    real, invented = interactions(hospital, patient, consent["id"]), interactions(hospital, UNKNOWN, unknown)
    for (method, path, body, headers), (_, other_path, other_body, _) in zip(real, invented, strict=True):
        one = await hospital.ask(method, path, body, who=hospital.other_desk, **headers)
        other = await hospital.ask(method, other_path, other_body, who=hospital.other_desk, **headers)
        assert (one.status_code, one.content) == (other.status_code, other.content) == (404, one.content), (
            path,
            one.text,
        )
        assert dict(one.headers) | {"nexus-operation": ""} == dict(other.headers) | {"nexus-operation": ""}
        assert patient not in one.text and consent["id"] not in one.text
    assert hospital.clinic.version(internal_id(patient)) == before


async def test_the_number_of_a_patient_at_another_site_is_refused_like_an_unknown_one(hospital):
    await hospital.patient(site=ELSEWHERE, reference="IPP-1")
    answers = [
        await hospital.ask("GET", f"/r4/Consent?patient.identifier=urn:nexus:site:{ELSEWHERE}|{number}")
        for number in ("IPP-1", "IPP-2")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


async def test_strangers_are_refused_at_every_interaction_and_the_refusal_is_recorded(hospital):
    patient, consent = await made(hospital)
    for method, path, body, headers in interactions(hospital, patient, consent["id"]):
        for who, status in ((NOBODY, 401), (hospital.stranger, 404)):
            answer = await hospital.ask(method, path, body, who=who, **headers)
            expected = 403 if (who, method) == (hospital.stranger, "POST") and path == "/r4/Consent" else status
            assert answer.status_code in (expected, status), (path, answer.text)
            assert answer.json()["resourceType"] == "OperationOutcome"
            entry = (await hospital.audit.search(operation=answer.headers["nexus-operation"]))[0].content
            assert entry.outcome is not Outcome.ALLOWED
    for path in ("/r4/AuditEvent", "/r5/AuditEvent/1"):
        assert (await hospital.ask("GET", path, who=NOBODY)).status_code == 401


async def test_a_stranger_s_body_is_not_even_read(hospital):
    """Who sends it is asked first: a body that would be refused says so to nobody who is not known."""
    for body in (b"{", b'{"a": 1, "a": 2}', b"[" * 1000):
        answer = await hospital.ask("POST", "/r4/Consent", raw=body, who=NOBODY)
        assert answer.status_code == 401


async def test_fields_that_are_the_server_s_are_not_the_client_s(hospital):
    patient = await hospital.patient()
    sent = document(
        hospital,
        patient,
        id="00000000000000000000000000.11111111111111111111111111",
        meta={"versionId": "99", "lastUpdated": "1999-01-01T00:00:00Z"},
    )
    stored = (await hospital.ask("POST", "/r4/Consent", sent)).json()
    assert stored["id"] != sent["id"] and stored["meta"]["versionId"] == "1"
    assert not stored["meta"]["lastUpdated"].startswith("1999")
    for field, value in (
        ("recorded_by", "per_x"),
        ("account", "per_x"),
        ("approval", "int_x"),
        ("version", 0),
        ("kind", "objection"),
        ("subject", {"reference": f"Patient/{patient}"}),
    ):
        answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, **{field: value}))
        assert answer.status_code == 400, (field, answer.text)
    with hospital.audit.db.read() as tx:
        row = tx.one("SELECT recorded_by, account FROM consent_decision WHERE subject = ?", (internal_id(patient),))
    assert row == (hospital.desk.id, "")


async def test_a_consent_stays_with_its_patient(hospital):
    patient, consent = await made(hospital)
    other = await hospital.patient()
    moved = document(hospital, other, id=consent["id"])
    answer = await hospital.ask("PUT", f"/r4/Consent/{consent['id']}", moved, If_Match='W/"1"')
    assert answer.status_code == 422 and hospital.clinic.version(internal_id(other)) == 0
    answer = await hospital.ask("POST", "/r4/Consent/$revokeConsent", revocation(consent["id"], other))
    assert answer.status_code == 404 and hospital.clinic.ask(internal_id(patient)).allowed


async def test_of_updates_made_from_one_version_one_wins(hospital):
    patient, consent = await made(hospital)
    answers = await asyncio.gather(
        *(
            hospital.ask(
                "PUT",
                f"/r4/Consent/{consent['id']}",
                document(
                    hospital,
                    patient,
                    id=consent["id"],
                    provision={"type": "permit", "purpose": purposes(f"urn:nexus:project|p{number}")},
                ),
                If_Match='W/"1"',
            )
            for number in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7, [a.text for a in answers]
    shown = (await hospital.ask("GET", f"/r4/Consent/{consent['id']}")).json()
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    assert shown == winner and shown["meta"]["versionId"] == "2"


async def test_of_conditional_creates_at_the_same_moment_one_makes_it(hospital):
    patient = await hospital.patient()
    condition = {"If_None_Exist": f"patient={patient}&status=active"}
    answers = await asyncio.gather(
        *(hospital.ask("POST", "/r4/Consent", document(hospital, patient), **condition) for _ in range(3))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(201) == 1 and hospital.clinic.version(internal_id(patient)) == 1, [a.text for a in answers]


async def test_a_revocation_is_not_held_up_by_whatever_happens_meanwhile(hospital):
    patient, consent = await made(hospital)
    await asyncio.gather(
        hospital.ask("POST", "/r4/Consent/$revokeConsent", revocation(consent["id"], patient)),
        *(
            hospital.ask(
                "POST",
                "/r4/Consent",
                document(hospital, patient, provision={"type": "deny", "purpose": purposes("TRAIN")}),
            )
            for _ in range(4)
        ),
    )
    assert not hospital.clinic.ask(internal_id(patient)).allowed


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=active",
        "patient=*",
        "patient=Patient/*",
        "patient=Patient/%25",
        "patient=' OR 1=1 --",
        "patient=https://elsewhere.example/Patient/sub-1",
        "patient=Patient/x&patient=Patient/y",
        "patient=Patient/x,Patient/y",
        "patient:missing=true",
        "patient.name=Dupont",
        "_has:Consent:patient:_id=1",
        "_include=Consent:patient",
        "_filter=status eq active",
        "_query=all",
        "patient=Patient/x&_total=accurate",
        "patient=Patient/x&_summary=count",
        "patient=Patient/x&_sort=-date",
        "patient=Patient/x&_count=-1",
        "patient=Patient/x&_cursor=-1",
        "patient=Patient/x&_cursor=%00",
        "patient=Patient/x&_lastUpdated=sa2020",
        "patient=Patient/x&status=",
        "patient=" + "x" * 300,
        "&".join(f"_id={number}" for number in range(40)),
        "_id=" + "0" * 26 + "." + "1" * 26 + "/../x",
    ],
)
async def test_a_search_answers_what_was_asked_and_nothing_else(hospital, query):
    patient, consent = await made(hospital)
    answer = await hospital.ask("GET", f"/r4/Consent?{query}")
    assert answer.status_code in (400, 404), (query, answer.text)
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert patient not in answer.text and consent["id"] not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/r4/Consent/{id}", 405),
        ("PATCH", "/r4/Consent/{id}", 405),
        ("PUT", "/r4/Consent?patient=x", 405),
        ("POST", "/r4/AuditEvent", 405),
        ("POST", "/r4/Consent/$fileConsent", 404),
        ("GET", "/r4/Patient/x", 404),
        ("POST", "/r4", 404),
        ("POST", "/r4/", 404),
        ("GET", "/r4/Consent/{id}?_summary=true", 400),
        ("POST", "/r4/Consent?patient=x", 400),
        ("GET", "/r3/metadata", 404),
        ("GET", "/r4/Consent/..%2f..%2fv1%2fkeys", 404),
    ],
)
async def test_what_is_no_interaction_is_refused_in_fhirs_words(hospital, method, path, status):
    _, consent = await made(hospital)
    answer = await hospital.ask(
        method, path.format(id=consent["id"]), {} if method in ("POST", "PUT", "PATCH") else None
    )
    assert answer.status_code in (status, 405), answer.text
    if not path.startswith(("/r3", "/r4/Consent/..")) and path != "/r4":
        assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "application/fhir+json; fhirVersion=5.0"}, 406),
        ({"Accept": "application/fhir+json; fhirVersion=4.0"}, 200),
        ({"Accept": "text/html, application/json;q=0.9"}, 200),
        ({"Accept": "application/json;q=0"}, 406),
        ({"If_None_Match": 'W/"1"'}, 200),
    ],
)
async def test_the_form_of_the_answer_is_negotiated(hospital, headers, status):
    _, consent = await made(hospital)
    answer = await hospital.ask("GET", f"/r4/Consent/{consent['id']}", **headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json; fhirVersion=4.0")
    formats = {"json": 200, "application/fhir%2Bjson": 200, "xml": 406, "ttl": 406}
    for format_, expected in formats.items():
        assert (await hospital.ask("GET", f"/r4/Consent/{consent['id']}?_format={format_}")).status_code == expected


@pytest.mark.parametrize(
    "declared",
    [
        "application/fhir+xml",
        "text/plain",
        "",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+json; charset=utf-16",
        "application/json; profile=x",
    ],
)
async def test_a_body_that_is_declared_as_something_else_is_not_read(hospital, declared):
    patient = await hospital.patient()
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient), Content_Type=declared)
    assert answer.status_code == 415, answer.text
    assert hospital.clinic.version(internal_id(patient)) == 0


async def test_a_body_that_is_too_large_is_refused(hospital):
    answer = await hospital.ask("POST", "/r4/Consent", raw=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413 and answer.json()["issue"][0]["code"] == "too-long"


async def test_a_consent_of_one_release_is_not_taken_for_one_of_the_other(hospital):
    patient = await hospital.patient()
    newer = consent_r5("permit", subject={"reference": f"Patient/{patient}"}, sourceAttachment=[hospital.paper()])
    assert (await hospital.ask("POST", "/r4/Consent", newer)).status_code == 400
    assert (await hospital.ask("POST", "/r5/Consent", document(hospital, patient))).status_code == 400
    assert hospital.clinic.version(internal_id(patient)) == 0


async def test_neither_answers_nor_entries_hold_what_a_refused_body_said(hospital):
    patient = await hospital.patient()
    said = "Jean Dupont, 12 rue des Lilas"
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, dateTime=said))
    assert answer.status_code == 400 and said not in answer.text
    entry = (await hospital.audit.search(operation=answer.headers["nexus-operation"]))[0]
    assert entry.content.outcome is Outcome.FAILED and said not in str(entry)
