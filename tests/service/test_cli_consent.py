"""The command line takes receipts and the register home, as files that nobody else may read, and never over another file."""

import asyncio
import json
import stat

import pytest

from nexus.app.cli.main import run
from nexus.app.wiring.consent import LogProofs
from nexus.consent.migrations import MIGRATIONS
from nexus.consent.operations import OPERATIONS
from nexus.iam.model import Purpose
from simulators.audit_log import AuditPlatform
from simulators.consents import Clinic, deny, permit
from simulators.door import Door
from simulators.doorkeepers import ALICE
from simulators.tls_door import listening


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """(log, clinic, subject, its decisions)"""
    log = AuditPlatform(tmp_path_factory.mktemp("log"), witnesses=1)

    async def fill():
        await log.start()
        log.db.migrate(MIGRATIONS)
        clinic = Clinic(log.db, None, clock=log.clock, proofs=LogProofs(lambda: log.reader))
        subject, patient = await clinic.patient(reference="IPP-SECRET")
        made = [
            await clinic.decide(patient, subject, permit()),
            await clinic.decide(patient, subject, deny("education")),
        ]
        await log.checkpointer.publish()
        return clinic, subject, [each.id for each in made]

    yield log, *asyncio.run(fill())
    log.dispose()


@pytest.fixture
def nexus(house, tmp_path, monkeypatch, capsys):
    log, clinic, _, _ = house
    door = Door(log.db, None, None, specs=OPERATIONS, services={"consent": clinic.service}, purposes=tuple(Purpose))
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


def test_a_receipt_is_saved_and_verifies_without_the_platform(house, nexus, tmp_path):
    log, _, subject, decisions = house
    file, policy = tmp_path / "receipt.json", tmp_path / "policy"
    policy.write_text(log.trust)
    assert nexus("consent", "receipt", subject, decisions[0], file)[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, out, err = nexus("consent", "verify-receipt", file, "--policy", policy)
    assert code == 0 and "Everything verifies" in err and decisions[0] in out
    file.write_bytes(file.read_bytes().replace(b'"research"', b'"quality"', 1))
    assert nexus("consent", "verify-receipt", file, "--policy", policy)[0] == 7


def test_a_printed_receipt_says_where_the_one_to_verify_is(house, nexus, tmp_path):
    _, _, subject, decisions = house
    file, policy = tmp_path / "receipt.pdf", tmp_path / "policy"
    policy.write_text("")
    assert nexus("consent", "receipt", subject, decisions[0], file, "--form", "pdf")[0] == 0
    assert file.read_bytes().startswith(b"%PDF")
    code, _, err = nexus("consent", "verify-receipt", file, "--policy", policy)
    assert code != 0 and "attachment" in err


def test_the_register_is_saved_whole_and_never_over_another_file(house, nexus, tmp_path):
    _, _, _, decisions = house
    file = tmp_path / "register.jsonl"
    assert nexus("consent", "export", file, "--site", "chu")[0] == 0
    lines = file.read_text().splitlines()
    assert [json.loads(line)["decision"] for line in lines] == decisions
    assert "SECRET" not in file.read_text()
    assert nexus("consent", "export", file)[0] != 0 and file.read_text().splitlines() == lines
