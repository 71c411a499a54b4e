"""Steps 15 to 17: two projects get their releases, one of them is asked a question over S3, and a patient leaves both."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from nexus.app.demo.people import Person, four_eyes, in_days
from nexus.app.demo.story import Story
from nexus.app.demo.warehouse import build_again
from nexus.kernel.errors import NotFound

PROJECTS: Final = {"diabetes": "DIABETES", "stroke": "STROKE"}
"""Projects, and the domain of pseudonyms of each."""
TITLES: Final = {"diabetes": "Qui a le diabète, et quand", "stroke": "Qui fait un AVC, et quand"}
READER: Final = "eva"
BUILD_S: Final = 120
BAR_CHARS: Final = 40
NAME_CHARS: Final = 32
TABLES: Final = {
    "person": ["person_id", "gender_concept_id", "year_of_birth", "person_source_value"],
    "observation_period": ["person_id", "observation_period_start_date", "observation_period_end_date"],
    "visit_occurrence": ["visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date"],
    "condition_occurrence": [
        "condition_occurrence_id",
        "person_id",
        "condition_concept_id",
        "condition_start_date",
        "condition_source_value",
    ],
    "concept": ["concept_id", "concept_name"],
}
LEAST: Final = 11
"""The smallest count that is shown of anybody."""
QUESTION: Final = """
    SELECT concept_name, count(DISTINCT person_id) AS persons
    FROM condition_occurrence JOIN concept ON concept_id = condition_concept_id
    WHERE condition_concept_id <> 0 GROUP BY ALL ORDER BY persons DESC, concept_name
"""
PATIENT: Final = """
    SELECT person_source_value, person.person_id, list(visit_start_date ORDER BY visit_start_date)::VARCHAR AS stays
    FROM person JOIN visit_occurrence USING (person_id) GROUP BY ALL
