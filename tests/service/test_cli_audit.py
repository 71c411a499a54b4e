"""What is taken home with the command line verifies offline, and what was changed on the way does not (AP-04)."""

import asyncio
import json

import pytest

from nexus.app.cli.main import run
from nexus.audit.operations import OPERATIONS
from nexus.iam.model import Purpose
from simulators.audit_log import AuditPlatform
from simulators.door import Door
from simulators.doorkeepers import ALICE
from simulators.tls_door import listening

ENTRIES = 40


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    platform = AuditPlatform(tmp_path_factory.mktemp("log"), witnesses=1)

    async def fill():
        await platform.start()
        await platform.record(ENTRIES)
        await platform.checkpointer.publish()

    asyncio.run(fill())
    yield platform
    platform.dispose()


@pytest.fixture
def nexus(platform, tmp_path, monkeypatch, capsys):
    door = Door(
        platform.db, None, None, specs=OPERATIONS, services={"audit": platform.service}, purposes=tuple(Purpose)
    )
    door.tokens.sessions["token-cli"] = (ALICE, "nexus-cli")
    door.rights.give(ALICE, *(spec.action for spec in OPERATIONS))
    with listening(door, tmp_path) as where:
        monkeypatch.setenv("NEXUS_URL", where.url)
        monkeypatch.setenv("NEXUS_CA", str(where.ca))
        monkeypatch.setenv("NEXUS_TOKEN", "token-cli")
        monkeypatch.setenv("LANG", "C.UTF-8")

        def call(*arguments):
            code = run([str(argument) for argument in arguments])
            return code, *capsys.readouterr()

        yield call


def test_a_receipt_verifies_offline_against_the_policy_and_a_changed_one_does_not(nexus, tmp_path):
    receipt, policy = tmp_path / "receipt", tmp_path / "policy"
    assert nexus("audit", "policy", policy)[0] == 0
    assert nexus("audit", "receipt", 7, receipt)[0] == 0
    code, out, err = nexus("audit", "verify", receipt, "--policy", policy)
    assert code == 0 and "Everything verifies" in err and "objects.object.read" in out
    code, out, _ = nexus("audit", "verify", receipt, "--policy", policy, "--json")
    assert code == 0 and json.loads(out)["index"] == 7
    text = receipt.read_text()
    (tmp_path / "changed").write_text(text.replace("index 7", "index 8"))
    code, out, err = nexus("audit", "verify", tmp_path / "changed", "--policy", policy)
    assert (code, out) == (7, "") and "✗" in err


def test_a_receipt_needs_a_policy(nexus, tmp_path):
    assert nexus("audit", "receipt", 3, tmp_path / "receipt")[0] == 0
    code, _, err = nexus("audit", "verify", tmp_path / "receipt")
    assert code == 2 and "--policy" in err


def test_a_file_that_is_there_is_never_overwritten(nexus, tmp_path):
    (tmp_path / "receipt").write_text("the only proof")
    code, _, err = nexus("audit", "receipt", 3, tmp_path / "receipt")
    assert code == 5 and "already there" in err
    assert (tmp_path / "receipt").read_text() == "the only proof"


def test_a_copy_verifies_and_a_flipped_byte_in_it_is_found(nexus, tmp_path):
    code, _, err = nexus("audit", "export", tmp_path / "copy", "--opened")
    assert code == 0 and "entries copied" in err
    code, out, err = nexus("audit", "verify", tmp_path / "copy")
    assert code == 0 and "integrity, not origin" in err
    bundle = next((tmp_path / "copy" / "tile" / "entries").rglob("*.p/*"))
    content = bytearray(bundle.read_bytes())
    content[100] ^= 1
    bundle.write_bytes(content)
    code, out, err = nexus("audit", "verify", tmp_path / "copy")
    assert code == 7 and "does not verify" in err and "audit." in out


def test_the_log_is_searched_from_the_command_line(nexus):
    code, out, err = nexus("audit", "entry", "list", "--actor", "per_alice", "--action", "objects.*", "--limit", "3")
    assert code == 0 and out.count("objects.object.read") == 3 and "--cursor" in err
