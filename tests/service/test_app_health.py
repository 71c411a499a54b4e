"""Health: what is looked at, how often, and what doors and the operations listener say of it. AP-10, EMC-52."""

import asyncio
import json
import os
import ssl
import threading
from functools import partial

import httpx
import pytest

from nexus.app import children, pki, serving, settings
from nexus.app.handoff import Handoff
from nexus.app.telemetry import listener, report
from nexus.app.telemetry.doorway import Doorway
from nexus.app.telemetry.gathering import Gathering, shown
from nexus.app.telemetry.health import HANGING_S, LOOK_EVERY_S, RECENT_S, Component, Health, RefusedCommits
from nexus.app.telemetry.report import Heard, Report
from nexus.app.telemetry.reporting import Reporter
from nexus.app.telemetry.watch import Watch
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Database, Recorded
from nexus.kernel.errors import Invalid, Unavailable
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.asking import ask
from simulators.operations import operation
from simulators.recorder import MemoryRecorder


class Time:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def fails() -> None:
    raise Unavailable("sealed", code="kms.sealed")


async def plain(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the door"})


# What is looked at


def test_however_often_somebody_asks_a_check_runs_once_a_second():
    time, looked = Time(), []
    health = Health(time)
    health.add(Component.KEYS, lambda: looked.append(1))
    for _ in range(1_000):
        assert health.missing() == ()
    assert len(looked) == 1
    time.at += LOOK_EVERY_S
    health.missing()
    assert len(looked) == 2


def test_what_is_missing_is_named_in_a_fixed_order_and_comes_back():
    time, sealed = Time(), [True]
    health = Health(time)
    health.add(Component.DATABASE, fails)
    health.add(Component.KEYS, lambda: fails() if sealed[0] else None)
    assert health.missing() == (Component.KEYS, Component.DATABASE)
    sealed[0] = False
    time.at += LOOK_EVERY_S
    assert health.missing() == (Component.DATABASE,)


def test_a_check_that_fails_in_a_way_that_nobody_foresaw_counts_as_missing(caplog):
    time = Time()
    health = Health(time)
    health.add(Component.DATABASE, lambda: 1 / 0)
    health.add_slow(Component.BLOBS, lambda: {}["dupont"])
    health.missing()
    health._slow[Component.BLOBS]._looking.exception(5)
    time.at += LOOK_EVERY_S
    assert health.missing() == (Component.DATABASE, Component.BLOBS)
    assert "ZeroDivisionError" in caplog.text and "dupont" not in caplog.text


def test_a_disk_that_hangs_is_missed_and_holds_nobody_up():
    time, hanging = Time(), threading.Event()
    health = Health(time)
    health.add_slow(Component.BLOBS, lambda: hanging.wait(30) and None)
    try:
        assert health.missing() == (), "it has a moment to answer"
        time.at += HANGING_S + 1
        assert health.missing() == (Component.BLOBS,)
    finally:
        hanging.set()


def test_a_refused_commit_counts_until_one_succeeds_or_it_is_long_ago():
    time = Time()
    commits = RefusedCommits(time)
    commits.settled("unavailable")
    with pytest.raises(Unavailable):
        commits.require()
    commits.settled("ok")
    commits.require()
    commits.settled("unavailable")
    time.at += RECENT_S
    commits.require()


async def test_a_database_that_is_locked_makes_a_process_unready_and_then_ready_again(tmp_path):
    watch = Watch()
    place, key = tmp_path / "a.db", Secret(b"k" * 32)
    db = Database(place, key=key, recorder=MemoryRecorder(), patience_s=0, observer=watch.commits)
    db._writing.turns.patience_s = 0.2
    other = Database(place, key=key, recorder=MemoryRecorder())
    watch.health.add(Component.DATABASE, watch.refused.require)
    inside, go_on = threading.Event(), threading.Event()

    def hold(tx):
        inside.set()
        go_on.wait(30)
        return Recorded(None, operation().allowed("held", PLATFORM))

    holding = asyncio.create_task(other.write(hold))
    await asyncio.to_thread(inside.wait, 5)
    try:
        with pytest.raises(Unavailable):
            await db.record(operation().allowed("tried", PLATFORM))
        assert Component.DATABASE in watch.health.missing()
    finally:
        go_on.set()
        await holding
    await db.record(operation().allowed("tried again", PLATFORM))
    watch.refused.require()
    db.close()
    other.close()


# What doors say


async def test_a_door_says_whether_it_lives_and_is_ready_and_nothing_else():
    watch = Watch()
    door = Doorway("s3", plain, watch)
    assert (await ask(door, "GET", "/-/live")).status == 200
    assert json.loads((await ask(door, "GET", "/-/ready")).body) == {"status": "ready"}
    watch.health.add(Component.KEYS, fails)
    watch.health._looked_at = float("-inf")
    answer = await ask(door, "GET", "/-/ready")
    assert (answer.status, json.loads(answer.body)) == (503, {"status": "not ready", "missing": ["keys"]})
    assert answer.headers["cache-control"] == "no-store"
    head = await ask(door, "HEAD", "/-/ready")
    assert (head.status, head.body) == (503, b"")
    assert (await ask(door, "PUT", "/-/ready")).status == 405
    assert (await ask(door, "GET", "/-/other")).status == 404
    assert (await ask(door, "GET", "/metrics")).body == b"the door", "metrics are on no door"


async def test_keys_of_a_bucket_that_the_host_names_are_the_buckets_own():
    door = Doorway("s3", plain, Watch(), domains=["s3.nexus.test"])
    for host in (b"ward.s3.nexus.test", b"WARD.s3.nexus.test:9000"):
        assert (await ask(door, "GET", "/-/ready", [(b"host", host)])).body == b"the door"
    assert json.loads((await ask(door, "GET", "/-/ready", [(b"host", b"s3.nexus.test:9000")])).body)


# What the supervisor hears


async def test_a_process_tells_how_it_is_on_the_pipe_of_its_handoff_until_it_ends():
    reading, writing = os.pipe()
    told = iter([Report(missing=("keys",)), Report(), Report(numbers={"nexus_key_lease": {(): 1.0}})])
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb"))
    reporter = Reporter(writing, lambda: next(told, Report()), every_s=0.01)
    reporter.start()
    assert (await report.receive(reader)).missing == ("keys",)
    assert (await report.receive(reader)).missing == ()
    assert (await report.receive(reader)).numbers == {"nexus_key_lease": {(): 1.0}}
    reporter._task.cancel()
    os.close(writing)
    with pytest.raises(EOFError):
        while True:
            await report.receive(reader)


async def test_what_is_no_report_is_refused():
    for wrong in (b"\xff\xff\xff\xffx", b"\0\0\0\1\xc1", b'{"ready":false}\n' * 9):
        reader = asyncio.StreamReader()
        reader.feed_data(wrong)
        reader.feed_eof()
        with pytest.raises((ValueError, EOFError)):
            await report.receive(reader)


def test_a_process_that_says_nothing_for_long_counts_as_silent():
    heard = Heard()
    assert not heard.told and not heard.is_silent
    heard.hear(Report())
    assert heard.told and not heard.is_silent
    heard._at -= report.SILENT_AFTER_S + 1
    assert heard.is_silent


MODULE = """
import sys, time
from nexus.app import handoff
handoff.receive(0)
sys.stdout.buffer.write(handoff.ready_line() + b"this is no report at all" * 10)
sys.stdout.flush()
time.sleep(60)
"""


async def test_a_process_that_tells_nonsense_is_not_believed_and_not_stopped(tmp_path, monkeypatch):
    (tmp_path / "nonsense.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    given = Handoff(process="s3", root="/", settings=settings.Settings())
    child = await children.start(given, launch=partial(children.execute, module="nonsense"))
    try:
        await asyncio.sleep(0.2)
        assert child.alive and not child.heard.told
    finally:
        await child.stop(0)


# The operations listener


def settings_with(**given):
    return settings.load(None, {}, **given)


def test_beyond_this_machine_the_listener_needs_tls_and_a_token(tmp_path):
    certificate, key, token = (str(tmp_path / name) for name in ("c.pem", "k.pem", "token"))
    settings_with(watch_port=0)
    settings_with(watch_port=0, watch_host="::1")
    settings_with(watch_port=-1, watch_host="0.0.0.0")
    for lacking in (
        {},
        {"watch_token_file": token},
        {"watch_certificate_file": certificate, "watch_key_file": key},
        {"watch_token_file": token, "watch_certificate_file": certificate},
    ):
        for host in ("0.0.0.0", "10.0.0.4", "nexus.chu.example", "localhost"):
            with pytest.raises(Invalid):
                settings_with(watch_port=9_464, watch_host=host, **lacking)
    settings_with(
        watch_port=9_464,
        watch_host="0.0.0.0",
        watch_token_file=token,
        watch_certificate_file=certificate,
        watch_key_file=key,
    )


def test_a_short_token_and_a_file_that_is_not_there_are_refused(tmp_path):
    file = tmp_path / "token"
    with pytest.raises(Invalid):
        listener.token(settings_with(watch_token_file=str(file)))
    file.write_text("short\n")
    with pytest.raises(Invalid):
        listener.token(settings_with(watch_token_file=str(file)))


async def test_metrics_ask_for_the_token_and_health_does_not(tmp_path):
    app = listener.OperationsApp(lambda: {"kms": ("keys",)}, lambda: {"kms": Report()}, Secret(b"t" * 32))
    assert (await ask(app, "GET", "/metrics")).status == 401
    for wrong in (b"Bearer " + b"T" * 32, b"Basic " + b"t" * 32, b"Bearer ", b"t" * 32):
        assert (await ask(app, "GET", "/metrics", [(b"authorization", wrong)])).status == 401
    twice = [(b"authorization", b"Bearer " + b"t" * 32)] * 2
    assert (await ask(app, "GET", "/metrics", twice)).status == 401
    assert (await ask(app, "GET", "/metrics", twice[:1])).status == 200
    ready = await ask(app, "GET", "/-/ready")
    assert (ready.status, json.loads(ready.body)) == (503, {"status": "not ready", "missing": {"kms": ["keys"]}})
    assert (await ask(app, "GET", "/-/live")).status == 200
    assert (await ask(app, "GET", "/")).status == 404
    assert (await ask(app, "POST", "/metrics", twice[:1])).status == 405


async def test_the_listener_answers_over_tls_to_whoever_has_the_token(tmp_path):
    now = SystemClock().now()
    authority = pki.found_authority("nx_installation", now)
    leaf = pki.issue(authority, ["127.0.0.1"], 1, now)
    files = {name: tmp_path / name for name in ("ca", "chain", "key", "token")}
    files["ca"].write_bytes(authority.certificate)
    files["chain"].write_bytes(leaf.chain)
    files["key"].write_bytes(leaf.key.reveal())
    files["token"].write_text("t" * 40 + "\n")
    given = settings_with(
        watch_port=0,
        watch_token_file=str(files["token"]),
        watch_certificate_file=str(files["chain"]),
        watch_key_file=str(files["key"]),
    )
    gathering, trusted = Gathering(lambda: [], lambda: False, Watch()), ssl.create_default_context(cafile=files["ca"])
    with serving.reserve_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        async with shown(gathering, given, port), httpx.AsyncClient(verify=trusted) as http:
            address = f"https://127.0.0.1:{port}"
            assert (await http.get(f"{address}/-/live")).json() == {"status": "alive"}
            ready = await http.get(f"{address}/-/ready")
            assert (ready.status_code, ready.json()["missing"]) == (503, {"supervisor": ["starting"]})
            assert (await http.get(f"{address}/metrics")).status_code == 401
            allowed = await http.get(f"{address}/metrics", headers={"authorization": f"Bearer {'t' * 40}"})
            assert allowed.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert 'nexus_process_resident_bytes{process="supervisor"}' in allowed.text
    with pytest.raises(Invalid):
        async with shown(gathering, settings_with(watch_token_file=str(tmp_path / "none")), port):
            pass
