"""The two services of pseudonyms in a running platform, from the file of a hospital to the patient who is called back.

R-093, R-051, R-086, R-087, EMC-05, EMC-07.
"""

import csv
import io
import json
import subprocess

import pyarrow
import pyarrow.parquet
import pytest

from nexus.app.cli.rest_client import Refused
from nexus.app.demo.people import four_eyes, in_days
from simulators.installation import Installation, until

NIRS = ("2690549588157", "1841276451089", "2990549588157")
WHY = "the study found something that concerns her heart"
LEVELS = ("pseudonyms-first", "pseudonyms-second")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("psd"), pseudonyms="true").found().up()
    installation.founder("alice")
    yield installation
    installation.destroy()


def running(installation: Installation) -> dict[str, str]:
    return {each["name"]: each["state"] for each in installation.status()["processes"]}


def test_both_run_beside_the_others_and_status_says_so(platform):
    assert {name: running(platform)[name] for name in LEVELS} == dict.fromkeys(LEVELS, "running")


def test_each_has_a_database_of_its_own_in_which_nothing_is_legible(platform):
    places = {
        place.name: sorted(file.name for file in place.iterdir()) for place in (platform.data / "pseudonyms").iterdir()
    }
    assert set(places) == {"first", "second"}
    assert "linkage.db" in places["first"] and "ledger.db" in places["second"]
    for file in (platform.data / "pseudonyms").rglob("*.db"):
        assert not file.read_bytes().startswith(b"SQLite format 3")


def test_what_they_record_reaches_the_audit_log(platform):
    alice = platform.persons["alice"]
    found = until(
        lambda: alice.call("audit.entry.list", for_purpose="audit", action="pseudonyms.found")["entries"],
        what="the entry of the first level",
    )
    assert found[0]["content"]["actor"]["id"] == "system:pseudonyms-first"


def test_a_backup_holds_both_as_they_wrote_them(platform):
    backup = platform.root / "backup"
    platform.json("backup", "create", str(backup))
    kept = {str(file.relative_to(backup)) for file in (backup / "pseudonyms").rglob("*") if file.is_file()}
    assert kept == {
        f"pseudonyms/{place}"
        for place in ("first/linkage.db", "first/key.wrapped", "second/ledger.db", "second/key.wrapped")
    }
    listed = {file[0] for file in json.loads((backup / "manifest.json").read_text())["files"]}
    assert kept <= listed


def test_one_that_is_killed_comes_back(platform):
    before = {each["name"]: each["pid"] for each in platform.status()["processes"]}
    subprocess.run(["kill", "-9", str(before["pseudonyms-second"])], check=True)
    until(
        lambda: running(platform)["pseudonyms-second"] == "running" and pid(platform) != before["pseudonyms-second"],
        what="its return",
    )


def pid(installation: Installation) -> int:
    return next(each["pid"] for each in installation.status()["processes"] if each["name"] == "pseudonyms-second")


@pytest.fixture(scope="module")
def study(platform):
    """A patient whom consent knows, a hospital's file with identities, a project with a domain of its own."""
    alice = platform.founder("alice")
    steward = platform.person("david", "data_steward", "platform")
    fiona = platform.person("fiona", "consent_desk", "site:chu-lille")
    subject = fiona.call("consent.subject.register", site="chu-lille", reference="8004")["subject"]
    for domain in ("EMC2", "HEART", "LUNG"):
        steward.call("pseudonyms.domain.open", domain=domain)
    for project, domain in (("heart", "HEART"), ("lung", "LUNG")):
        about = {"title": f"A study of the {project}", "controller": "CHU Lille", "legal_basis": "public-interest"}
        more = {"purpose": "research", "summary": "What happens to patients after a year."}
        steward.call("projects.project.request", name=project, **about, **more)
        scope = {"tables": {"stays": ["ward"]}, "period_from": "2020-01-01", "period_until": "2025-01-01"}
        dated = {"decided_on": in_days(-1), "ends_at": in_days(90), "reference": "decision 12"}
        scoped = {**scope, "pseudonym_domain": domain}
        four_eyes(steward, alice, "projects.permit.issue", name=project, scope=scoped, **dated)
    steward.call("objects.bucket.create", name="lille-in", site="chu-lille", kind="ingress")
    steward.call("objects.bucket.create", name="lille", site="chu-lille")
    s3 = platform.s3(steward.access_key("quality"))
    rows = "".join(f"{nir},{subject if not n else ''},ward {n}\n" for n, nir in enumerate(NIRS))
    s3.put_object(Bucket="lille-in", Key="stays.csv", Body=f"nir,subject,ward\n{rows}".encode())
    return platform, steward, s3, subject


def rewritten(steward, s3, source: str, key: str, **request) -> list[list[str]]:
    """The rows of what the platform made of a CSV file."""
    return list(csv.reader(rewrite(steward, s3, source, key, **request).decode().splitlines()))


def rewrite(steward, s3, source: str, key: str, **request) -> bytes:
    """What the platform made of a file."""
    into = f"{key}-{request['domain']}"
    asked = {"bucket": source, "key": key, "into": "lille", "into_key": into, **request}
    job = steward.call("pseudonyms.file.make", for_purpose="quality", **asked)["id"]
    until(lambda: steward.call("pseudonyms.file.read", id=job)["state"] != "queued", what="the rewriting", seconds=60)
    seen = steward.call("pseudonyms.file.read", id=job)
    assert seen["state"] == "rewritten", seen
    content: bytes = s3.get_object(Bucket="lille", Key=into)["Body"].read()
    return content


