"""Consent over FHIR: what hospitals' software records is what the rules decide by, in R4 and R5 alike (NX-16, RG-08)."""

from datetime import date

import pytest
import pytest_asyncio

from nexus.consent.fhir.facts import internal_id
from nexus.consent.fhir.releases import Release, check_structure
from simulators.consents import permit
from simulators.directives import purposes, recipient
from simulators.directives import r4 as consent_r4
from simulators.directives import r5 as consent_r5
from simulators.fhir_door import ELSEWHERE, SITE, FhirHospital, fhir_hospital

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESEARCH = {"type": "permit", "purpose": purposes("HRESCH")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hospital(tmp_path_factory):
    async with fhir_hospital(tmp_path_factory.mktemp("fhir")) as opened:
        yield opened


async def recorded(hospital: FhirHospital, provision=None, **more):
    """A patient of the site with a Consent: (the patient's FHIR id, the Consent)."""
    patient = await hospital.patient()
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, provision or RESEARCH, **more))
    assert answer.status_code == 201, answer.text
    return patient, answer.json()


def document(hospital: FhirHospital, whose: str, provision=None, /, **more):
    named = {"patient": {"reference": f"Patient/{whose}"}, "sourceAttachment": hospital.paper(), **more}
    return consent_r4(**{"provision": provision or RESEARCH, **named})


def reads(hospital: FhirHospital, patient: str, purpose: str = "research", **more) -> bool:
    return hospital.clinic.ask(internal_id(patient), purpose, **more).allowed


async def test_a_consent_that_is_created_decides_the_next_read(hospital):
    patient = await hospital.patient()
    assert not reads(hospital, patient)
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, dateTime="2026-11-02"))
    made = answer.json()
    assert answer.status_code == 201 and reads(hospital, patient)
    assert answer.headers["etag"] == 'W/"1"' and "last-modified" in answer.headers
    assert answer.headers["location"] == f"https://nexus.test/fhir/r4/Consent/{made['id']}/_history/1"
    assert answer.headers["content-type"] == "application/fhir+json; fhirVersion=4.0"
    assert made["status"] == "active" and made["dateTime"] == "2026-11-02"
    assert made["provision"]["type"] == "permit" and made["organization"] == [{"reference": f"Organization/{SITE}"}]


async def test_a_consent_is_read_in_both_releases_whichever_it_was_written_in(hospital):
    patient, made = await recorded(hospital)
    for release in Release:
        answer = await hospital.ask("GET", f"/{release.value}/Consent/{made['id']}")
        check_structure(release, "Consent", answer.json())
        assert answer.json()["id"] == made["id"] and answer.headers["etag"] == 'W/"1"'
    written = consent_r5(
        "deny",
        {"purpose": purposes("PUBHLTH")},
        subject={"reference": f"Patient/{patient}"},
        sourceAttachment=[hospital.paper()],
    )
    answer = await hospital.ask("POST", "/r5/Consent", written)
    assert answer.status_code == 201, answer.text
    again = await hospital.ask("GET", f"/r4/Consent/{answer.json()['id']}")
    assert again.status_code == 200
    assert reads(hospital, patient, "public-health") and not reads(hospital, patient, "care"), (
        "R5 refuses what it does not name"
    )
    assert not reads(hospital, patient, "research"), "and a refusal wins"


async def test_a_patient_may_be_named_as_the_site_knows_him(hospital):
    patient = await hospital.patient(reference="IPP-4711")
    named = {"identifier": {"system": f"urn:nexus:site:{SITE}", "value": "IPP-4711"}}
    answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, patient=named))
    assert answer.status_code == 201 and answer.json()["patient"] == {"reference": f"Patient/{patient}"}
    found = await hospital.ask("GET", f"/r4/Consent?patient.identifier=urn:nexus:site:{SITE}|IPP-4711")
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [answer.json()["id"]]


async def test_an_update_replaces_what_stood_and_its_history_shows_both(hospital):
    patient, made = await recorded(hospital)
    changed = document(hospital, patient, {"type": "deny", "purpose": purposes("HRESCH")}, id=made["id"])
    answer = await hospital.ask("PUT", f"/r4/Consent/{made['id']}", changed, If_Match='W/"1"')
    assert answer.status_code == 200 and answer.headers["etag"] == 'W/"2"', answer.text
    assert not reads(hospital, patient)
    for number, type_ in ((1, "permit"), (2, "deny")):
        version = (await hospital.ask("GET", f"/r4/Consent/{made['id']}/_history/{number}")).json()
        assert (version["provision"]["type"], version["meta"]["versionId"]) == (type_, str(number))
    for release in Release:
        bundle = (await hospital.ask("GET", f"/{release.value}/Consent/{made['id']}/_history")).json()
        check_structure(release, "Bundle", bundle)
        assert [entry["response"]["etag"] for entry in bundle["entry"]] == ['W/"2"', 'W/"1"']
        assert "total" not in bundle


