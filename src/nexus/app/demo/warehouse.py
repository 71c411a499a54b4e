"""Steps 13 and 14: two hospitals and the claims base deliver, and one command makes the warehouse of what they delivered."""

import datetime
import json
from collections.abc import Mapping
from typing import Any, Final

from nexus.app.demo import extracts, vocabulary
from nexus.app.demo.data import search
from nexus.app.demo.extracts import Extract
from nexus.app.demo.story import SITE, Story

DOMAIN: Final = "WAREHOUSE"
CHECK_S: Final = 120
NUMBER: Final = 1
"""Of each delivery."""


def deliver(story: Story) -> None:
    """Three providers hand in an extract each; intake checks every line before it accepts any."""
    stage, today = story.stage, datetime.date.today()
    with stage.step("Two hospitals and the claims base deliver"):
        hugo = story.invite("hugo", "Hugo Lambert", "data_steward", "platform")
        hugo.call("pseudonyms.domain.open", domain=DOMAIN)
        with stage.waiting("making extracts"):
            story.extracts = extracts.make(story.scenery.work / "extracts", today)
        stage.fact(
            "made up", f"{extracts.PEOPLE} people who do not exist, each told by up to three sources, with mistakes"
        )
        with stage.waiting("informing patients"):
            informed = sum(_inform(story, each) for each in story.extracts if each.hospital)
        stage.fact(
            "informed", f"{informed} patients of the hospitals: consent knows them by the number of each hospital"
        )
        for extract in story.extracts:
            _register(story, extract)
        for extract in story.extracts:
            view = _hand_in(story, extract, extracts.period(today))
            stage.fact(
                extract.title.partition(",")[0], f"{len(view['files'])} files, {view['rows']:,} rows: {view['state']}"
            )
        stage.did("each line was read, each checksum compared, and no clear identifier found outside declared columns")


def _inform(story: Story, extract: Extract) -> int:
    """The hospital's desk tells consent whom it has informed, by its own numbers."""
    fiona, bruno = story.people["fiona"], story.people["bruno"]
    if extract.site != SITE:
        bruno.call(
            "iam.role.grant", identity=fiona.id, role="consent_desk", scope=f"site:{extract.site}", ends_at=story.ends
        )
    for patient in extract.patients:
        known = fiona.call("consent.subject.register", site=extract.site, reference=patient["Id"])
        story.subjects[extract.site, patient["Id"]] = known["subject"]
    return len(extract.patients)


def _register(story: Story, extract: Extract) -> None:
    hugo, alice = story.people["hugo"], story.people["alice"]
    if extract.site != SITE:
        alice.call("kms.key.create", owner=f"site:{extract.site}", purpose=extract.title, rotation_days=90)
    hugo.call("objects.bucket.create", name=extract.bucket, site=extract.site, kind="ingress")
    hugo.call("objects.bucket.set-versioning", name=extract.bucket, versioning="enabled")
    agreement = extract.agreement()
    hugo.call(
        "intake.provider.register",
        name=extract.provider,
        title=extract.title,
        bucket=extract.bucket,
        agreement=agreement,
    )
    _agreement(story, extract).write_text(json.dumps(agreement))


def _hand_in(story: Story, extract: Extract, period: tuple[str, str]) -> Mapping[str, Any]:
    """Manifest, upload, and what intake says of it."""
    hugo, number = story.people["hugo"], str(NUMBER)
    said = ("--provider", extract.provider, "--number", number, "--agreement", str(_agreement(story, extract)))
    days = ("--period-from", period[0], "--period-until", period[1])
    story.scenery.quietly("intake", "pack", str(extract.folder), *said, *days)
    s3 = story.s3("hugo", "operation")
    for path in sorted(extract.folder.iterdir(), key=lambda path: path.suffix == ".json"):  # the manifest last
        s3.put_object(Bucket=extract.bucket, Key=f"{number}/{path.name}", Body=path.read_bytes())
    hugo.call("intake.delivery.submit", provider=extract.provider, manifest=f"{number}/manifest.json")

    def decided() -> Mapping[str, Any] | None:
        seen: Mapping[str, Any] = hugo.call("intake.delivery.read", provider=extract.provider, number=NUMBER)
        return seen if seen["state"] in {"accepted", "refused"} else None

    with story.stage.waiting(f"checking what {extract.provider} delivered"):
        view: Mapping[str, Any] = story.until(decided, CHECK_S)
    if view["state"] != "accepted":
        raise AssertionError(f"{extract.provider} was refused: {view['report']}")
    return view


def _agreement(story: Story, extract: Extract) -> Any:
    return story.scenery.work / f"{extract.provider}.json"


def build(story: Story) -> None:
    """Linked, pseudonymised, converted to OMOP and checked, by one command."""
    stage = story.stage
    with stage.step("One command makes the warehouse: linked, pseudonymised, OMOP, checked"):
        with stage.waiting("building"):
            built = build_again(story)
        told = sum(each["records"] for each in built["deliveries"])
        stage.fact("linked", f"{told:,} records of three sources are {built['persons']:,} persons")
        if built["nobody"]:
            stage.fact(
                "left out",
                f"{built['nobody']} numbers of records, each of which tells of two people",
            )
        stage.fact(
            "quality",
            ", ".join(f"{count} {how}" for how, count in sorted(built["failed"].items())) or "every check passed",
        )
        _search(story)


def build_again(story: Story) -> Mapping[str, Any]:
    """The command, with a vocabulary and mappings of codes; what it says of the build."""
    work = story.scenery.work
    given = (
        ("--vocabulary", str(vocabulary.archive(work / "vocabulary"))),
        ("--mappings", str(vocabulary.mappings(work / "mappings.csv"))),
    )
    shown = ("warehouse", "build", "--vocabulary", "vocabulary", "--mappings", "mappings.csv")
    built: Mapping[str, Any] = story.scenery.nexus("warehouse", "build", *given[0], *given[1], shown=shown)
    return built


def _search(story: Story) -> None:
    """The warehouse holds no number and no name of anybody."""
    stage, folder = story.stage, story.scenery.data / "warehouse"
    register = story.extracts[0].patients
    sought = [row[column] for row in register for column in ("SSN", "Id") if len(row[column]) >= 8]
    files = [path for path in folder.rglob("*") if path.is_file()]
    there = search([story.extracts[0].folder / "patients.csv"], sought)
    if found := search(files, sought):
        raise AssertionError(f"an identifier in the warehouse: {sorted(found.values())}")
    stage.did(
        f"{len(there)} numbers of patients looked for: all in the hospital's file, none in {len(files)} files of the warehouse"
    )
