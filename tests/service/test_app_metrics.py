"""Metrics: what is counted, that no request makes a series, and that nothing of anybody is in them. AP-10."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from nexus.app.telemetry import catalogue, labels
from nexus.app.telemetry.catalogue import Kind
from nexus.app.telemetry.doorway import Doorway, route_names
from nexus.app.telemetry.exposition import exposition
from nexus.app.telemetry.report import Distribution, Report, pack, receive
from nexus.app.telemetry.tally import Tallies
from nexus.app.telemetry.watch import Watch
from nexus.kernel.database import Recorded
from nexus.kernel.operation import PLATFORM
from nexus.objects.s3.endpoint import Verb
from simulators.asking import ask
from simulators.databases import database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder
from simulators.s3_door import open_s3_door

WORDS = ("dupont", "2700575123456", "ward-7", "alice@hospital.example")


def families(text: bytes) -> dict[str, list]:
    """The exposition as Prometheus reads it: name -> samples."""
    return {family.name: family.samples for family in text_string_to_metric_families(text.decode())}


def told(watch: Watch) -> bytes:
    return exposition({"s3-0": watch.report()})


# The catalogue


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=lambda metric: metric.name)
def test_names_are_those_that_prometheus_recommends(metric):
    assert metric.name.startswith("nexus_") and metric.says.endswith(".")
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert "process" not in [label.name for label in metric.labels]


def test_every_list_of_a_label_is_closed_but_those_that_a_process_brings():
    open_ones = {label.name for metric in catalogue.METRICS for label in metric.labels if label.values is None}
    assert open_ones == {"route", "chore"}
    assert len(catalogue.BY_NAME) == len(catalogue.METRICS)


# Counting


def test_what_is_not_in_a_labels_list_is_other():
    tallies = Tallies()
    tallies.know(labels.ROUTE, ["PutObject"])
    number = tallies.number(catalogue.REQUESTS)
    number.add("s3", "PutObject", "PUT", "2xx")
    number.add("s3", "PutObject", "PUT", "2xx")
    for word in WORDS:
        number.add(word, word, word, word)
    assert number.values == {("s3", "PutObject", "PUT", "2xx"): 2, ("other",) * 4: len(WORDS)}
    with pytest.raises(ValueError):
        number.add("s3")


def test_a_histogram_counts_each_value_once_in_the_bucket_that_holds_it():
    watch = Watch()
    spread = watch.tallies.spread(catalogue.COMMIT_WRITERS)
    for value in (1, 2, 2, 300):
        spread.observe(value)
    samples = families(told(watch))["nexus_commit_writers"]
    buckets = {sample.labels["le"]: sample.value for sample in samples if sample.name.endswith("_bucket")}
    assert (buckets["1"], buckets["2"], buckets["256"], buckets["+Inf"]) == (1, 3, 3, 4)
    assert next(sample.value for sample in samples if sample.name.endswith("_sum")) == 305


async def test_commits_entries_and_refusals_are_counted(tmp_path):
    watch = Watch()
    db = database(tmp_path / "a.db", recorder=MemoryRecorder(), observer=watch.commits)
    await asyncio.gather(*(db.record(operation().allowed("done", PLATFORM)) for _ in range(9)))
    with pytest.raises(ZeroDivisionError):
        await db.write(lambda tx: Recorded(1 / 0, operation().allowed("never", PLATFORM)))
    db.close()
    found = families(told(watch))
    assert sum(sample.value for sample in found["nexus_log_entries"]) == 9
    (commits,) = found["nexus_commits"]
    assert commits.labels == {"outcome": "ok", "process": "s3-0"}
    writers = {sample.name: sample.value for sample in found["nexus_commit_writers"] if "le" not in sample.labels}
    assert writers["nexus_commit_writers_sum"] == 10
    assert writers["nexus_commit_writers_count"] == commits.value <= 10


# Doors


async def test_requests_are_counted_by_verb_and_bytes_by_door(tmp_path):
    door = open_s3_door(tmp_path)
    watch = Watch()
    door.app, bare = Doorway("s3", door.app, watch), door.app
    client = door.client()
    try:
        assert (await client("PUT", "/records")).status == 200
        assert (await client("PUT", "/records/a", body=b"x" * 1_000)).status == 200
        assert len((await client("GET", "/records/a")).body) == 1_000
        assert (await client("GET", "/records/none")).status == 404
    finally:
        door.close()
    assert bare.verbs >= {verb.title for verb in Verb}
    found = families(told(watch))
    counted = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for sample in found["nexus_requests"]
    }
    assert counted == {
        ("CreateBucket", "PUT", "2xx"): 1,
        ("PutObject", "PUT", "2xx"): 1,
        ("GetObject", "GET", "2xx"): 1,
        ("GetObject", "GET", "4xx"): 1,
    }
    assert found["nexus_received_bytes"][0].value == 1_000
    assert found["nexus_sent_bytes"][0].value > 1_000
    assert found["nexus_requests_in_flight"][0].value == 0
    seconds = [s for s in found["nexus_request_duration_seconds"] if s.name.endswith("_count")]
    assert {sample.labels["route"]: sample.value for sample in seconds}["GetObject"] == 2


async def test_a_request_that_breaks_off_is_counted_as_such():
    async def breaks(scope, receive, send):
        raise RuntimeError("gone")

    watch = Watch()
    with pytest.raises(RuntimeError):
        await ask(Doorway("api", breaks, watch), "GET", "/")
    (sample,) = families(told(watch))["nexus_requests"]
    assert (sample.labels["status"], sample.labels["route"]) == ("cancelled", "other")
    assert families(told(watch))["nexus_requests_in_flight"][0].value == 0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    opened = open_s3_door(tmp_path_factory.mktemp("attacked"))
    watch = Watch()
    yield Doorway("s3", opened.app, watch), watch
    opened.close()


TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD"]) | TOKENS,
    bucket=TOKENS,
    key=TOKENS,
    query=st.dictionaries(st.sampled_from(["acl", "versions", "uploads", "uploadId", "list-type"]) | TOKENS, TOKENS),
    headers=st.lists(st.tuples(st.sampled_from([b"host", b"x-amz-date", b"user-agent", b"traceparent"]), TOKENS)),
)
async def test_no_request_whatever_it_holds_makes_a_series_beyond_the_tables(
    attacked, method, bucket, key, query, headers
):
    door, watch = attacked
    path = f"/{bucket}/{key}?" + "&".join(f"{name}={value}" for name, value in query.items())
    await ask(door, method, path, [(name, value.encode()) for name, value in headers])
    for name, number in watch.tallies._numbers.items():
        for values in number.values:
            for label, value in zip(catalogue.BY_NAME[name].labels, values, strict=True):
                known = label.values if label.values is not None else watch.tallies.tables[label.name]
                assert value in known or value == "other"
    bound = (len(door._names) + 1) * (len(labels.METHODS) + 1) * (len(labels.STATUSES) + 2)
    assert len(watch.tallies.number(catalogue.REQUESTS).values) <= bound


async def test_no_word_that_a_client_sends_is_in_the_exposition(attacked):
    door, watch = attacked
    for word in WORDS:
        headers = [
            (b"user-agent", word.encode()),
            (b"authorization", word.encode()),
            (b"x-amz-meta-who", word.encode()),
        ]
        for path in (f"/{word}/{word}", f"/{word}?{word}={word}", f"/-/{word}"):
            for method in ("GET", "PUT", word):
                await ask(door, method, path, headers)
    text = told(watch).decode().lower()
    assert [word for word in WORDS if word in text] == []


def test_the_routes_of_a_door_are_named_as_its_code_writes_them():
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    async def page(request):
        return None

    app = Starlette(
        routes=[Route("/people/{id}", page), Mount("/scim/v2", routes=[Route("/Groups/{id}", lambda r: None)])]
    )
    assert set(route_names(app).values()) == {"/people/{id}", "/scim/v2/Groups/{id}"}


# A process that was taken over


def test_what_a_process_makes_up_is_not_shown():
    numbers = {
        "nexus_requests_total": {
            ("s3", "GetObject", "GET", "2xx"): 1.0,
            ("s3", "dupont\n# evil 1", "GET", "2xx"): 1.0,
            ("s3", "jeanne@hospital.example", "GET", "2xx"): 1.0,
            ("jeanne", "GetObject", "GET", "2xx"): 1.0,
            ("s3",): 1.0,
        },
        "jeanne_dupont": {(): 1.0},
        'nexus_log_size{who="dupont"}': {(): 1.0},
    }
    spread = {"nexus_commit_writers": {(): Distribution((1, 2), 3.0)}}
    text = exposition({"s3": Report(numbers=numbers, distributions=spread)})
    samples = [sample for found in families(text).values() for sample in found]
    assert [sample.labels for sample in samples] == [
        {"door": "s3", "route": "GetObject", "method": "GET", "status": "2xx", "process": "s3"}
    ]
    assert b"dupont" not in text and b"jeanne" not in text


def test_more_series_than_there_can_be_are_cut_off():
    many = {("s3", f"Made{n}", "GET", "2xx"): 1.0 for n in range(20_000)}
    found = families(exposition({"s3": Report(numbers={"nexus_requests_total": many})}))
    assert len(found["nexus_requests"]) == 5_000


async def test_a_report_comes_out_as_it_went_in():
    watch = Watch()
    watch.tallies.number(catalogue.KEY_LEASE).set(1)
    watch.tallies.spread(catalogue.COMMIT_SECONDS).observe(0.02)
    reader = asyncio.StreamReader()
    reader.feed_data(pack(watch.report()))
    received = await receive(reader)
    assert received.numbers["nexus_key_lease"] == {(): 1}
    assert received.distributions["nexus_commit_duration_seconds"][()].counts[4] == 1
    assert exposition({"s3": received}).count(b"nexus_key_lease{") == 1
