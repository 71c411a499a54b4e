"""The doctor measures instead of assuming: for each check, a machine where it must complain and one where it must not."""

import asyncio
import ssl
from pathlib import Path

import pytest

from nexus.app import datadir
from nexus.app.backup.history import BackupLine, last_backup, note_backup
from nexus.app.chores.report import LogReport, VerificationReport
from nexus.app.control import ControlServer
from nexus.app.datadir import DataDirectory
from nexus.app.doctor import disk, machine, tls, trust
from nexus.app.doctor.examination import examine, worst
from nexus.app.doctor.finding import State, broken, degraded, emulated, real, unknown
from nexus.app.settings import Settings
from nexus.iam.model import Role
from nexus.kernel.clock import HOUR, MINUTE, SystemClock
from nexus.kms.model import KeyServiceStatus, ServiceState
from simulators.clock import EPOCH
from simulators.keyservice import running
from simulators.machines import identity


@pytest.fixture
def directory(tmp_path) -> DataDirectory:
    return datadir.create(tmp_path / "data")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder


# The machine


@pytest.mark.parametrize(
    ("cpuinfo", "state"),
    [
        ("flags : fpu aes sha_ni avx2", State.REAL),
        ("Features : fp asimd aes pmull sha2", State.REAL),
        ("flags : fpu sse2", State.DEGRADED),
    ],
)
def test_aes_instructions_are_looked_for(tmp_path, cpuinfo, state):
    assert machine.aes(written(tmp_path, "cpuinfo", cpuinfo)).state is state


def test_a_machine_that_does_not_say_is_unknown_never_real(tmp_path):
    assert machine.aes(tmp_path).state is State.UNKNOWN
    assert machine.swap(tmp_path).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("swaps", "state"),
    [
        ("", State.REAL),
        ("/dev/zram0 partition 100 0 5", State.REAL),
        ("/dev/dm-1 partition 100 0 5", State.REAL),
        ("/dev/sda2 partition 100 0 5", State.DEGRADED),
        ("/swapfile file 100 0 5", State.DEGRADED),
    ],
)
def test_swap_in_clear_is_told_from_swap_that_is_not(tmp_path, swaps, state):
    assert machine.swap(written(tmp_path, "swaps", f"Filename Type Size Used Priority\n{swaps}")).state is state


def test_a_clock_is_judged_by_its_reference_and_its_error():
    assert machine.judge_clock(synchronised=True, error_ms=3).state is State.REAL
    assert machine.judge_clock(synchronised=True, error_ms=500).state is State.DEGRADED
    assert machine.judge_clock(synchronised=False, error_ms=0).state is State.DEGRADED
    assert machine.clock().subject == "clock"


# The disk


@pytest.mark.parametrize(
    ("mount", "state"),
    [
        ("ext4 rw,relatime", State.REAL),
        ("xfs rw", State.REAL),
        ("ext4 rw,nobarrier", State.DEGRADED),
        ("tmpfs rw", State.BROKEN),
        ("nfs4 rw", State.BROKEN),
        ("fuse.sshfs rw", State.BROKEN),
    ],
)
def test_the_file_system_below_the_data_is_judged(directory, mount, state):
    mounts = f"/dev/a / ext4 rw 0 0\n/dev/b {directory.root.parent} {mount} 0 0\n/dev/c /elsewhere tmpfs rw 0 0\n"
    assert disk.file_system(directory, mounts).state is state


def test_the_deepest_mount_counts_and_none_is_unknown(directory):
    mounts = f"/dev/a / tmpfs rw 0 0\n/dev/b {directory.root} ext4 rw 0 0\n"
    assert disk.file_system(directory, mounts).state is State.REAL
    assert disk.file_system(directory, "").state is State.UNKNOWN


def test_durable_writes_are_measured_on_the_disk_itself(directory):
    assert disk.durable_writes(directory).state in (State.REAL, State.DEGRADED)
    assert list(directory.run.iterdir()) == []


def test_space_and_rights_are_looked_at(directory):
    assert disk.space(directory, 1).state is State.REAL
    assert disk.space(directory, 1 << 40).state is State.DEGRADED
    assert disk.permissions(directory).state is State.REAL
    directory.root.chmod(0o755)
    assert disk.permissions(directory).state is State.BROKEN


