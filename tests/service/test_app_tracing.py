"""Traces: one request is one trace, nothing of anybody is in it, and a collector that is away disturbs nobody. AP-10, NX-01."""

import asyncio
import subprocess
import sys

import pytest

from nexus.app import pki, settings
from nexus.app.telemetry import catalogue, tracing
from nexus.app.telemetry.doorway import Doorway
from nexus.app.telemetry.exporting import MAX_BATCHES, Exporter, collector
from nexus.app.telemetry.report import Batch
from nexus.app.telemetry.tally import Tallies
from nexus.app.telemetry.watch import Watch
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Invalid, Unavailable
from simulators.asking import ask
from simulators.collector import Collector, attributes, collecting
from simulators.s3_door import open_s3_door

PATIENT = "2700575123456"


def traced(process: str = "s3", per_thousand: int = 1_000) -> Watch:
    """A process that traces."""
    address = "https://collector.example/v1/traces"
    return Watch(process, settings.load(None, {}, trace_collector=address, trace_per_thousand=per_thousand))


def told(watch: Watch) -> Collector:
    """What the process has to tell, as a collector would see it."""
    seen = Collector()
    while (batch := watch.tracing.take()) is not None:
        seen.bodies.append(batch.body)
    return seen


async def until(condition, seconds: float = 20.0):
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await asyncio.sleep(0.02)
    return found


# Off


def test_without_a_collector_nothing_is_traced_and_the_library_is_not_even_loaded():
    code = (
        "import sys\nfrom nexus.app import settings\nfrom nexus.app.telemetry.watch import Watch\n"
        "assert Watch('s3', settings.Settings()).tracing is None\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "address",
    [
        "http://collector.example/v1/traces",
        "http://127.0.0.1.evil.example/v1/traces",
        "http://localhost/v1/traces",
        "https://collector.example",
        "https://user:secret@collector.example/v1/traces",
        "ftp://127.0.0.1/v1/traces",
    ],
)
def test_a_collector_is_reached_over_tls_or_is_on_this_machine(address):
    with pytest.raises(Invalid):
        settings.load(None, {}, trace_collector=address)


# One request, one trace


async def test_a_request_is_one_trace_from_the_door_to_the_commit(tmp_path):
    watch = traced()
    door = open_s3_door(tmp_path, observer=watch.commits)
    bare, door.app = door.app, Doorway("s3", door.app, watch)
    client = door.client()
    try:
        assert (await client("PUT", f"/ward-{PATIENT}")).status == 200
        answer = await client("PUT", f"/ward-{PATIENT}/{PATIENT}", body=b"x" * 100_000)
        assert (await client("GET", "/nothing/here")).status == 404
    finally:
        door.close()
    assert bare is not door.app
    seen = told(watch)
    roots = {span.name: span for _, span in seen.spans() if not span.parent_span_id}
    assert set(roots) == {"s3 PUT CreateBucket", "s3 PUT PutObject", "s3 GET GetObject"}
    put = roots["s3 PUT PutObject"]
    assert attributes(put) == {
        "nexus.door": "s3",
        "nexus.route": "PutObject",
        "nexus.method": "PUT",
        "nexus.outcome": "2xx",
        "nexus.operation": answer.headers["x-amz-request-id"],
    }
    children = [span for _, span in seen.traces()[put.trace_id] if span.parent_span_id == put.span_id]
    assert "database commit" in {span.name for span in children}
    commit = next(span for span in children if span.name == "database commit")
    assert attributes(commit)["nexus.outcome"] == "ok" and attributes(commit)["nexus.entries"] >= 1
    assert put.start_time_unix_nano <= commit.start_time_unix_nano <= commit.end_time_unix_nano
    assert PATIENT.encode() not in b"".join(seen.bodies), "no name of a bucket or an object is in a trace"


async def test_requests_that_run_side_by_side_are_traces_of_their_own():
    watch = traced()

    async def app(scope, receive, send):
        mark = watch.key_calls.began("unwrap")
        await asyncio.sleep(0.01)
        watch.decisions.began().ended("allowed")
        mark.ended("ok")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = Doorway("api", app, watch)
    await asyncio.gather(*(ask(door, "GET", "/") for _ in range(20)))
    found = told(watch).traces()
    assert len(found) == 20
    for spans in found.values():
        names = sorted(span.name for _, span in spans)
        assert names == ["api GET other", "authorise", "key service call unwrap"]
    assert tracing.trace.get_current_span().is_recording() is False, "nothing is left behind"


