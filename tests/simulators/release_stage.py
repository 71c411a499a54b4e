"""A platform with patients whom consent knows, a warehouse about them, and projects that may read of it."""

import csv
from dataclasses import dataclass, field
from typing import Any

from nexus.app.demo.people import Person, four_eyes, in_days
from nexus.warehouse.quality import results
from simulators import releases as made
from simulators.installation import Installation, until

DESK, SITE = "fiona", "chu-lille"
COLUMNS = {name: list(columns) for name, columns in made.TABLES.items()}


@dataclass
class Stage:
    """`patients`: names under which consent knows them; `hub`: their pseudonyms in the warehouse, in the same order."""

    platform: Installation
    steward: Person
    second: Person
    desk: Person
    patients: list[str] = field(default_factory=list)
    hub: list[str] = field(default_factory=list)

    def request(self, project: str) -> dict[str, Any]:
        return self.steward.call("releases.release.request", project=project)

    def read(self, release: dict[str, Any]) -> dict[str, Any]:
        return self.steward.call("releases.release.read", project=release["project"], release=release["id"])

    def built(self, release: dict[str, Any]) -> dict[str, Any]:
        """Wait until it is built."""

        def done() -> dict[str, Any] | None:
            seen = self.read(release)
            return seen if seen["state"] != "requested" else None

        seen = until(done, what="the release", seconds=120)
        assert seen["state"] == "built", seen
        return seen

    def opened(self, release: dict[str, Any]) -> dict[str, Any]:
        self.built(release)
        return self.second.call("releases.release.open", project=release["project"], release=release["id"])

    def object(self, patient: str) -> None:
        """A patient objects to every secondary use."""
        objection = {"subject": patient, "kind": "objection", "capacity": "self", "decided_at": in_days(-1)}
        self.desk.call("consent.decision.record", **objection)

    def key(self, project: str) -> dict[str, str]:
        """An access key of a researcher of the project."""
        return self.platform.person(f"rita-{project}", "researcher", f"project:{project}").access_key("research")

    def member(self, project: str) -> Any:
        """S3 as a researcher of the project."""
        return self.platform.s3(self.key(project))


def prepared(platform: Installation, people: int = 24) -> Stage:
    """Patients, their pseudonyms and the warehouse; no project yet."""
    steward = platform.person("david", "data_steward", "platform")
    stage = Stage(
        platform,
        steward,
        platform.person("dora", "data_steward", "platform"),
        platform.person(DESK, "consent_desk", f"site:{SITE}"),
    )
    registered = [
        stage.desk.call("consent.subject.register", site=SITE, reference=f"IPP{number}") for number in range(people)
    ]
    stage.patients = [each["subject"] for each in registered]
    steward.call("pseudonyms.domain.open", domain="EMC2")
    steward.call("objects.bucket.create", name="lille-in", site=SITE, kind="ingress")
    steward.call("objects.bucket.create", name="lille", site=SITE)
    s3 = platform.s3(steward.access_key("quality"))
    rows = "".join(f"18005750{number:05d},{subject}\n" for number, subject in enumerate(stage.patients))
    s3.put_object(Bucket="lille-in", Key="who.csv", Body=f"nir,subject\n{rows}".encode())
    asked = {"bucket": "lille-in", "key": "who.csv", "into": "lille", "into_key": "who.csv", "domain": "EMC2"}
    identities = {"nir": "nir", "subject": "subject"}
    job = steward.call("pseudonyms.file.make", for_purpose="quality", identities=identities, **asked)["id"]
    until(lambda: steward.call("pseudonyms.file.read", id=job)["state"] == "rewritten", what="pseudonyms", seconds=60)
    lines = s3.get_object(Bucket="lille", Key="who.csv")["Body"].read().decode().splitlines()
    stage.hub = [row[0] for row in list(csv.reader(lines))[1:]]
    warehouse = platform.data / "warehouse" / "cdm"
    made.write(warehouse / "cdm", tuple(stage.hub))
    (warehouse / "quality.json").write_bytes(results.encode(made.PASSED))
    return stage


def permitted(stage: Stage, project: str, domain: str, *, days: int = 90) -> None:
    """A project that is open, with everything that was decided about it."""
    alice, bruno = stage.platform.founder("alice"), stage.platform.founder("bruno")
    about = {"title": f"A study of the {project}", "controller": "CHU Lille", "legal_basis": "public-interest"}
    more = {"purpose": "research", "summary": "What happens to patients after a year."}
    stage.steward.call("pseudonyms.domain.open", domain=domain)
    stage.steward.call("projects.project.request", name=project, **about, **more)
    dated = {"decided_on": in_days(-1), "ends_at": in_days(days), "reference": "decision 12"}
    reason = "the committee agreed to it"
    four_eyes(stage.steward, alice, "projects.project.authorise", name=project, reason=reason)
    alice.call("projects.assessment.record", name=project, **dated)
    four_eyes(stage.steward, bruno, "projects.homologation.record", name=project, **dated)
    scope = {
        "tables": COLUMNS,
        "period_from": "2018-01-01",
        "period_until": "2020-12-31",
        "pseudonym_domain": domain,
    }
    four_eyes(stage.steward, alice, "projects.permit.issue", name=project, scope=scope, **dated)
    stage.steward.call("projects.project.open", name=project)
