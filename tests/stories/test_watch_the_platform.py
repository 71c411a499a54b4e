"""An operator watches a platform: load balancers ask doors, Prometheus scrapes, a collector takes traces, things break and
are seen. AP-10, EMC-52.

One platform for all of it, with every process that there is and two of the S3 door.
"""

import json
import shutil
import ssl
import urllib.error
import urllib.request

import botocore.exceptions
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from simulators.collector import Collector, attributes, collecting
from simulators.installation import Installation, until

PATIENT = "2700575123456"
OBJECT = f"dossier-{PATIENT}/lettre-de-mme-dupont.pdf"
DOORS = ("s3", "api", "console", "portal")
PROCESSES = {"kms", "worker", "api", "console", "portal", "bastion", "s3-0", "s3-1"}


class Watched:
    """The platform, its two disks, and what is seen of it from outside."""

    def __init__(self, installation: Installation, disks: list, collector: Collector) -> None:
        self.platform = installation
        self.disks = disks
        self.collector = collector
        self.shown = installation.status()

    def ask(self, address: str) -> tuple[int, str]:
        """GET without a credential, the certificate not judged, as a load balancer asks."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(address, context=context if "https" in address else None, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self, door: str = "watch") -> tuple[int, dict]:
        status, body = self.ask(f"{self.shown[door]}/-/ready")
        return status, json.loads(body)

    def missing(self) -> dict[str, list[str]]:
        return self.ready()[1].get("missing", {})

    def scrape(self) -> dict[str, list]:
        """Every sample, as Prometheus reads it."""
        text = self.ask(f"{self.shown['watch']}/metrics")[1]
        return {family.name: family.samples for family in text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        family = name.removesuffix("_total").removesuffix("_count")
        found = [s for s in self.scrape().get(family, []) if s.name == name and labels.items() <= s.labels.items()]
        return sum(sample.value for sample in found)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    root = tmp_path_factory.mktemp("watched")
    disks = [root / "disk-1", root / "disk-2"]
    with collecting() as collector:
        installation = Installation(
            root / "nexus",
            watch_port=0,
            console_port=0,
            portal_port=0,
            bastion_port=0,
            s3_processes=2,
            blob_folders=",".join(map(str, disks)),
            trace_collector=collector.address,
            trace_per_thousand=1_000,
        )
        try:
            yield Watched(installation.found().up(), disks, collector)
        finally:
            installation.destroy()


@pytest.fixture(scope="module")
def s3(watched):
    steward = watched.platform.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="dossiers-de-dupont", site="chu-lille")
    return watched.platform.s3(steward.access_key("quality"))


def test_every_process_is_ready_and_every_door_says_so_to_everybody(watched):
    until(lambda: watched.ready() == (200, {"status": "ready"}), what="readiness")
    for door in DOORS:
        assert watched.ready(door) == (200, {"status": "ready"})
        assert watched.ask(f"{watched.shown[door]}/-/live")[0] == 200
        assert "nexus_" not in watched.ask(f"{watched.shown[door]}/metrics")[1], "metrics are on no public door"
    assert watched.platform.nexus("status", "--ready").returncode == 0
    ready = {sample.labels["process"]: sample.value for sample in watched.scrape()["nexus_process_ready"]}
    assert ready == dict.fromkeys(PROCESSES, 1.0)


def test_what_is_done_is_counted_wherever_it_is_done(watched, s3):
    before = watched.value("nexus_log_entries_total")
    body = b"x" * 100_000
    for number in range(8):
        s3.put_object(Bucket="dossiers-de-dupont", Key=f"{OBJECT}{number}", Body=body)
        s3.get_object(Bucket="dossiers-de-dupont", Key=f"{OBJECT}{number}")["Body"].read()
    with pytest.raises(botocore.exceptions.ClientError):
        s3.get_object(Bucket="dossiers-de-dupont", Key="none")

    def counted() -> bool:
        return (
            watched.value("nexus_requests_total", route="PutObject", status="2xx") == 8
            and watched.value("nexus_requests_total", route="GetObject", status="4xx") == 1
        )

    until(counted, what="the counts of both S3 processes")
    assert watched.value("nexus_received_bytes_total", door="s3") >= 8 * len(body)
    assert watched.value("nexus_sent_bytes_total", door="s3") >= 8 * len(body)
    assert watched.value("nexus_log_entries_total") >= before + 17
    assert watched.value("nexus_decisions_total", decision="allowed") >= 17
    assert watched.value("nexus_key_calls_total", method="unwrap", outcome="ok") > 0
    assert watched.value("nexus_key_service_calls_total", caller="s3", outcome="ok") > 0
    assert watched.value("nexus_key_lease") == len(PROCESSES) - 1
    assert watched.value("nexus_request_duration_seconds_count", route="PutObject") == 8


def test_the_worker_tells_of_its_chores_and_of_sizes(watched):
    until(lambda: watched.value("nexus_log_published_size") > 0, what="publication")
    found = watched.scrape()
    chores = {sample.labels["chore"] for sample in found["nexus_chore_last_success_timestamp_seconds"]}
    assert {"publish the audit log", "tell decisions of patients", "scrub blobs"} <= chores and "other" not in chores
    until(lambda: watched.value("nexus_disk_free_bytes") > 0, what="sizes")
    assert watched.value("nexus_blob_place_usable") == 2
    assert {sample.labels["outbox"] for sample in watched.scrape()["nexus_outbox_waiting"]} == {
        "mail",
        "decisions",
        "put_off",
        "key_service",
    }


def test_a_request_is_one_trace_through_the_door_the_database_and_the_key_service(watched, s3):
    """A bucket of its own: its key is not in memory yet, so that the key service is asked."""
    s3.create_bucket(Bucket="fresh-bucket")
    put = s3.put_object(Bucket="fresh-bucket", Key=OBJECT, Body=b"x" * 1_000)
    operation = put["ResponseMetadata"]["RequestId"]

    def whole() -> list | None:
        for spans in watched.collector.traces().values():
            root = next((span for _, span in spans if not span.parent_span_id), None)
            if root is not None and attributes(root).get("nexus.operation") == operation:
                names = {(process, span.name) for process, span in spans}
                return (
                    spans
                    if ("kms", "key service generate") in names or ("kms", "key service unwrap") in names
                    else None
                )
        return None

    spans = until(whole, what="the trace")
    by_id = {span.span_id: (process, span.name) for process, span in spans}
    above = {(process, span.name): by_id.get(span.parent_span_id) for process, span in spans}
    root = ("s3", "s3 PUT PutObject")
    assert above[root] is None
    assert above["s3", "authorise"] == root
    assert above["s3", "database commit"] == root
    served = next(name for name in above if name[0] == "kms" and name[1].startswith("key service"))
    assert above[served] == ("s3", served[1].replace("key service", "key service call"))
    assert above["kms", "database commit"] == served


def test_nobody_is_in_the_traces_and_they_are_counted(watched):
    until(lambda: watched.value("nexus_spans_total", fate="sent") > 0, what="the count")
    text = b"".join(watched.collector.bodies).lower()
    assert [
        word
        for word in (PATIENT, "dupont", "dossier", "david", "alice", "chu-lille", "127.0.0.1")
        if word.encode() in text
    ] == []


def test_a_collector_that_is_away_disturbs_no_request(watched, s3):
    watched.collector.status = 503
    try:
        asked = watched.collector.asked
        for number in range(5):
            s3.put_object(Bucket="fresh-bucket", Key=f"meanwhile/{number}", Body=b"x")
        until(lambda: watched.collector.asked > asked, what="an attempt")
        s3.get_object(Bucket="fresh-bucket", Key="meanwhile/0")["Body"].read()
        assert watched.ready()[0] == 200
    finally:
        watched.collector.status = 200


def test_strangers_grow_no_series_and_nobody_is_in_the_exposition(watched, s3):
    for number in range(40):
        watched.ask(f"{watched.shown['s3']}/dupont-{number}/{PATIENT}?{PATIENT}")
        watched.ask(f"{watched.shown['api']}/v1/people/{PATIENT}-{number}")
        watched.ask(f"{watched.shown['api']}/{PATIENT}/{number}")
    until(lambda: watched.value("nexus_requests_total", door="api", route="other") >= 40, what="the counts")
    text = watched.ask(f"{watched.shown['watch']}/metrics")[1].lower()
    words = [PATIENT, "dupont", "dossier", "david", "alice", "bruno", "chu-lille", "127.0.0.1", "per_", "op_"]
    assert [word for word in words if word in text] == []
    routes = {s.labels["route"] for s in watched.scrape()["nexus_requests"] if s.labels["door"] == "s3"}
    assert routes <= {"PutObject", "GetObject", "ListObjects", "CreateBucket", "other"}


def test_a_process_that_is_stuck_is_seen_as_silent_and_then_as_ready_again(watched):
    worker = psutil.Process(watched.platform.pid("worker"))
    worker.suspend()
    try:
        until(lambda: watched.missing() == {"worker": ["silent"]}, what="silence")
        assert watched.value("nexus_process_ready", process="worker") == 0
        assert watched.value("nexus_process_missing", process="worker", component="silent") == 1
        assert watched.platform.nexus("status", "--ready", check=False).returncode == 6
    finally:
        worker.resume()
    until(lambda: watched.ready()[0] == 200, what="readiness")


def test_a_disk_that_is_away_makes_doors_unready_until_it_is_back(watched):
    away = watched.disks[0].with_name("unplugged")
    shutil.move(watched.disks[0], away)
    try:
        until(lambda: watched.ready("s3") == (503, {"status": "not ready", "missing": ["blobs"]}), what="it is missed")
        until(lambda: watched.missing().get("s3-0") == ["blobs"], what="it is missed by all")
        until(lambda: watched.value("nexus_blob_place_usable", place="0") == 0, what="its number")
    finally:
        shutil.move(away, watched.disks[0])
    until(lambda: watched.ready()[0] == 200, what="readiness")


def test_a_sealed_platform_lives_and_is_not_ready_and_says_why(watched):
    watched.platform.nexus("seal")
    until(lambda: watched.missing().keys() == PROCESSES, what="everybody missing keys")
    assert all("keys" in lacking for lacking in watched.missing().values())
    for door in DOORS:
        until(lambda door=door: watched.ready(door)[0] == 503, what=door)
        assert watched.ready(door)[1]["missing"] == ["keys"]
        assert watched.ask(f"{watched.shown[door]}/-/live")[0] == 200
    assert watched.value("nexus_key_service_unsealed") == 0
    assert watched.value("nexus_key_lease") == 0
    assert "not ready: keys" in watched.platform.nexus("status").stdout
    watched.platform.nexus("unseal", typed=watched.platform.passphrase.read_text() + "\n")
    until(lambda: watched.ready()[0] == 200, what="readiness")


def test_a_process_that_died_is_missed_and_counts_from_zero_in_the_same_series(watched):
    restarts = watched.value("nexus_process_restarts_total", process="api")
    watched.platform.kill("api")
    until(lambda: watched.missing().get("api") == ["starting"], what="it is missed")
    until(lambda: watched.ready()[0] == 200, seconds=90, what="readiness")
    assert watched.value("nexus_process_restarts_total", process="api") == restarts + 1
    assert {s.labels["process"] for s in watched.scrape()["nexus_process_ready"]} == PROCESSES