async def test_a_call_carries_its_trace_over_to_the_other_process():
    caller, service = traced("s3"), traced("kms")

    async def app(scope, receive, send):
        mark = caller.key_calls.began("unwrap")
        await asyncio.get_running_loop().create_task(serve(mark.traceparent))
        mark.ended("ok")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def serve(traceparent: str) -> None:
        mark = service.served_calls.began("unwrap", "s3", traceparent)
        waited = service.commits.queued()
        service.commits.committed([waited], 1, 0.001, Unavailable("full", code="database.disk-full"))
        mark.ended("ok")

    await ask(Doorway("s3", app, caller), "GET", "/")
    here, there = told(caller), told(service)
    (trace,), (same,) = here.traces(), there.traces()
    assert trace == same
    call = next(span for _, span in here.spans() if span.name == "key service call unwrap")
    served = next(span for _, span in there.spans() if span.name == "key service unwrap")
    commit = next(span for _, span in there.spans() if span.name == "database commit")
    assert served.parent_span_id == call.span_id and commit.parent_span_id == served.span_id
    assert attributes(commit)["nexus.outcome"] == "unavailable"


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        "00-" + "0" * 32 + "-" + "0" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-00",
        "ff-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "b" * 16 + "-01" * 4_000,
    ],
)
async def test_what_is_no_sampled_trace_context_starts_none(traceparent):
    watch = traced("kms")
    watch.served_calls.began(PATIENT, "s3", traceparent).ended("ok")
    assert told(watch).spans() == []


async def test_a_client_neither_chooses_whether_it_is_traced_nor_under_which_id(tmp_path):
    forced = [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"), (b"host", b"nexus.test")]

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Nexus-Operation", PATIENT.encode())]})
        await send({"type": "http.response.body", "body": b""})

    never, always = traced(per_thousand=0), traced()
    await ask(Doorway("api", app, never), "GET", "/", forced)
    assert told(never).spans() == []
    await ask(Doorway("api", app, always), "GET", f"/{PATIENT}", forced)
    ((_, span),) = told(always).spans()
    assert span.trace_id != b"\xaa" * 16 and not span.parent_span_id
    assert "nexus.operation" not in attributes(span), "what is no id of an operation is none"


# Out of the platform, or not


def test_spans_that_nobody_takes_are_dropped_and_counted():
    watch = traced()
    for _ in range(tracing.MAX_WAITING + 7):
        watch.tracing.root("api").end()
    counts = watch.tallies.number(catalogue.SPANS).values
    assert counts == {("kept",): tracing.MAX_WAITING, ("dropped",): 7}
    assert watch.report().batch.spans == tracing.MAX_BATCH


def exporter(client, address: str, batches: list[Batch]):
    tallies = Tallies()

    def take() -> list[Batch]:
        given = batches[:]
        batches.clear()
        return given

    return Exporter(client, address, take, tallies), tallies.number(catalogue.SPANS).values


async def test_a_collector_that_refuses_for_a_while_gets_everything_once_it_takes_again():
    with collecting() as seen:
        async with collector(settings.Settings()) as client:
            sending, counts = exporter(client, seen.address, [Batch(3, b"")])
            seen.status = 503
            sending._gather()
            await sending._send_all()
            assert counts == {} and sending._pause_s > 0
            seen.status = 200
            await sending._send_all()
            assert counts == {("sent",): 3} and seen.headers[0]["content-type"] == "application/x-protobuf"
            assert "authorization" not in seen.headers[0]


async def test_what_a_collector_will_never_take_is_dropped_and_a_redirection_is_not_followed():
    with collecting() as seen, collecting() as elsewhere:
        async with collector(settings.Settings()) as client:
            sending, counts = exporter(client, seen.address, [Batch(3, b""), Batch(2, b"")])
            seen.status, seen.location = 307, elsewhere.address
            sending._gather()
            await sending._send_all()
            assert counts == {("failed",): 5} and elsewhere.asked == 0


async def test_a_collector_that_stays_away_costs_the_oldest_spans_and_nothing_else():
    batches = [Batch(1, b"") for _ in range(MAX_BATCHES + 9)]
    async with collector(settings.Settings()) as client:
        sending, counts = exporter(client, "http://127.0.0.1:9/v1/traces", batches)
        running = asyncio.create_task(sending.run())
        await until(lambda: counts.get(("dropped",)) == 9)
        assert len(sending._waiting) == MAX_BATCHES
        running.cancel()


async def test_a_collector_whose_certificate_nobody_vouches_for_gets_nothing(tmp_path, monkeypatch):
    now = SystemClock().now()
    ours, stranger = (pki.found_authority(name, now) for name in ("nx_ours", "nx_stranger"))
    leaf = pki.issue(stranger, ["127.0.0.1"], 1, now)
    files = tmp_path / "chain.pem", tmp_path / "key.pem"
    files[0].write_bytes(leaf.chain)
    files[1].write_bytes(leaf.key.reveal())
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # what the environment says is not asked
    (tmp_path / "token").write_text("of the collector\n")
    with collecting(files) as seen:
        for authority, asked in ((ours, 0), (stranger, 1)):
            (tmp_path / "ca.pem").write_bytes(authority.certificate)
            given = settings.load(
                None, {}, trace_authority=str(tmp_path / "ca.pem"), trace_token_file=str(tmp_path / "token")
            )
            async with collector(given) as client:
                sending, _ = exporter(client, seen.address, [Batch(1, b"")])
                sending._gather()
                await sending._send_all()
            assert len(seen.bodies) == asked
        assert seen.headers[0]["authorization"] == "Bearer of the collector"


def test_files_of_the_collector_that_are_not_there_are_refused(tmp_path):
    for name in ("trace_authority", "trace_token_file"):
        with pytest.raises(Invalid):
            collector(settings.load(None, {}, **{name: str(tmp_path / "none")}))
