"""A release for a project on a real platform: built, opened by a second person, read over S3 by the project's members alone.

EMC-05, EMC-07.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from base64 import b64decode
from pathlib import Path

import botocore.exceptions
import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from nexus.app.cli.rest_client import Refused
from nexus.warehouse.omop.spark_engine import session
from nexus.warehouse.releases import manifest
from nexus.warehouse.releases.making import views
from nexus.warehouse.releases.parts import Parts
from nexus.warehouse.releases.verifying import verify
from simulators.installation import Installation, until
from simulators.release_stage import Stage, permitted, prepared


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("rel"), pseudonyms="true").found().up()
    made = prepared(installation)
    for project, domain in (("heart", "HEART"), ("lung", "LUNG")):
        permitted(made, project, domain)
    yield made
    installation.destroy()


@pytest.fixture(scope="module")
def release(stage) -> dict:
    return stage.opened(stage.request("heart"))


def files(s3, bucket: str) -> dict[str, bytes]:
    """Everything in a bucket that is served."""
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}


def brought(stage: Stage, release: dict, folder) -> tuple[Parts, bytes]:
    """A release in a folder, as a member fetches it."""
    for key, content in files(stage.member(release["project"]), release["bucket"]).items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (kept,) = (folder / "manifests").glob("*.json")
    return Parts(folder), kept.read_bytes()


def people(parts: Parts, kept: bytes) -> set[str]:
    with duckdb.connect() as connection:
        connection.execute(views(manifest.decode(kept).release, str(parts.folder)))
        return {who for (who,) in connection.execute("SELECT person_source_value FROM person").fetchall()}


def test_a_member_reads_it_and_it_verifies_by_the_key_that_the_platform_says(stage, release, tmp_path):

    parts, kept = brought(stage, release, tmp_path)
    shown = verify(kept, parts, b64decode(release["signing_key"]))
    assert (shown.project, shown.release) == ("heart", release["release_digest"])
    found = people(parts, kept)
    assert len(found) == len(stage.patients) and all(who.startswith("NXP1-HEART-01-") for who in found)
    assert b"NXP1-EMC2" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))


def test_what_the_platform_says_of_it_is_what_its_manifest_says(stage, release):
    told = stage.steward.call("releases.release.manifest", project="heart", release=release["id"])
    said = json.loads(told["manifest"])["release"]
    assert {table["name"]: table["rows"] for table in release["tables"]} == {
        table["name"]: sum(part["rows"] for part in table["parts"]) for table in said["tables"]
    }
    assert (release["small_classes"]["k"], release["small_classes"]["persons"]) == (1, len(stage.patients))


def reach(stage: Stage) -> dict[str, str]:
    """What pyarrow's file system of S3 asks for."""
    key, endpoints = stage.key("heart"), json.loads((stage.platform.data / "run" / "endpoints.json").read_text())
    return {
        "access_key": key["id"],
        "secret_key": key["secret"],
        "region": "eu-west-3",
        "scheme": "https",
        "endpoint_override": endpoints["s3"].removeprefix("https://"),
        "tls_ca_file_path": str(stage.platform.data / "tls" / "ca.pem"),
    }


def files_of(s3: fs.S3FileSystem, release: dict, name: str) -> list[str]:
    """Names of the files of one table, from the manifest that lies beside them."""
    with s3.open_input_stream(f"{release['bucket']}/manifests/{release['release_digest']}.json") as file:
        said = manifest.decode(file.read()).release
    (table,) = [each for each in said.tables if each.name == name]
    return [f"{release['bucket']}/objects/{part.sha256}.parquet" for part in table.parts]


