"""Hospitals and the claims base deliver; one command makes the warehouse of it, on a real platform. EMC-06, EMC-07, R-093.

One hospital delivers CSV, one FHIR by the line, a clinic FHIR as a Bundle, a unit of intensive care MIMIC-III, the claims base Parquet.
"""

import csv
import json
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pytest
from msgspec.structs import replace

from nexus.pseudonyms.scanning import scan
from nexus.warehouse.intake.agreement import Agreement, FileKind
from simulators import fhir_hospital
from simulators.deliveries import agreed, rows, world
from simulators.installation import PASSPHRASE, Installation, until
from simulators.mimic_extract import PATIENTS, write_mimic

PERIOD = ("--period-from", "2024-01-01", "--period-until", (date.today() - timedelta(days=2)).isoformat())


@dataclass(frozen=True)
class Provider:
    folder: Path
    agreement: Agreement


@pytest.fixture(scope="module")
def providers(tmp_path_factory) -> dict[str, Provider]:
    made, others = world(tmp_path_factory.mktemp("world"), people=40), tmp_path_factory.mktemp("others")
    fhir = fhir_hospital.write(fhir_hospital.resources(made["hospital-2"]), others / "hospital-2")
    village = world(tmp_path_factory.mktemp("village"), people=12, seed=11)
    bundle = fhir_hospital.write(fhir_hospital.resources(village["hospital-1"]), others / "clinic", bundle=True)
    mimic = write_mimic(others / "icu")
    return {
        "clinic": Provider(bundle, fhir_hospital.agreed(bundle)),
        "icu": Provider(mimic, agreed(mimic)),
        "hospital-1": Provider(made["hospital-1"], agreed(made["hospital-1"])),
        "hospital-2": Provider(fhir, fhir_hospital.agreed(fhir)),
        "snds": as_parquet(made["snds"], others / "snds"),
    }


def as_parquet(folder: Path, into: Path) -> Provider:
    """The same tables, every column text."""
    into.mkdir()
    for path in folder.glob("*.csv"):
        duckdb.sql(f"COPY (FROM read_csv('{path}', all_varchar = true)) TO '{into / path.stem}.parquet'")
    said = agreed(folder)
    return Provider(into, replace(said, tables=tuple(replace(each, kind=FileKind.PARQUET) for each in said.tables)))


@pytest.fixture(scope="module")
def platform(tmp_path_factory, providers):
    """A platform with pseudonyms, a provider for each folder, and its first delivery accepted."""
    made = Installation(tmp_path_factory.mktemp("whb"), pseudonyms="true").found().up()
    steward = made.person("david", "data_steward", "platform")
    steward.call("pseudonyms.domain.open", domain="WAREHOUSE")
    desk = made.person("fiona", "consent_desk", "site:hospital-1")
    encounters = rows(providers["hospital-1"].folder / "encounters.csv")
    made.patient = Counter(row["PATIENT"] for row in encounters).most_common(1)[0][0]
    made.subject = desk.call("consent.subject.register", site="hospital-1", reference=made.patient)["subject"]
    made.desk, made.steward = desk, steward
    for name, provider in providers.items():
        register(made, steward, name, provider.agreement)
        view = deliver(made, steward, name, provider.folder, 1)
        assert view["state"] == "accepted", view["report"]
    yield made
    made.destroy()


def register(platform, steward, provider: str, agreed_upon: Agreement) -> None:
    bucket = f"{provider}-in"
    steward.call("objects.bucket.create", name=bucket, site=provider, kind="ingress")
    steward.call("objects.bucket.set-versioning", name=bucket, versioning="enabled")
    agreement = msgspec.to_builtins(agreed_upon) | {"unusable_percent": 20}
    steward.call("intake.provider.register", name=provider, title=provider, bucket=bucket, agreement=agreement)
    (platform.root / f"{provider}.json").write_text(json.dumps(agreement))