"""


def release(story: Story) -> None:
    """Two projects with a permit each; who built a release does not open it."""
    stage = story.stage
    with stage.step("Two projects get a release each, under pseudonyms of their own"):
        story.enter("irene", story.codes["irene"])
        _grant(story, "david", "data_steward", "platform")
        for project, domain in PROJECTS.items():
            _permit(story, project, domain)
            _grant(story, READER, "researcher", f"project:{project}")
        stage.fact("permits", "authorised, assessed, homologated, permitted: each by the two persons whose duty it is")
        asked = {project: _request(story, project) for project in PROJECTS}
        for project, made in asked.items():
            with stage.waiting(f"building the release of {project}"):
                built = story.until(partial(_in_state, story, made, "built"), BUILD_S)
            opened = story.people["david"].call("releases.release.open", project=project, release=built["id"])
            story.releases[project] = opened
            _publish(story, project)
            rows = sum(table["rows"] for table in opened["tables"])
            stage.fact(
                project, f"{_rows(opened, 'person')} persons, {rows:,} rows; release {opened['release_digest'][:16]}…"
            )
        stage.fact("catalogue", f"both, in words for everybody: {story.catalogue}")
        stage.did(
            "hugo had them built, david opened them; each manifest is signed in the key service and stands in the log"
        )
        _cannot_be_joined(story)


def _publish(story: Story, project: str) -> None:
    """Everybody may know that the dataset exists: hugo describes it, david looks and publishes; a browser without a session sees it."""
    said: dict[str, Any] = {
        "title_fr": TITLES[project],
        "title_en": f"Who gets {project}, and when",
        "description_fr": "Séjours et diagnostics, sous pseudonymes, pour savoir comment la maladie se répartit.",
        "description_en": "Stays and diagnoses, under pseudonyms, to learn how the illness is spread.",
        "keywords": [project],
        "health_categories": ["ehr", "admin-claims"],
    }
    release = story.releases[project]["id"]
    described = story.people["hugo"].call(
        "catalogue.dataset.describe", dataset=project, project=project, release=release, **said
    )
    shown = story.people["david"].call("catalogue.dataset.publish", dataset=project, version=described["version"])
    story.catalogue = shown["address"].rpartition("/")[0]


def _permit(story: Story, project: str, domain: str) -> None:
    hugo, alice, irene = (story.people[name] for name in ("hugo", "alice", "irene"))
    hugo.call("pseudonyms.domain.open", domain=domain)
    hugo.call(
        "projects.project.request",
        name=project,
        title=f"Who gets {project}, and when",
        controller="CHU Lille",
        purpose="research",
        legal_basis="public-interest",
        summary="How the illness is spread over ages and hospitals, to plan care.",
    )
    dated = {"decided_on": in_days(-1), "ends_at": in_days(300), "reference": "decision 12"}
    reason = "the ethics committee agreed to it"
    four_eyes(hugo, irene, "projects.project.authorise", name=project, reason=reason)
    irene.call("projects.assessment.record", name=project, **dated)
    four_eyes(hugo, alice, "projects.homologation.record", name=project, **dated)
    scope = {"tables": TABLES, "period_from": "2000-01-01", "period_until": story.today, "pseudonym_domain": domain}
    four_eyes(hugo, irene, "projects.permit.issue", name=project, scope=scope, **dated)
    hugo.call("projects.project.open", name=project)


def _grant(story: Story, login: str, role: str, scope: str) -> None:
    person: Person = story.people[login]
    story.people["bruno"].call("iam.role.grant", identity=person.id, role=role, scope=scope, ends_at=story.ends)


def _request(story: Story, project: str) -> Mapping[str, Any]:
    asked: Mapping[str, Any] = story.people["hugo"].call("releases.release.request", project=project)
    return asked


def _in_state(story: Story, release: Mapping[str, Any], state: str) -> Mapping[str, Any] | None:
    seen = _seen(story, release)
    if seen["code"]:
        raise AssertionError(f"the release was not built: {seen['message']}")
    return seen if seen["state"] == state else None


def _seen(story: Story, release: Mapping[str, Any]) -> Mapping[str, Any]:
    named = {"project": release["project"], "release": release["id"]}
    found: Mapping[str, Any] = story.people["hugo"].call("releases.release.read", **named)
    return found


def _rows(release: Mapping[str, Any], table: str) -> int:
    return next(int(each["rows"]) for each in release["tables"] if each["name"] == table)


def _cannot_be_joined(story: Story) -> None:
    """The same patients, and nothing that says so."""
    found = {project: _query(story, project, PATIENT) for project in PROJECTS}
    first, second = ({stays: (who, key) for who, key, stays in rows} for rows in found.values())
    if {key for _, key in first.values()} & {key for _, key in second.values()}:
        raise AssertionError("two projects share a key of a person")
    same = max(set(first) & set(second), key=len)
    for project, seen in zip(PROJECTS, (first, second), strict=True):
        story.stage.fact(f"in {project}", f"{seen[same][0]}  person_id {seen[same][1]}")
    story.stage.did(
        f"one patient, known by the days of {same.count(',') + 1} stays: two names, two keys, nothing in common"
    )


def ask(story: Story) -> None:
    """Eva asks the release a question with DuckDB, over S3."""
    stage = story.stage
    with stage.step("Eva asks: which illnesses do most patients have?"):
        stage.fact("DuckDB", "SELECT concept_name, count(DISTINCT person_id) …   over S3, with her own access key")
        rows = _query(story, "diabetes", QUESTION)
        shown = [(name, persons) for name, persons in rows if persons >= LEAST]
        for name, persons in shown:
            bar = "█" * max(1, round(BAR_CHARS * persons / shown[0][1]))
            stage.show(_bar(name, f"{bar} {persons}"))
        if len(shown) < len(rows):
            stage.fact("hidden", f"{len(rows) - len(shown)} illnesses of fewer than {LEAST} patients")
        stage.did("hospitals say it in SNOMED, the claims base in CIM-10: here both are one concept")


def _bar(name: str, bar: str) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=NAME_CHARS, style="dim", no_wrap=True)
    row.add_column()
    row.add_row(name, bar)
    return row


def leave(story: Story) -> None:
    """A patient objects: what holds her is refused at once, then written anew without her."""
    stage, lille = story.stage, story.extracts[0]
    with stage.step("A patient objects, and leaves the open releases and the next build"):
        subject = story.subjects[lille.site, lille.most_seen]
        before = {project: _people(story, project) for project in PROJECTS}
        whole = _files(story, "diabetes")
        objection = {"subject": subject, "kind": "objection", "capacity": "self", "decided_at": in_days(0)}
        story.people["fiona"].call("consent.decision.record", **objection)
        left = _files(story, "diabetes")
        stage.refused(
            f"at once: {len(whole) - len(left)} of {len(whole)} files are served no more, those of her share of persons"
        )
        for project, opened in story.releases.items():
            with stage.waiting(f"writing the release of {project} without her"):
                now = story.until(partial(_followed, story, opened), BUILD_S)
            story.releases[project] = now
            gone = before[project] - story.until(partial(_people, story, project))
            if len(gone) != 1:
                raise AssertionError(f"{len(gone)} persons left the release of {project}")
            stage.fact(
                project,
                f"served whole again, without {gone.pop()[:28]}…; {now['release_digest'][:16]}… follows its parent",
            )
        with stage.waiting("building again"):
            built = build_again(story)
        stage.did(
            f"the next build leaves her out: {built['persons']:,} persons, {built['excluded']} left out because they object"
        )


def _followed(story: Story, release: Mapping[str, Any]) -> Mapping[str, Any] | None:
    seen = _seen(story, release)
    return seen if seen["release_digest"] != release["release_digest"] and seen["state"] == "opened" else None


def _people(story: Story, project: str) -> set[str]:
    return {str(who) for (who,) in _query(story, project, "SELECT person_source_value FROM person")}


def _files(story: Story, project: str) -> set[str]:
    listed = _member(story).list_objects_v2(Bucket=story.releases[project]["bucket"])
    return {each["Key"] for each in listed.get("Contents", ()) if each["Key"].endswith(".parquet")}


def _member(story: Story) -> Any:
    return story.scenery.s3(_key(story))


def _key(story: Story) -> Mapping[str, str]:
    if "research" not in story.keys:
        story.keys["research"] = story.people[READER].access_key("research")
    return story.keys["research"]


def _query(story: Story, project: str, sql: str) -> Sequence[Any]:
    """Rows of a query on the open release of a project, read over S3 by DuckDB."""
    import duckdb

    key, bucket = _key(story), story.releases[project]["bucket"]
    views = _member(story).get_object(Bucket=bucket, Key="views.sql")["Body"].read().decode()
    with duckdb.connect(config={"extension_directory": str(story.scenery.work / "extensions")}) as engine:
        engine.execute(f"LOAD '{_httpfs(duckdb.__version__)}'")
        engine.execute(
            f"SET ca_cert_file='{story.scenery.data / 'tls' / 'ca.pem'}'; SET enable_server_cert_verification=true"
        )
        endpoint = story.scenery.endpoint("s3").removeprefix("https://")
        engine.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{key['id']}', SECRET '{key['secret']}', REGION 'eu-west-3',"
            f" ENDPOINT '{endpoint}', URL_STYLE 'path')"
        )
        engine.execute(views)
        return engine.execute(sql).fetchall()


def _httpfs(version: str) -> Path:
    """DuckDB's extension for S3, as a package: nothing is fetched while the demonstration runs. Raises NotFound."""
    try:
        import duckdb_extension_httpfs  # type: ignore[import-untyped]  # data only
    except ImportError as error:
        raise NotFound(
            "the demonstration needs DuckDB's extension httpfs",
            code="demo.missing-library",
            hint="install it with the extra: pip install 'nexus-health[demo]'; `make demo` does",
        ) from error
    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{version}"
    return folder / "httpfs.duckdb_extension"