def test_a_platform_whose_contents_moved_to_an_engine_needs_no_folder_for_them(directory):
    directory.blobs.rmdir()
    finding = disk.redundancy(directory, engine=True)
    assert finding.state is State.DEGRADED
    assert "in the engine" in finding.says and "data" not in finding.says


def test_contents_on_disks_of_their_own_are_not_said_to_lie_with_the_keys(directory):
    other = Path("/dev/shm")
    assert other.stat().st_dev != directory.root.stat().st_dev
    assert "one file system" not in disk.redundancy(directory, contents=[other]).says
    assert "one file system" in disk.redundancy(directory, contents=[directory.root]).says


def test_a_demonstration_says_so(tmp_path, directory):
    assert disk.demonstration(directory) == ()
    [finding] = disk.demonstration(datadir.create(tmp_path / "demo", demonstration=True))
    assert finding.state is State.DEGRADED


# Trust


def status(**more) -> KeyServiceStatus:
    facts = {"state": ServiceState.UNSEALED, "provider": "pkcs11", "device": "HSM 7", "emulated": False}
    return KeyServiceStatus(**{**facts, "unseal_with": "shares", "anchors": 2, **more})


def states(found) -> dict[str, State]:
    return {finding.subject: finding.state for finding in found}


def test_a_hardware_token_with_custodians_and_two_anchors_is_real():
    assert set(states(trust.keys(status())).values()) == {State.REAL}


@pytest.mark.parametrize(
    ("changed", "subject", "state"),
    [
        ({"provider": "keystore", "emulated": True}, "keys", State.EMULATED),
        ({"emulated": True}, "keys", State.EMULATED),
        ({"unseal_with": "passphrase"}, "unsealing", State.DEGRADED),
        ({"anchors": 1}, "anchors", State.DEGRADED),
        ({"state": ServiceState.SEALED}, "seal", State.DEGRADED),
        ({"missing": ("key_a/1",)}, "key material", State.BROKEN),
        ({"rotation_due": 2}, "rotation", State.DEGRADED),
    ],
)
def test_whatever_is_less_than_that_is_named(changed, subject, state):
    assert states(trust.keys(status(**changed)))[subject] is state


def test_a_silent_key_service_is_unknown():
    assert states(trust.keys(None)) == {"keys": State.UNKNOWN}


def report(**more) -> LogReport:
    return LogReport(**{"size": 7, "at": EPOCH, "witnessed": True, "failures": {}, **more})


def test_witnesses_count_when_they_have_cosigned():
    assert trust.witnesses(report()).state is State.REAL
    assert trust.witnesses(report(witnessed=False)).state is State.DEGRADED
    assert trust.witnesses(report(failures={"w1": "silent"})).state is State.DEGRADED
    assert trust.witnesses(report(witnessed=False, failures={"w1": "silent"})).state is State.BROKEN
    assert trust.witnesses(None).state is State.UNKNOWN


def test_a_log_that_is_not_published_any_more_is_noticed_while_the_platform_runs():
    late = EPOCH + 10 * MINUTE
    assert trust.log(report(), EPOCH, running=True).state is State.REAL
    assert trust.log(report(), late, running=True).state is State.DEGRADED
    assert trust.log(report(), late, running=False).state is State.REAL


def test_the_last_verification_of_the_log_counts_by_its_age_and_its_end():
    verified = VerificationReport(at=EPOCH - HOUR, size=9, ok=True, problems=0)
    assert trust.verification(verified, EPOCH, 24).state is State.REAL
    assert trust.verification(verified, EPOCH + 100 * HOUR, 24).state is State.DEGRADED
    failed = VerificationReport(at=EPOCH, size=9, ok=False, problems=3)
    assert trust.verification(failed, EPOCH, 24).state is State.BROKEN
    assert trust.verification(None, EPOCH, 24).state is State.UNKNOWN


def test_backups_grow_old(directory):
    assert trust.backups(last_backup(directory), EPOCH, 26).state is State.DEGRADED
    note_backup(directory, BackupLine(at=EPOCH - 100 * HOUR, log_size=1, bytes=1))
    assert trust.backups(last_backup(directory), EPOCH, 26).state is State.DEGRADED
    note_backup(directory, BackupLine(at=EPOCH - HOUR, log_size=1, bytes=1))
    assert trust.backups(last_backup(directory), EPOCH, 26).state is State.REAL