@pytest.fixture(scope="module")
def tables(study):
    """The warehouse's file, and those of two projects."""
    _, steward, s3, _ = study
    hub = rewritten(
        steward, s3, "lille-in", "stays.csv", domain="EMC2", identities={"nir": "nir", "subject": "subject"}
    )
    made = [
        rewritten(steward, s3, "lille", "stays.csv-EMC2", domain=domain, pseudonyms=["pseudonym"])
        for domain in ("HEART", "LUNG")
    ]
    return hub, *made


def test_a_file_of_a_hospital_becomes_one_without_identities(tables):
    hub, *_ = tables
    assert hub[0] == ["pseudonym", "ward"] and [row[1] for row in hub[1:]] == ["ward 0", "ward 1", "ward 2"]
    assert all(row[0].startswith("NXP1-EMC2-01-") for row in hub[1:])
    assert not any(nir in str(hub) for nir in NIRS)


def test_a_parquet_file_of_a_hospital_becomes_one_without_identities(study, tables):
    """From where it lies, in pieces; the same people have the same pseudonyms as in the CSV file."""
    _, steward, s3, _ = study
    columns = {"nir": pyarrow.array([int(nir) for nir in NIRS]), "bed": pyarrow.array([1, 2, 3], pyarrow.int8())}
    source, made = io.BytesIO(), io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), source)
    s3.put_object(Bucket="lille-in", Key="beds.parquet", Body=source.getvalue())
    for bucket, key, request in (
        ("lille-in", "beds.parquet", {"domain": "EMC2", "identities": {"nir": "nir"}}),
        ("lille", "beds.parquet-EMC2", {"domain": "HEART", "pseudonyms": ["pseudonym"]}),
    ):
        made = io.BytesIO(rewrite(steward, s3, bucket, key, **request))
    found = pyarrow.parquet.read_table(made)
    assert found["bed"].to_pylist() == [1, 2, 3] and found.schema.field("bed").type == pyarrow.int8()
    assert found["pseudonym"].to_pylist() == [row[0] for row in tables[1][1:]]


def test_two_projects_cannot_be_joined_by_their_pseudonyms(tables):
    """EMC-05."""
    bodies = [{row[0].split("-")[3] for row in table[1:]} for table in tables]
    assert [len(some) for some in bodies] == [3, 3, 3]
    assert not (bodies[0] & bodies[1] or bodies[0] & bodies[2] or bodies[1] & bodies[2])


def test_a_patient_is_called_back_by_two_persons_and_it_is_in_her_history(study, tables):
    """R-086."""
    platform, _, _, subject = study
    alice, desk = platform.founder("alice"), platform.person("denise", "reidentification_desk", "project:heart")
    asked = {"project": "heart", "pseudonyms": [tables[1][1][0]], "reason": WHY}
    (person,) = four_eyes(desk, alice, "pseudonyms.person.recontact", **asked)["people"]
    assert (person["nir"], person["shown"]) == (NIRS[0], True)
    query = {"for_purpose": "audit", "action": "pseudonyms.person.recontact", "outcome": "allowed"}
    shown = until(
        lambda: [
            entry["content"]
            for entry in alice.call("audit.entry.list", **query)["entries"]
            if entry["content"]["subject"] == subject
        ],
        what="the entry under the patient's name",
    )
    assert shown[0]["details"]["reason"] == WHY and shown[0]["actor"]["id"] == desk.id


def test_in_an_emergency_another_approver_agrees_and_it_is_one_person(study, tables):
    """R-087."""
    platform, *_ = study
    bruno, desk = platform.founder("bruno"), platform.person("denise", "reidentification_desk", "project:heart")
    asked = {"project": "heart", "pseudonym": tables[1][2][0], "reason": "she was given what she is allergic to"}
    (person,) = four_eyes(desk, bruno, "pseudonyms.person.emergency", **asked)["people"]
    assert (person["nir"], person["shown"]) == (NIRS[1], False)


def test_pseudonyms_of_another_project_are_those_that_nobody_has(study, tables):
    platform, *_ = study
    alice, desk = platform.founder("alice"), platform.person("denise", "reidentification_desk", "project:heart")
    for pseudonym in (tables[2][1][0], tables[0][1][0]):
        with pytest.raises(Refused) as refused:
            asked = {"project": "heart", "pseudonyms": [pseudonym], "reason": WHY}
            four_eyes(desk, alice, "pseudonyms.person.recontact", **asked)
        assert refused.value.error.code == "pseudonyms.unknown"


def test_a_domain_is_renewed_by_two_persons_and_files_follow(study, tables):
    platform, steward, s3, _ = study
    alice, bruno = platform.founder("alice"), platform.founder("bruno")
    renewed = four_eyes(alice, bruno, "pseudonyms.domain.renew", domain="EMC2", reason="its secret was seen in a dump")
    assert (renewed["epoch"], renewed["people"], renewed["ready"]) == (2, 3, True)
    s3.copy_object(Bucket="lille", Key="again.csv", CopySource={"Bucket": "lille", "Key": "stays.csv-EMC2"})
    now = rewritten(steward, s3, "lille", "again.csv", domain="EMC2", pseudonyms=["pseudonym"])
    assert all(row[0].startswith("NXP1-EMC2-02-") for row in now[1:])
    again = rewritten(
        steward, s3, "lille-in", "stays.csv", domain="EMC2", identities={"nir": "nir", "subject": "subject"}
    )
    assert again == now, "whoever comes again has the pseudonym that everybody was brought to"
    people = {
        (each["domain"], each["epoch"]): each["people"] for each in steward.call("pseudonyms.domain.list")["domains"]
    }
    assert people == {("EMC2", 1): 3, ("EMC2", 2): 3, ("HEART", 1): 3, ("LUNG", 1): 3}