async def test_an_update_from_an_old_version_is_refused_and_changes_nothing(hospital):
    patient, made = await recorded(hospital)
    changed = document(hospital, patient, {"type": "deny", "purpose": purposes("HRESCH")}, id=made["id"])
    for tag, status in (('W/"2"', 412), (None, 428), ('W/"1", W/"2"', 400), ("*", 400)):
        headers = {} if tag is None else {"If_Match": tag}
        answer = await hospital.ask("PUT", f"/r4/Consent/{made['id']}", changed, **headers)
        assert answer.status_code == status, answer.text
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert reads(hospital, patient)


async def test_a_consent_made_inactive_permits_no_more(hospital):
    patient, made = await recorded(hospital)
    ended = {**document(hospital, patient, id=made["id"]), "status": "inactive"}
    answer = await hospital.ask("PUT", f"/r4/Consent/{made['id']}", ended, If_Match='W/"1"')
    assert answer.status_code == 200 and answer.json()["status"] == "inactive", answer.text
    assert not reads(hospital, patient)
    again = await hospital.ask(
        "PUT", f"/r4/Consent/{made['id']}", document(hospital, patient, id=made["id"]), If_Match='W/"2"'
    )
    assert again.status_code == 409


async def test_a_refusal_made_inactive_refuses_no_more(hospital):
    patient, made = await recorded(hospital, {"type": "deny", "purpose": purposes("TREAT")})
    assert not reads(hospital, patient, "care")
    ended = {
        **document(hospital, patient, {"type": "deny", "purpose": purposes("TREAT")}, id=made["id"]),
        "status": "inactive",
    }
    answer = await hospital.ask("PUT", f"/r4/Consent/{made['id']}", ended, If_Match='W/"1"')
    assert answer.json()["status"] == "inactive" and reads(hospital, patient, "care"), answer.text


@pytest.mark.parametrize("release", list(Release))
async def test_revoking_ends_the_permission_at_the_next_read(hospital, release):
    patient, made = await recorded(hospital)
    named = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "consent", "valueReference": {"reference": f"Consent/{made['id']}"}},
            {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}},
        ],
    }
    answer = await hospital.ask("POST", f"/{release.value}/Consent/$revokeConsent", named)
    assert answer.status_code == 200 and answer.json()["issue"][0]["severity"] == "information", answer.text
    check_structure(release, "OperationOutcome", answer.json())
    assert not reads(hospital, patient)
    shown = (await hospital.ask("GET", f"/{release.value}/Consent/{made['id']}")).json()
    assert shown["status"] == "inactive" and shown["meta"]["versionId"] == "2"
    again = await hospital.ask("POST", f"/{release.value}/Consent/$revokeConsent", named)
    assert again.status_code == 409
    somebody = await hospital.patient()
    named["parameter"][1]["valueReference"]["reference"] = f"Patient/{somebody}"
    assert (await hospital.ask("POST", f"/{release.value}/Consent/$revokeConsent", named)).status_code == 404


async def test_the_general_objection_is_shown_and_can_be_lifted(hospital):
    subject, account = await hospital.clinic.patient(site=SITE)
    await hospital.clinic.decide(account, subject, permit("research"))
    await hospital.clinic.object(account, subject)
    found = (await hospital.ask("GET", f"/r4/Consent?patient={subject.replace('_', '-')}&status=active")).json()
    kinds = [entry["resource"]["provision"]["type"] for entry in found["entry"]]
    assert kinds == ["permit", "deny"]
    objection = found["entry"][1]["resource"]
    changed = {**objection, "provision": RESEARCH, "sourceAttachment": hospital.paper()}
    assert (await hospital.ask("PUT", f"/r4/Consent/{objection['id']}", changed, If_Match='W/"1"')).status_code == 422
    assert not hospital.clinic.ask(subject).allowed
    lifted = {**objection, "status": "inactive"}
    unsigned = await hospital.ask("PUT", f"/r4/Consent/{objection['id']}", lifted, If_Match='W/"1"')
    assert unsigned.status_code == 422, "lifting gives something back: it needs the signed paper"
    signed = {**lifted, "sourceAttachment": hospital.paper()}
    answer = await hospital.ask("PUT", f"/r4/Consent/{objection['id']}", signed, If_Match='W/"1"')
    assert answer.status_code == 200 and answer.json()["status"] == "inactive", answer.text
    assert hospital.clinic.ask(subject).allowed