def deliver(platform, steward, provider: str, folder: Path, number: int, *after: str) -> dict:
    """What intake said of it. `after`: what `pack` is told of the delivery that it follows."""
    agreement = str(platform.root / f"{provider}.json")
    packed = ("intake", "pack", str(folder), "--provider", provider, "--number", str(number), "--agreement", agreement)
    platform.command(*packed, *PERIOD, *after)
    s3 = platform.s3(steward.access_key("operation"))
    for path in sorted(folder.iterdir(), key=lambda each: (each.suffix == ".json", each.name)):
        s3.put_object(Bucket=f"{provider}-in", Key=f"{number}/{path.name}", Body=path.read_bytes())
    steward.call("intake.delivery.submit", provider=provider, manifest=f"{number}/manifest.json")

    def decided():
        view = steward.call("intake.delivery.read", provider=provider, number=number)
        return view if view["state"] in {"accepted", "refused"} else None

    return until(decided, seconds=120, what="the check of a delivery")


def ask(platform, sql: str) -> list[tuple]:
    with duckdb.connect() as cdm:
        for folder in (platform.data / "warehouse" / "cdm" / "cdm").iterdir():
            cdm.execute(f"CREATE VIEW {folder.name} AS FROM read_parquet('{folder}/*.parquet')")
        return cdm.execute(sql).fetchall()


def persons(platform) -> set[str]:
    return {row[0] for row in ask(platform, "SELECT person_source_value FROM person")}


