"""What trust rests on: where keys live, who can unseal, who witnesses the log, when the log was verified and saved."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nexus.app.chores.report import LogReport, VerificationReport
from nexus.app.doctor.finding import Finding, broken, degraded, emulated, real, unknown
from nexus.iam.conditions import FRESH_FACTOR, PRIVILEGED_DEVICE, PRIVILEGED_ZONES, Conditions
from nexus.iam.model import Role
from nexus.kernel.clock import HOUR, MINUTE, Instant
from nexus.kms.model import KeyServiceStatus, ServiceState

CHECKPOINT_LATE = 2 * MINUTE
"""Microseconds after which a log that has grown and was not published counts as stuck."""


def keys(status: KeyServiceStatus | None) -> Sequence[Finding]:
    """Where keys live, what guards the seal, what keeps destroyed keys destroyed."""
    if status is None:
        return (unknown("keys", "the key service does not answer", "`nexus status`, `nexus up`"),)
    findings = [_provider(status), _unseal(status), _anchors(status)]
    if status.state is not ServiceState.UNSEALED:
        findings.append(degraded("seal", f"the key service is {status.state.value}", "`nexus unseal`"))
    if status.missing:
        findings.append(
            broken(
                "key material",
                f"{len(status.missing)} keys of the inventory are not in the provider",
                "restore the token or the keystore that belongs to this platform",
            )
        )
    if status.rotation_due:
        findings.append(
            degraded("rotation", f"{status.rotation_due} keys are due", "`nexus kms key list`, `nexus kms key rotate`")
        )
    return findings


def _provider(status: KeyServiceStatus) -> Finding:
    if status.provider == "keystore":
        return emulated(
            "keys", "in a software keystore, sealed on disk", "use a hardware token (NEXUS_PROVIDER=pkcs11)"
        )
    if status.emulated:
        return emulated(
            "keys", f"in a software token: {status.device}", "it follows PKCS#11 without protecting: use hardware"
        )
    return real("keys", f"in {status.device}")


def _unseal(status: KeyServiceStatus) -> Finding:
    if status.unseal_with == "shares":
        return real("unsealing", "by shares of several custodians")
    return degraded(
        "unsealing", "by one passphrase: whoever knows it can unseal alone", "found with --shares for custodians"
    )


def _anchors(status: KeyServiceStatus) -> Finding:
    if status.anchors > 1:
        return real("anchors", f"the register of destroyed keys lies in {status.anchors} places")
    return degraded(
        "anchors",
        "the register that keeps destroyed keys destroyed lies in one place",
        "name a second one on another disk (NEXUS_ANCHORS)",
    )


def witnesses(report: LogReport | None) -> Finding:
    """Whether others remember the log, so that nobody can replace it as a whole."""
    if report is None:
        return unknown("witnesses", "no checkpoint was published yet")
    if report.failures:
        names = ", ".join(sorted(report.failures))
        state = degraded if report.witnessed else broken
        return state("witnesses", f"did not cosign: {names}", "start them, or compare their keys with the log's policy")
    if report.witnessed:
        return real("witnesses", f"cosigned the checkpoint of {report.size:,} entries")
    return degraded(
        "witnesses",
        "none: whoever holds this machine and its keys could replace the whole log",
        "run `nexus witness` elsewhere and name it: `nexus audit log configure`",
    )


def log(report: LogReport | None, now: Instant, *, running: bool) -> Finding:
    """Whether the log is being published."""
    if report is None:
        return unknown("audit log", "no checkpoint was published yet")
    age = max(0, now - report.at)
    if running and age > CHECKPOINT_LATE:
        return degraded("audit log", f"last published {age // MINUTE} minutes ago", "see the messages of the worker")
    return real("audit log", f"{report.size:,} entries under a signed checkpoint")


def verification(report: VerificationReport | None, now: Instant, every_hours: int) -> Finding:
    """Whether the whole log was verified of late, and how that ended."""
    if report is None:
        return unknown("log verified", "never yet", "`nexus audit log verify`")
    hours = max(0, now - report.at) // HOUR
    when = f"{report.size:,} entries, {hours} hours ago"
    if not report.ok:
        return broken(
            "log verified",
            f"{report.problems} problems in {when}",
            "keep every copy of the data and of the log; `nexus audit log verify` names each",
        )
    if hours > 2 * every_hours:
        return degraded("log verified", when, "see the messages of the worker, which does it by itself")
    return real("log verified", when)


def backups(last: Instant | None, now: Instant, max_age_hours: int) -> Finding:
    """When the last backup was made."""
    if last is None:
        return degraded("backups", "none was ever made", "`nexus backup create DEST`, every day, to another machine")
    hours = max(0, now - last) // HOUR
    if hours > max_age_hours:
        return degraded("backups", f"the last one is {hours} hours old", "`nexus backup create DEST`, every day")
    return real("backups", f"the last one is {hours} hours old")


def breached_passwords(file: str) -> Finding:
    """Whether new passwords are compared with those that are known from breaches."""
    if not file:
        return degraded(
            "breached passwords",
            "new passwords are compared with no list of breached ones",
            "bring one and name it in NEXUS_BREACHED_PASSWORDS: docs/how-to/refuse-breached-passwords.md",
        )
    try:
        with Path(file).open("rb") as lines:
            lines.read(1)
    except OSError as error:
        return broken(
            "breached passwords",
            f"{file} cannot be read ({error.strerror}): nobody can choose a password",
            "bring the file back, or correct NEXUS_BREACHED_PASSWORDS",
        )
    return real("breached passwords", "new passwords are compared with a list on this machine")


def four_eyes(lacking: Mapping[Role, int]) -> Finding:
    """Whether there are enough persons for a second one to approve."""
    if not lacking:
        return real("four eyes", "each approving role has two active holders or more")
    names = ", ".join(f"{role.value} ({count})" for role, count in sorted(lacking.items()))
    return degraded("four eyes", f"too few active holders: {names}", "grant these roles to a second person")


def duties(conflicting: int, *, separate: bool) -> Finding:
    """Whether anybody holds roles that conflict, and whether they are exercised."""
    if not conflicting:
        return real("duties", "nobody holds roles that conflict")
    if separate:
        return degraded(
            "duties", f"{conflicting} persons hold roles that conflict, and can do nothing", "take one away"
        )
    return degraded(
        "duties",
        f"{conflicting} persons hold roles that conflict, as two founders must",
        "invite more persons, part the roles, then set separate_duties",
    )


def conditions(in_force: Conditions) -> Sequence[Finding]:
    """Which conditions of access are in force, a line each; where none holds privileged roles, that is said."""
    findings = [real("condition", text) for text in in_force.described().values()]
    if not in_force.in_force() & {PRIVILEGED_ZONES, PRIVILEGED_DEVICE, FRESH_FACTOR}:
        findings.append(
            degraded(
                "condition",
                "none: a right of a privileged role works from every network, and however long ago a factor was proved",
                "set privileged_zones and fresh_factor_minutes",
            )
        )
    return findings
