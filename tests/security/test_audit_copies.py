"""A copy of the log that was taken along: no byte of it can be changed unseen, with public keys only. AP-20."""

import shutil
from contextlib import suppress

import pytest

from nexus.audit import offline
from nexus.audit.export_files import write_export
from nexus.audit.model import ExportLog
from nexus.audit.tiles import TileReader, TileWriter
from nexus.kernel.errors import NexusError
from simulators.audit_log import AUDITOR, AuditPlatform

COUNT = 301


@pytest.fixture
async def log(tmp_path):
    """Two bundles of published and witnessed entries."""
    platform = await AuditPlatform(tmp_path, witnesses=2).start()
    await platform.record(COUNT - 1)
    await platform.checkpointer.publish()
    yield platform
    platform.dispose()


@pytest.fixture
async def copy(log, tmp_path):
    page = await log.service.export_log(AUDITOR, ExportLog(opened=True))
    write_export(tmp_path / "copy", [page])
    return tmp_path / "copy"


@pytest.mark.parametrize("relative", ["tile/0/000", "tile/entries/000", "tile/entries/001.p/45", "entries.ndjson"])
async def test_any_byte_of_an_exported_copy(log, copy, relative):
    path = copy / relative
    whole = path.read_bytes()
    assert offline.verify_directory(copy, log.trust).ok
    for at in range(3, len(whole), len(whole) // 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        result = offline.verify_directory(copy, log.trust)
        assert not result.ok, f"byte {at} of {relative}"
    path.unlink()
    assert relative == "entries.ndjson" or not offline.verify_directory(copy, log.trust).ok


async def test_an_exported_copy_made_anew_from_other_entries(log, copy):
    """Bundles, tiles and levels above fit each other, but not the checkpoint."""
    leaves = [leaf for index in (0, 1) for leaf in TileReader(copy, 301).bundle(index)]
    leaves[17] = leaves[18]
    shutil.rmtree(copy / "tile")
    writer = TileWriter(copy)
    writer.append(leaves)
    writer.flush()
    (copy / "entries.ndjson").unlink()
    result = offline.verify_directory(copy, log.trust)
    assert [problem.code for problem in result.problems] == ["audit.root"]


async def test_an_exported_copy_under_a_forged_signature(log, copy):
    path = copy / "checkpoint"
    lines = path.read_text().split("\n")
    for at in (1, 2, 4, 5, 6):
        changed = lines.copy()
        changed[at] = changed[at][:-3] + ("AA=" if changed[at].endswith("=") else "111")
        path.write_text("\n".join(changed))
        with suppress(NexusError):
            assert not offline.verify_directory(copy, log.trust).ok


async def test_a_copy_that_claims_to_be_endless_is_given_up_at_once(log, copy):
    path = copy / "checkpoint"
    path.write_text(path.read_text().replace("\n301\n", f"\n{2**62}\n"))
    result = offline.verify_directory(copy, log.trust)
    assert not result.ok
    assert result.size == 2**62
