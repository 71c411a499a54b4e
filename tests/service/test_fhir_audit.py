"""AuditEvent over FHIR: what the audit log says, in IHE's profiles, to those who may read the log (NX-12, NX-16)."""

from dataclasses import replace

import pytest
import pytest_asyncio

from nexus.consent.fhir.facts import internal_id
from nexus.consent.fhir.releases import Release, check_structure
from simulators.audit_log import read_entry
from simulators.fhir_door import FhirHospital, fhir_hospital
from simulators.operations import operation

pytestmark = pytest.mark.asyncio(loop_scope="module")
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hospital(tmp_path_factory):
    async with fhir_hospital(tmp_path_factory.mktemp("fhir")) as opened:
        yield opened


async def events(hospital: FhirHospital, query: str, release: Release = Release.R4) -> list[dict]:
    answer = await hospital.ask("GET", f"/{release.value}/AuditEvent?{query}", who=hospital.auditor)
    assert answer.status_code == 200, answer.text
    check_structure(release, "Bundle", answer.json())
    assert "total" not in answer.json()
    return [entry["resource"] for entry in answer.json().get("entry", [])]


async def read_of(hospital: FhirHospital) -> str:
    """A patient whose data somebody read."""
    patient = await hospital.patient()
    await hospital.audit.db.record(replace(read_entry("per_ana", "a/1"), subject=internal_id(patient)))
    return patient


def slices(event: dict) -> dict[str, dict]:
    """Agents and entities of an event in R4, by the codes that BALP tells them apart by."""
    agents = {each["type"]["coding"][0]["code"]: each for each in event["agent"]}
    return agents | {each["type"]["code"]: each for each in event["entity"]}


async def test_a_read_is_told_as_balp_profiles_it(hospital):
    patient = await read_of(hospital)
    (event,) = await events(
        hospital, f"patient=Patient/{patient}&entity.identifier=urn:nexus:resource|Object:ingress/a/1"
    )
    found = slices(event)
    assert event["meta"]["profile"] == [f"{BALP}.PatientRead"]
    assert (event["type"]["code"], event["subtype"][0]["code"], event["action"]) == ("rest", "read", "R")
    assert event["outcome"] == "0" and event["source"]["observer"]
    assert {"110152", "110153", "IRCP"} <= set(found), "client, server, user"
    assert all("network" in found[part] and not found[part]["requestor"] for part in ("110152", "110153"))
    assert found["IRCP"]["requestor"] and "network" not in found["IRCP"]
    assert found["IRCP"]["who"]["identifier"]["value"] == "per_ana" and found["IRCP"]["purposeOfUse"]
    assert found["XrequestId"]["what"]["identifier"]["value"].startswith("op_")
    assert found["2"]["role"]["code"] == "4" and found["2"]["what"]["identifier"]["value"] == "Object:ingress/a/1"
    assert found["1"]["role"]["code"] == "1" and found["1"]["what"] == {"reference": f"Patient/{patient}"}
    (newer,) = await events(hospital, f"patient={patient}&entity.identifier=Object:ingress/a/1", Release.R5)
    assert newer["patient"] == {"reference": f"Patient/{patient}"} and newer["outcome"]["code"]["code"] == "success"


async def test_a_refusal_claims_no_profile_of_a_success(hospital):
    patient = await hospital.patient()
    entry = operation("per_ana").denied("objects.object.read", read_entry().resource)
    await hospital.audit.db.record(replace(entry, subject=internal_id(patient)))
    (event,) = await events(hospital, f"patient={patient}&outcome=4")
    assert "meta" not in event and event["outcome"] == "4"
    (newer,) = await events(hospital, f"patient={patient}&outcome=error", Release.R5)
    assert newer["outcome"]["code"]["code"] == "error"


async def test_what_concerned_other_patients_is_not_told(hospital):
    one, other = await read_of(hospital), await read_of(hospital)
    told = str(await events(hospital, f"patient={one}"))
    assert one in told and other not in told
    assert await events(hospital, "patient=Patient/sub-nobody") == []


async def test_an_entry_is_read_by_its_place(hospital):
    patient = await read_of(hospital)
    event = (await events(hospital, f"patient={patient}"))[0]
    for release in Release:
        answer = await hospital.ask("GET", f"/{release.value}/AuditEvent/{event['id']}", who=hospital.auditor)
        check_structure(release, "AuditEvent", answer.json())
        assert answer.json()["id"] == event["id"]
    for missing in ("999999", "x", "-1", "9" * 40):
        assert (await hospital.ask("GET", f"/r4/AuditEvent/{missing}", who=hospital.auditor)).status_code == 404
    assert [each["id"] for each in await events(hospital, f"_id={event['id']}")] == [event["id"]]


async def test_pages_follow_each_other_to_the_beginning(hospital):
    patient = await hospital.patient()
    for number in range(5):
        await hospital.audit.db.record(replace(read_entry("per_ana", f"p/{number}"), subject=internal_id(patient)))
    seen, path = [], f"/r4/AuditEvent?patient={patient}&agent.identifier=urn:nexus:identity|per_ana&_count=2"
    while path:
        bundle = (await hospital.ask("GET", path, who=hospital.auditor)).json()
        seen += [int(entry["resource"]["id"]) for entry in bundle.get("entry", [])]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        path = following[0].removeprefix("https://nexus.test/fhir") if following else ""
    assert len(seen) == 5 and seen == sorted(seen, reverse=True)


async def test_who_may_not_read_the_log_learns_nothing_of_it(hospital):
    for who in (hospital.desk, hospital.stranger):
        for path in ("/r4/AuditEvent?date=ge2020", "/r5/AuditEvent/1", "/r4/AuditEvent/999999"):
            answer = await hospital.ask("GET", path, who=who)
            assert answer.status_code == 403 and answer.json()["issue"][0]["code"] == "forbidden", answer.text


async def test_the_search_itself_is_recorded(hospital):
    patient = await read_of(hospital)
    answer = await hospital.ask("GET", f"/r4/AuditEvent?patient={patient}", who=hospital.auditor)
    assert answer.status_code == 200
    assert (await hospital.audit.search(action="audit.entry.list"))[0].content.actor.id == hospital.auditor.id
