"""`nexus status` and `nexus doctor`: what runs, and how well it is built."""

import asyncio
from typing import Any

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from nexus.app import control, settings
from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.control import Request
from nexus.app.datadir import DataDirectory, open_directory
from nexus.app.doctor.finding import Finding, State
from nexus.app.status import Phase, PlatformStatus
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret
from nexus.kms.model import KeyServiceStatus

EXIT_NOT_SOUND = 1
"""`nexus doctor` found something broken."""
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400

_PHASE_STYLE = {Phase.RUNNING: "bold green", Phase.SEALED: "bold yellow"}
_STATE_STYLE = {
    State.REAL: "green",
    State.EMULATED: "cyan",
    State.DEGRADED: "yellow",
    State.BROKEN: "bold red",
    State.UNKNOWN: "dim",
}


async def ask_status(directory: DataDirectory) -> PlatformStatus:
    """The supervisor's status. Raises Unavailable if no platform runs."""
    return msgspec.convert(await control.ask(directory.control_socket, Request(do="status")), PlatformStatus)


async def ask_unseal(directory: DataDirectory, secret: Secret) -> KeyServiceStatus:
    """Hand over a passphrase or a share."""
    request = Request(do="unseal", secret=secret.reveal().decode("utf-8", "surrogateescape"))
    return msgspec.convert(await control.ask(directory.control_socket, request), KeyServiceStatus)


# status


def _status(**typed: Any) -> int:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    found = asyncio.run(ask_status(directory))
    show_status(screen, found)
    return ExitCode.UNAVAILABLE if typed["ready"] and not found.is_ready else ExitCode.OK


def show_status(screen: Terminal, status: PlatformStatus) -> None:
    """A status as a card, or as JSON."""
    if screen.json:
        screen.document(msgspec.to_builtins(status))
        return
    card = Table.grid(padding=(0, 2))
    card.add_column(style="dim", no_wrap=True)
    card.add_column(overflow="fold")
    state = Text(status.phase.value, _PHASE_STYLE.get(status.phase, "bold"))
    if status.demonstration:
        state.append("  demonstration: no real data", "yellow")
    card.add_row("Nexus", Text.assemble(status.version, "  ", state))
    if status.phase is Phase.RUNNING:
        card.add_row("S3", status.s3)
        card.add_row("REST", status.api)
        card.add_row("console", status.console or "closed (console_port)")
        card.add_row("portal", status.portal or "closed (portal_port)")
        card.add_row("bastion", status.bastion or "closed (bastion_port)")
        card.add_row("SFTP", status.sftp or "closed (sftp_port)")
        card.add_row("metrics", status.watch or "closed (watch_port)")
    card.add_row("trust", status.certificate_authority)
    card.add_row("data", status.data)
    card.add_row("keys", _keys(status.key_service))
    if status.trouble:
        card.add_row("", Text(status.trouble, "bold red"))
    for process in status.processes:
        again = f", started again {process.restarts}×" if process.restarts else ""
        where = f"process {process.pid}, {_duration(process.uptime_s)}" if process.pid else process.state
        lacks = f", not ready: {', '.join(process.missing)}" if process.missing else ""
        style = "" if process.pid and not process.missing else "yellow"
        card.add_row(process.name, Text(f"{where}{again}{lacks}", style))
    screen.show(card)


def _keys(key_service: KeyServiceStatus | None) -> Text:
    if key_service is None:
        return Text("the key service does not answer", "bold red")
    where = key_service.device or key_service.provider
    text = Text(f"{key_service.state.value}, in {where}{' (emulated)' if key_service.emulated else ''}")
    if key_service.progress is not None and key_service.progress.received:
        text.append(f", {key_service.progress.received} of {key_service.progress.threshold} shares", "yellow")
    return text


def _duration(seconds: int) -> str:
    for unit, name in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


status = click.Command(
    "status",
    callback=_status,
    params=[
        data_option(),
        json_option(),
        click.Option(["--ready"], is_flag=True, help="Exit with 6 unless every process has all that it needs."),
    ],
    help="Show what runs on this machine, where it listens and whether it is sealed.",
    short_help="Show what runs",
)


# doctor


def _doctor(**typed: Any) -> int:
    from nexus.app.doctor.examination import examine, worst  # `nexus up` and `status` need none of it

    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    chosen = settings.load(directory.description)
    with screen.waiting("examining"):
        findings = asyncio.run(examine(directory, chosen, SystemClock()))
    found = worst(findings)
    if screen.json:
        screen.document({"worst": found.value, "findings": [msgspec.to_builtins(finding) for finding in findings]})
    else:
        screen.show(findings_table(findings))
        screen.note(_summary(findings))
    return EXIT_NOT_SOUND if found is State.BROKEN else 0


def findings_table(findings: tuple[Finding, ...] | list[Finding] | Any) -> Table:
    """The doctor's table."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found, and how to mend it", overflow="fold")
    for finding in findings:
        says = Text(finding.says)
        if finding.mend:
            says.append(f"\n→ {finding.mend}", "dim")
        table.add_row(finding.subject, Text(finding.state.value, _STATE_STYLE[finding.state]), says)
    return table


def _summary(findings: Any) -> str:
    counted = {state: sum(finding.state is state for finding in findings) for state in State}
    return ", ".join(f"{count} {state.value}" for state, count in counted.items() if count)


doctor = click.Command(
    "doctor",
    callback=_doctor,
    params=[data_option(), json_option()],
    help="Show what is real, emulated, degraded or broken here, and how to mend it.\n\n"
    "Exits with 1 if something is broken, with 0 otherwise.",
    short_help="Show what is real here, and what is not",
)