async def test_a_search_is_paged_and_says_no_total(hospital):
    patient, first = await recorded(hospital)
    for _ in range(4):
        await hospital.ask("POST", "/r4/Consent", document(hospital, patient))
    seen, path = [], f"/r4/Consent?patient=Patient/{patient}&_count=2"
    while path:
        bundle = (await hospital.ask("GET", path)).json()
        check_structure(Release.R4, "Bundle", bundle)
        assert "total" not in bundle and bundle["type"] == "searchset"
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        path = following[0].removeprefix("https://nexus.test/fhir") if following else ""
    assert len(seen) == len(set(seen)) == 5 and seen[0] == first["id"]
    posted = await hospital.ask(
        "POST",
        "/r4/Consent/_search",
        raw=f"patient={patient}&_id={first['id']}".encode(),
        Content_Type="application/x-www-form-urlencoded",
    )
    assert [entry["resource"]["id"] for entry in posted.json()["entry"]] == [first["id"]]


async def test_a_search_finds_by_each_of_its_parameters(hospital):
    patient = await hospital.patient()
    narrowed = {**RESEARCH, "actor": [recipient("Organization/inserm")]}
    for provision in (RESEARCH, narrowed, {"type": "deny", "purpose": purposes("urn:nexus:project|cohort")}):
        assert (await hospital.ask("POST", "/r4/Consent", document(hospital, patient, provision))).status_code == 201
    for asked, count in (
        ("", 3),
        ("&actor=Organization/inserm", 1),
        ("&purpose=urn:nexus:project|cohort", 1),
        ("&purpose=http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH", 2),
        ("&status=inactive", 0),
        ("&_lastUpdated=ge2020", 3),
        ("&_lastUpdated=lt2020", 0),
    ):
        bundle = (await hospital.ask("GET", f"/r4/Consent?patient={patient}{asked}")).json()
        assert len(bundle.get("entry", [])) == count, asked


async def test_a_conditional_create_makes_one_and_finds_it_the_next_time(hospital):
    patient = await hospital.patient()
    condition = {"If_None_Exist": f"patient=Patient/{patient}&status=active"}
    first = await hospital.ask("POST", "/r4/Consent", document(hospital, patient), **condition)
    second = await hospital.ask("POST", "/r4/Consent", document(hospital, patient), **condition)
    assert (first.status_code, second.status_code) == (201, 200), second.text
    assert second.json()["id"] == first.json()["id"]
    await hospital.ask("POST", "/r4/Consent", document(hospital, patient))
    third = await hospital.ask("POST", "/r4/Consent", document(hospital, patient), **condition)
    assert third.status_code == 412 and third.json()["issue"][0]["code"] == "multiple-matches"


async def test_the_answer_to_a_change_is_as_long_as_the_client_prefers(hospital):
    patient = await hospital.patient()
    for wanted, type_ in (
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("respond-async", "Consent"),
    ):
        answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient), Prefer=wanted)
        assert answer.status_code == 201 and "location" in answer.headers
        assert (answer.json()["resourceType"] if answer.content else None) == type_


@pytest.mark.parametrize("release", list(Release))
async def test_the_capability_statement_is_open_and_says_what_is_there(hospital, release):
    answer = await hospital.ask("GET", f"/{release.value}/metadata", who=hospital.stranger)
    statement = answer.json()
    check_structure(release, "CapabilityStatement", statement)
    assert statement["fhirVersion"] == {"r4": "4.0.1", "r5": "5.0.0"}[release.value]
    assert [each["type"] for each in statement["rest"][0]["resource"]] == ["Consent", "AuditEvent"]


async def test_a_guardian_decides_for_a_minor_until_majority(hospital):
    patient = await hospital.patient(born=date(2020, 1, 1))
    sent = document(hospital, patient, performer=[{"reference": "RelatedPerson/mother"}])
    made = (await hospital.ask("POST", "/r4/Consent", sent)).json()
    assert made["performer"] == [{"reference": "RelatedPerson/guardian"}]
    assert made["provision"]["period"] == {"end": "2037-12-31"}
    assert reads(hospital, patient)


async def test_each_refusal_names_its_element_and_stores_nothing(hospital):
    patient = await hospital.patient()
    for changed, element in (
        ({"sourceAttachment": None}, "Consent.sourceAttachment"),
        ({"organization": [{"reference": f"Organization/{ELSEWHERE}"}]}, "Consent.organization"),
        ({"status": "draft"}, "Consent.status"),
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "Consent.modifierExtension"),
        ({"provision": {**RESEARCH, "code": [{"coding": [{"code": "x"}]}]}}, "Consent.provision.code"),
    ):
        answer = await hospital.ask("POST", "/r4/Consent", document(hospital, patient, **changed))
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["expression"]) == (422, [element]), answer.text
    found = (await hospital.ask("GET", f"/r4/Consent?patient={patient}")).json()
    assert "entry" not in found and not reads(hospital, patient)
