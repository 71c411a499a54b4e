"""The log and its files when processes are killed and disks refuse: nothing acknowledged is lost, nothing is forked."""

import random
import signal
import subprocess
import sys
import time

import pytest

from nexus.audit.verification import LogVerification
from nexus.crypto.notes import Checkpoint, Note
from nexus.kernel.errors import Unavailable
from simulators.audit_log import AuditPlatform

ROUNDS = 3

WRITER = """
import asyncio, sys
sys.path[:0] = {path!r}
from pathlib import Path
from simulators.audit_log import PRIVATE_KEY, read_entry
from nexus.audit.log import AuditLog
from simulators.databases import database as open_database

async def main():
    db = open_database(Path({file!r}), key=None, recorder=AuditLog(PRIVATE_KEY.public))
    done = 0
    while True:
        await asyncio.gather(*(db.record(read_entry(key=f"{{done + i}}")) for i in range(7)))
        done += 7
        print(done, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=1).start()
    yield platform
    platform.dispose()


def verified(log: AuditPlatform):
    return LogVerification(log.db, log.identity, log.data / "log", log.reader.opener).run()


async def test_a_killed_writer_loses_nothing_that_it_acknowledged(log):
    program = WRITER.format(path=sys.path, file=str(log.data / "nexus.db"))
    for _ in range(ROUNDS):
        with log.db.read() as tx:
            before = tx.one("SELECT size FROM audit_head")[0]
        writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(random.random() * 0.1)
        writer.send_signal(signal.SIGKILL)
        acknowledged = [line for line in (writer.communicate()[0]).splitlines() if line.isdigit()]
        result = verified(log)
        assert result.ok, result.problems
        assert result.size - before >= (int(acknowledged[-1]) if acknowledged else 7)
        await log.checkpointer.publish()


PUBLISHER = """
import asyncio, sys
sys.path[:0] = {path!r}
from pathlib import Path
import httpx
from simulators.audit_log import PRIVATE_KEY, read_entry
from simulators.signers import LocalSigner
from nexus.crypto.notes import SignatureType
from nexus.audit.checkpointer import Checkpointer
from nexus.audit.log import AuditLog
from nexus.audit.witnesses import WitnessClient
from simulators.databases import database as open_database

async def main():
    db = open_database(Path({data!r}) / "nexus.db", key=None, recorder=AuditLog(PRIVATE_KEY.public))
    seeds = [bytes.fromhex(text) for text in {seeds!r}]
    types = (SignatureType.ED25519, SignatureType.MLDSA44)
    signers = [LocalSigner(type_=type_, seed=seed) for type_, seed in zip(types, seeds)]
    checkpointer = Checkpointer(db, signers, Path({data!r}) / "log", WitnessClient(httpx.AsyncClient()))
    await checkpointer.start()
    while True:
        await asyncio.gather(*(db.record(read_entry()) for i in range(90)))
        published = await checkpointer.publish()
        print(published.size, flush=True)

asyncio.run(main())
"""


async def test_a_killed_worker_leaves_files_that_the_next_one_goes_on_from(tmp_path):
    log = await AuditPlatform(tmp_path).start()
    log.checkpointer.close()
    seeds = [signer.seed.hex() for signer in log.signers]
    program = PUBLISHER.format(path=sys.path, data=str(log.data), seeds=seeds)
    for _ in range(ROUNDS):
        worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        first = worker.stdout.readline()
        time.sleep(random.random() * 0.1)
        worker.send_signal(signal.SIGKILL)
        published = [int(line) for line in (first + worker.communicate()[0]).splitlines() if line.isdigit()]
        on_disk = Checkpoint.parse(Note.parse((log.data / "log" / "checkpoint").read_bytes()).text)
        assert on_disk.size >= published[-1]
        assert verified(log).ok
    log.reopen()
    await log.checkpointer.start()
    await log.record(1)
    await log.checkpointer.publish()
    assert verified(log).ok
    log.dispose()


@pytest.mark.parametrize("obstacle", ["tile/0/001.p", "tile/entries/001.p", "tile/1", ".checkpoint.part"])
async def test_a_disk_that_refuses_delays_publication_and_harms_nothing(log, obstacle):
    await log.record(100)
    await log.checkpointer.publish()
    before = (log.data / "log" / "checkpoint").read_text()
    path = log.data / "log" / obstacle
    if obstacle == ".checkpoint.part":
        path.mkdir()
    else:
        path.write_text("in the way")
    await log.record(200)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await log.checkpointer.publish()
        assert caught.value.code == "audit.files"
    assert (log.data / "log" / "checkpoint").read_text() == before
    path.rmdir() if path.is_dir() else path.unlink()
    assert (await log.checkpointer.publish()).witnessed
    result = verified(log)
    assert result.ok, result.problems