def build(platform, *options: str):
    """By the command; on a crowded machine a build takes longer than other commands may."""
    asked = [
        *_nexus(),
        "warehouse",
        "build",
        "--memory",
        "1GB",
        "--threads",
        "1",
        "--json",
        "--data",
        str(platform.data),
    ]
    done = subprocess.run([*asked, *options], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_command_makes_the_warehouse_and_the_log_says_what_of(platform, providers):
    built = build(platform)
    assert built["began"] == "new" and {each["provider"] for each in built["deliveries"]} == set(providers)
    assert built["persons"] == len(persons(platform)) > 25
    assert all(one.startswith("NXP1-WAREHOUSE-01-") for one in persons(platform))
    alice = platform.founder("alice")
    entries = alice.call("audit.entry.list", for_purpose="audit", action="warehouse.build")["entries"]
    content = entries[0]["content"]
    assert content["details"]["deliveries"] == "clinic 1, hospital-1 1, hospital-2 1, icu 1, snds 1"
    assert content["actor"]["id"].startswith("local:")
    read = alice.call(
        "audit.entry.list", for_purpose="audit", action="objects.version.read", actor=content["actor"]["id"]
    )
    assert len(read["entries"]) >= 5, "each file that was read is in the log, by whom"
    assert build(platform)["began"] == "nothing"


def test_each_form_of_delivery_is_in_it(platform, providers):
    """Intensive care by what MIMIC-III alone writes; everybody whom the Bundle tells of."""
    of_care = (
        "SELECT count(DISTINCT person_id) FROM condition_occurrence WHERE condition_source_value IN ('99591', '0389')"
    )
    assert ask(platform, of_care) == [(len(PATIENTS),)]
    told = json.loads((providers["clinic"].folder / "all.json").read_text())
    births = {one["resource"]["birthDate"] for one in told["entry"] if one["resource"]["resourceType"] == "Patient"}
    born = ask(platform, "SELECT DISTINCT make_date(year_of_birth, month_of_birth, day_of_birth) FROM person")
    assert len(births) > 3 and births <= {str(day) for (day,) in born}


def test_no_identifier_is_on_the_disk_and_the_scanner_finds_pseudonyms_only(platform, providers):
    patients = rows(providers["hospital-1"].folder / "patients.csv")
    secret = {row[column] for row in patients for column in ("SSN", "Id")} - {""}
    resources = (providers["hospital-2"].folder / "Patient.ndjson").read_text(encoding="utf-8").splitlines()
    secret |= {json.loads(resource)["id"] for resource in resources} | set(PATIENTS)
    content = {path: data for path, data in platform.everything_on_disk().items() if "warehouse" in str(path)}
    assert content
    for path, data in content.items():
        assert not [one for one in secret if one.encode() in data], path
    found = scan(
        platform.data
        / "warehouse"
        / "cdm"
        / "cdm"
        / "person"
        / next(path.name for path in (platform.data / "warehouse" / "cdm" / "cdm" / "person").iterdir())
    )
    assert found.total and not found.mistyped


def test_an_objection_leaves_the_next_build(platform):
    before, now = persons(platform), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    decided = {"kind": "objection", "capacity": "self", "decided_at": now}
    platform.desk.call("consent.decision.record", subject=platform.subject, **decided)
    built = build(platform)
    assert (built["began"], built["excluded"]) == ("refresh", 1)
    assert len(before - persons(platform)) == 1


def test_a_hospital_delivers_changes_and_the_warehouse_follows(platform, providers, tmp_path):
    """An encounter is taken back with all that belongs to it, two are new; what follows the same delivery again is refused."""
    first = providers["hospital-1"].folder
    told = [row for row in rows(first / "encounters.csv") if row["PATIENT"] != platform.patient]
    gone, like = told[0], told[-1]
    conditions = sum(row["ENCOUNTER"] == gone["Id"] for row in rows(first / "conditions.csv"))
    visits = "SELECT count(*) FROM visit_occurrence"
    ((before,),), delivered_before = ask(platform, visits), build(platform)["deliveries"]
    with (tmp_path / "encounters.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(like))
        writer.writeheader()
        writer.writerows(like | {"Id": f"another-{number}"} for number in range(2))
    (tmp_path / "removed.csv").write_text(f"TABLE,KEY\nencounters,{gone['Id']}\n")
    after = ("--follows", str(first / "manifest.json"))
    view = deliver(platform, platform.steward, "hospital-1", tmp_path, 2, *after)
    assert (view["state"], view["kind"], view["chain"]) == ("accepted", "changes", [1, 2]), view["report"]
    built = build(platform)
    assert built["began"] == "refresh" and conditions
    (chained,) = [each for each in built["deliveries"] if each["provider"] == "hospital-1"]
    assert chained["changes"]["removed"] == 1 and chained not in delivered_before
    assert ask(platform, visits) == [(before + 1,)]
    (tmp_path / "removed.csv").write_text(f"TABLE,KEY\nencounters,{like['Id']}\n")
    fork = deliver(platform, platform.steward, "hospital-1", tmp_path, 3, *after)
    assert fork["state"] == "refused" and "changes-fork" in json.dumps(fork["report"])


def test_killed_with_the_whole_platform_in_the_middle_the_next_run_goes_on(platform):
    build_again = ["warehouse", "build", "--again", "--memory", "1GB", "--threads", "1", "--data", str(platform.data)]
    wanted = persons(platform)
    for seconds in (0.5, 3.0):
        (platform.data / "run" / "warehouse.json").unlink(missing_ok=True)
        running = subprocess.Popen(
            [*_nexus(), *build_again], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        until((platform.data / "run" / "warehouse.json").exists, what="the beginning of a build", seconds=90)
        time.sleep(seconds)
        platform.kill_everything()
        running.wait(timeout=60)
        platform.up()
        assert build(platform, "--again")["began"] == "refresh"
        assert persons(platform) == wanted


def _nexus() -> list[str]:
    import sys

    return [sys.executable, "-m", "nexus"]


def test_without_pseudonyms_nothing_is_built_and_the_setting_is_named(tmp_path_factory):
    bare = Installation(tmp_path_factory.mktemp("bare")).found().up()
    try:
        refused = bare.nexus("warehouse", "build", check=False)
        assert refused.returncode != 0 and "`pseudonyms`" in refused.stderr
        assert PASSPHRASE not in refused.stderr
    finally:
        bare.destroy()
