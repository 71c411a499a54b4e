"""What an outsider gets: the state of the log, and a copy that is checked without any secret."""

import json

import msgspec
import pytest

from nexus.audit import model, offline
from nexus.audit.export_files import write_export
from nexus.audit.model import ErasePerson, ExportLog, LogPolicy, ReadLog
from nexus.crypto.notes import Note
from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound
from simulators.audit_log import AUDITOR, AuditPlatform


@pytest.fixture
async def log(tmp_path):
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    yield platform
    platform.dispose()


async def test_the_state_is_all_that_an_outsider_needs(log):
    assert (await log.service.read_log(AUDITOR, ReadLog())).checkpoint is None
    await log.checkpointer.publish()
    state = await log.service.read_log(AUDITOR, ReadLog())
    assert state.witnessed
    assert state.policy == log.trust
    assert state.keys == tuple(map(str, log.identity.keys))
    assert Note.parse(state.checkpoint)
    assert state.published_at == log.clock.now()


async def test_a_policy_that_cannot_be_met_is_refused(log):
    spec = log.policy.witnesses[0]
    for policy in (
        LogPolicy(witnesses=(spec,), quorum=2),
        LogPolicy(witnesses=(spec, spec), quorum=1),
        LogPolicy(witnesses=(model.WitnessSpec(name="w", url="https://w", keys=("nonsense",)),), quorum=1),
    ):
        with pytest.raises(Invalid):
            await log.service.configure_log(AUDITOR, policy)


async def export(log: AuditPlatform, directory, *, opened: bool) -> None:
    pages, first, size = [], 0, 0
    while True:
        page = await log.service.export_log(AUDITOR, ExportLog(first=first, size=size, limit=100, opened=opened))
        pages.append(page)
        size = page.size
        if page.next is None:
            break
        first = page.next
    write_export(directory, pages)


async def test_an_exported_log_is_checked_without_any_secret(log, tmp_path):
    """AP-20: an auditor takes a copy along and checks it with public keys."""
    await log.record(300)
    await log.service.erase_person(AUDITOR, ErasePerson(person="per_officer", reason="asked"))
    await log.checkpointer.publish()
    await export(log, tmp_path / "copy", opened=True)
    seen = []
    result = offline.verify_directory(tmp_path / "copy", log.trust, lambda done, total: seen.append((done, total)))
    assert result.ok, result.problems
    assert (result.size, result.opened) == (302, 301)
    assert seen[-1] == (302, 302)
    lines = [json.loads(line) for line in (tmp_path / "copy" / "entries.ndjson").read_text().splitlines()]
    assert lines[5]["entry"]["resource"]["id"] == "ingress/scan-5.dcm"
    # By default the copy holds no word of any entry.
    await export(log, tmp_path / "closed", opened=False)
    assert not (tmp_path / "closed" / "entries.ndjson").exists()
    assert offline.verify_directory(tmp_path / "closed", None).ok


async def test_the_logs_own_directory_is_an_export_too(log):
    await log.record(10)
    await log.checkpointer.publish()
    assert offline.verify_directory(log.data / "log", log.trust).ok


async def test_pages_that_do_not_make_the_checkpoint_are_no_export(log, tmp_path):
    await log.record(5)
    await log.checkpointer.publish()
    page = await log.service.export_log(AUDITOR, ExportLog())
    short = msgspec.structs.replace(page, entries=page.entries[:-1])
    with pytest.raises(Damaged):
        write_export(tmp_path / "short", [short])
    with pytest.raises(Damaged):
        write_export(tmp_path / "none", [])
    write_export(tmp_path / "whole", [page])
    with pytest.raises(Conflict):
        write_export(tmp_path / "whole", [page])


async def test_an_export_that_does_not_exist_is_refused(log, tmp_path):
    with pytest.raises(NotFound):
        await log.service.export_log(AUDITOR, ExportLog(size=12345))
    with pytest.raises(NotFound):
        offline.verify_directory(tmp_path, None)