def test_pyarrow_answers_a_question_over_s3(stage, release):
    s3 = fs.S3FileSystem(**reach(stage))
    found = ds.dataset(files_of(s3, release, "person"), filesystem=s3, format="parquet").to_table()
    assert found.num_rows == len(stage.patients)
    assert (
        sum(found.group_by("gender_concept_id").aggregate([([], "count_all")])["count_all"].to_pylist())
        == found.num_rows
    )


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17, which is not here")
def test_spark_answers_a_question_over_s3_with_no_jar_of_a_cloud(stage, release, tmp_path, monkeypatch):
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    from pyspark.sql.pandas.types import from_arrow_schema

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    how = reach(stage)
    s3 = fs.S3FileSystem(**how)
    names = files_of(s3, release, "condition_occurrence")

    def rows(batches):
        """On an executor: it opens its files itself."""
        there = fs.S3FileSystem(**how)
        for batch in batches:
            for name in batch.column("name").to_pylist():
                with there.open_input_file(name) as file:
                    yield from pq.ParquetFile(file).iter_batches()

    spark = session("1GB", 2, tmp_path)
    try:
        of = spark.createDataFrame([(name,) for name in names], "name string")
        table = of.mapInArrow(rows, from_arrow_schema(ds.dataset(names[0], filesystem=s3).schema))
        found = {
            row.condition_concept_id: row["count"] for row in table.groupBy("condition_concept_id").count().collect()
        }
    finally:
        spark.stop()
    counted = ds.dataset(names, filesystem=s3).to_table(columns=["condition_concept_id"])["condition_concept_id"]
    assert found == {each["values"]: each["counts"] for each in counted.value_counts().to_pylist()} and found