def test_a_list_of_breached_passwords_is_there_missing_or_unreadable(tmp_path):
    listed = tmp_path / "breached.txt"
    listed.write_text("0" * 40 + ":1\n")
    assert trust.breached_passwords(str(listed)).state is State.REAL
    assert trust.breached_passwords("").state is State.DEGRADED
    assert trust.breached_passwords(str(tmp_path / "nowhere")).state is State.BROKEN


def test_four_eyes_need_two_holders():
    assert trust.four_eyes({}).state is State.REAL
    assert "key_custodian (1)" in trust.four_eyes({Role.KEY_CUSTODIAN: 1}).says


# Between services


async def test_the_sockets_between_services_are_examined_as_a_stranger_would(directory):
    findings = states(await asyncio.to_thread(tls.services, directory))
    assert set(findings.values()) == {State.BROKEN}, "nothing listens"

    async def answer(request, who):
        return {}

    async with (
        running() as kms,
        ControlServer(directory.supervisor_socket, answer, identity("supervisor")),
    ):
        directory.kms_socket.symlink_to(kms.socket)
        findings = states(await asyncio.to_thread(tls.services, directory))
        assert findings["key service: TLS"] is findings["supervisor: TLS"] is State.REAL
        hybrid = State.REAL if ssl.OPENSSL_VERSION_INFO >= (3, 5) else State.DEGRADED
        assert findings["key service: key exchange"] is findings["supervisor: key exchange"] is hybrid
    async with ControlServer(directory.supervisor_socket, answer):
        findings = states(await asyncio.to_thread(tls.services, directory))
        assert findings["supervisor: TLS"] is State.BROKEN, "it answers without TLS"


# The whole


async def test_a_platform_that_does_not_run_is_examined_all_the_same(directory):
    findings = await examine(directory, Settings(), SystemClock())
    found = states(findings)
    assert found["platform"] is State.BROKEN and found["file system"] is not None
    assert all(finding.mend for finding in findings if finding.state in (State.BROKEN, State.DEGRADED, State.EMULATED))


def test_the_worst_finding_decides():
    sound, doubtful = [real("a", "")], [unknown("b", "")]
    assert worst(sound) is State.REAL and worst([*sound, *doubtful]) is State.UNKNOWN
    soft = [*doubtful, emulated("c", "", "m")]
    assert worst(soft) is State.EMULATED and worst([*soft, degraded("d", "", "m")]) is State.DEGRADED
    assert worst([*soft, broken("e", "", "m"), degraded("d", "", "m")]) is State.BROKEN


def test_a_running_platform_is_examined_through_its_doors(platform):
    """AP: says what is real here; the operation and the command agree."""
    by_command = platform.json("doctor")
    found = {finding["subject"]: finding["state"] for finding in by_command["findings"]}
    assert found["s3: TLS"] == found["api: TLS"] == found["s3: certificate"] == "real"
    assert found["keys"] == "emulated" and "platform" not in found
    by_operation = platform.founder("bruno").call("platform.doctor")
    subjects = {finding["subject"] for finding in by_operation["findings"]}
    assert set(found) <= subjects and "four eyes" in subjects


# Duties


def test_roles_that_conflict_are_counted():
    assert trust.duties(0, separate=False).state is State.REAL
    together, stopped = trust.duties(2, separate=False), trust.duties(2, separate=True)
    assert together.state is stopped.state is State.DEGRADED
    assert "separate_duties" in together.mend and "can do nothing" in stopped.says


# Conditions


def test_the_conditions_in_force_are_listed_and_their_absence_is_said():
    (none,) = trust.conditions(Settings().conditions())
    assert none.state is State.DEGRADED and "fresh_factor_minutes" in none.mend
    strict = Settings(network_zones=("office=10.1.0.0/16",), privileged_zones=("office",), fresh_factor_minutes=15)
    assert [(finding.state, finding.says) for finding in trust.conditions(strict.conditions())] == [
        (State.REAL, "privileged roles act from office only"),
        (State.REAL, "keys and rights need a factor proved within 15 minutes"),
    ]
    (some,) = trust.conditions(Settings(fresh_factor_minutes=15).conditions())
    assert some.state is State.REAL
    hours, none = trust.conditions(Settings(research_in_working_hours=True, time_zone="Europe/Paris").conditions())
    assert "Mon, Tue, Wed, Thu, Fri from 7:00 to 20:00 (Europe/Paris)" in hours.says
    assert none.state is State.DEGRADED