@pytest.mark.skipif(
    shutil.which("Rscript") is None, reason="R is not installed (Debian packages r-base-core, r-cran-reticulate)"
)
@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_ENABLE_SHARED"), reason="R cannot load a Python without its library"
)
def test_r_answers_a_question_over_s3(stage, release, tmp_path):
    how = reach(stage)
    asked = (
        sys.executable,
        how["endpoint_override"],
        how["tls_ca_file_path"],
        release["bucket"],
        release["release_digest"],
    )
    key = {"AWS_ACCESS_KEY_ID": how["access_key"], "AWS_SECRET_ACCESS_KEY": how["secret_key"]}
    script = Path(__file__).parents[1] / "peers" / "read_release.R"
    done = subprocess.run(
        ["Rscript", "--vanilla", script, *asked],
        cwd=tmp_path,
        env=os.environ | key,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    found = ds.dataset(
        files_of(fs.S3FileSystem(**how), release, "person"), filesystem=fs.S3FileSystem(**how)
    ).to_table()
    counts = {str(each["values"]): each["counts"] for each in found["gender_concept_id"].value_counts().to_pylist()}
    assert told == {"persons": len(stage.patients), "genders": counts}


def test_duckdb_answers_a_question_over_s3_by_the_views_that_lie_there(stage, release, tmp_path):
    extension = pytest.importorskip("duckdb_extension_httpfs", reason="DuckDB's httpfs extension is not installed")
    folder = Path(extension.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    key, s3 = stage.key("heart"), stage.member("heart")
    endpoints = json.loads((stage.platform.data / "run" / "endpoints.json").read_text())
    with duckdb.connect(config={"extension_directory": str(tmp_path)}) as connection:
        connection.execute(f"LOAD '{folder / 'httpfs.duckdb_extension'}'")
        connection.execute(f"SET ca_cert_file='{stage.platform.data / 'tls' / 'ca.pem'}'")
        connection.execute("SET enable_server_cert_verification=true")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{key['id']}', SECRET '{key['secret']}', REGION 'eu-west-3',"
            f" ENDPOINT '{endpoints['s3'].removeprefix('https://')}', URL_STYLE 'path')"
        )
        connection.execute(s3.get_object(Bucket=release["bucket"], Key="views.sql")["Body"].read().decode())
        answer = connection.execute(
            "SELECT concept_name, count(DISTINCT person_id) FROM condition_occurrence JOIN concept ON concept_id ="
            " condition_concept_id GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert [name for name, _ in answer] == ["diabetes", "stroke"] and all(count > 0 for _, count in answer)


def test_a_worker_that_is_killed_while_it_builds_builds_it_after_all(stage):
    asked = stage.request("lung")
    stage.platform.kill("worker")
    assert stage.built(asked)["tables"]


def test_nobody_else_reads_it(stage, release):
    other = stage.member("lung")
    steward = stage.platform.s3(stage.steward.access_key("research"))
    for s3 in (other, steward):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            s3.list_objects_v2(Bucket=release["bucket"])
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            s3.get_object(Bucket=release["bucket"], Key="views.sql")
        assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_nobody_changes_it(stage, release):
    member = stage.member("heart")
    steward = stage.platform.s3(stage.steward.access_key("quality"))
    for s3 in (member, steward):
        for change in (
            lambda s3=s3: s3.put_object(Bucket=release["bucket"], Key="views.sql", Body=b"x"),
            lambda s3=s3: s3.delete_object(Bucket=release["bucket"], Key="views.sql"),
            lambda s3=s3: s3.delete_bucket(Bucket=release["bucket"]),
        ):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                change()
            assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_who_had_it_built_does_not_open_it(stage):
    asked = stage.request("lung")
    built = stage.built(asked)
    with pytest.raises(Refused) as refused:
        stage.steward.call("releases.release.open", project="lung", release=built["id"])
    assert refused.value.error.code == "releases.own"
    member = stage.member("lung")
    assert files(member, built["bucket"]) == {}, "nothing is served before it is open"


def test_a_withdrawal_leaves_the_opened_release_by_itself(stage, release, tmp_path):
    before_parts, before = brought(stage, release, tmp_path / "before")
    member, gone = stage.member("heart"), stage.patients[3]
    stage.object(gone)
    served = files(member, release["bucket"])  # at once: what may hold him is not there
    said = manifest.decode(before).release
    assert {key for key in served if key.startswith("objects/")} < {
        f"objects/{part.sha256}.parquet" for table in said.tables for part in table.parts
    }
    now = until(
        lambda: (seen := stage.read(release))["release_digest"] != said.digest() and seen,
        what="the release without him",
        seconds=60,
    )
    assert now["parents"] == [said.digest()] and now["state"] == "opened"

    def whole() -> bool:
        return f"manifests/{said.digest()}.json" not in files(member, release["bucket"])

    until(whole, what="the end of the old files")
    parts, kept = brought(stage, now, tmp_path / "after")

    assert verify(kept, parts, b64decode(now["signing_key"])).release == now["release_digest"]
    left = people(parts, kept)
    assert len(left) == len(stage.patients) - 1
    (his,) = people(before_parts, before) - left
    for path in (tmp_path / "after").rglob("*.parquet"):
        assert his.encode() not in path.read_bytes()


def test_a_project_that_is_suspended_reads_nothing_until_it_goes_on(stage, release):
    member = stage.member("heart")
    assert files(member, release["bucket"])
    stage.steward.call("projects.project.suspend", name="heart", reason="something was found that must be looked at")
    assert files(member, release["bucket"]) == {}
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        member.get_object(Bucket=release["bucket"], Key="views.sql")
    assert refused.value.response["Error"]["Code"] == "NoSuchKey"
    stage.steward.call("projects.project.open", name="heart")
    assert files(member, release["bucket"])


def test_a_retired_release_is_read_by_nobody_and_its_manifest_stays(stage, release):
    reason = "the study is over and published"
    retired = stage.second.call("releases.release.retire", project="heart", release=release["id"], reason=reason)
    assert retired["state"] == "retired"
    certificate = json.loads(retired["certificate"])
    assert certificate["keys"] == 1 and certificate["versions"] > 0 and certificate["bucket"] == release["bucket"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        stage.member("heart").get_object(Bucket=release["bucket"], Key="views.sql")
    assert refused.value.response["Error"]["Code"] in {"NoSuchKey", "NoSuchBucket", "AccessDenied"}
    told = stage.steward.call("releases.release.manifest", project="heart", release=release["id"])
    assert manifest.decode(told["manifest"].encode()).release.digest() == retired["release_digest"]
    alice = stage.platform.founder("alice")
    query = {"for_purpose": "audit", "action": "releases.release.retire"}
    (entry,) = until(lambda: alice.call("audit.entry.list", **query)["entries"], what="its entry")
    assert entry["content"]["details"]["digest"] == certificate["digest"]
