"""One command for each operation, made from its spec: `kms.key.rotate` is `nexus kms key rotate`."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import RenderableType

from nexus.app.cli import stepping
from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.parameters import document_of, missing_secrets, parameters
from nexus.app.cli.render import grid, holds_secret, indented, rendered, row_count
from nexus.app.cli.rest_client import Reply
from nexus.app.cli.stepping import given_code, step_up_options
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import operation
from nexus.kernel.operation import OperationSpec
from nexus.web.fielddocs import class_doc


def operation_command(spec: OperationSpec, purposes: Sequence[str]) -> click.Command:
    """The command of an operation."""

    def run(**typed: Any) -> int:
        return perform(spec, typed)

    return click.Command(
        spec.name.rpartition(".")[2],
        callback=run,
        params=[
            *parameters(spec),
            _purpose_option(purposes),
            *(step_up_options() if spec.sensitive or spec.step_up else ()),
            *connection_options(),
            json_option(),
        ],
        help=_help(spec),
        short_help=spec.summary,
    )


def _purpose_option(purposes: Sequence[str]) -> click.Option:
    """Not `--purpose`, which some requests have of their own: keys and credentials carry one for life."""
    text = f"What this call is for; it is audited. One of {', '.join(purposes)}."
    return click.Option(["--for", "purpose_of_call"], type=click.Choice(list(purposes)), metavar="PURPOSE", help=text)


def _help(spec: OperationSpec) -> str:
    parts = [f"{spec.summary}.", class_doc(spec.request).replace("`", "")]
    if spec.sensitive:
        parts.append("Needs a second person: it is held as an intent, and exits with 8.")
    if spec.sensitive or spec.step_up:
        parts.append("Asks for a fresh factor, proved for exactly this.")
    if spec.secret_result:
        parts.append("Prints a credential once; it is shown never again.")
    return "\n\n".join(part for part in parts if part)


def perform(spec: OperationSpec, typed: Mapping[str, Any]) -> int:
    """Call the operation with what was typed and show what came back; returns the exit code."""
    screen = terminal(typed["as_json"])
    caller = Caller(*(typed[name] for name in CONNECTION))
    document = document_of(spec, typed)
    with caller.client() if spec.action else caller.anonymous() as client:
        for name in missing_secrets(spec, document):
            document[name] = screen.ask_secret(f"ask.{name}").reveal().decode()
        purpose, code = typed["purpose_of_call"] or "", given_code(typed)
        reply = stepping.call(screen, client, spec, document, purpose=purpose, code=code)
    return show(screen, operation(reply.executed) if reply.executed else spec, reply)


def show(screen: Terminal, spec: OperationSpec, reply: Reply) -> int:
    """Print a reply in the way that was asked for; returns the exit code."""
    if screen.json:
        screen.document(reply.document)
    elif reply.held:
        show_intent(screen, reply.document)
    else:
        _show_result(screen, spec, reply)
    return ExitCode.APPROVAL_PENDING if reply.held else ExitCode.OK


def _show_result(screen: Terminal, spec: OperationSpec, reply: Reply) -> None:
    if reply.document is None:
        screen.good(screen.say("done"), aside=reply.operation)
        return
    if row_count(spec.result, reply.document) == 0:
        screen.note(screen.say("empty"))
        return
    screen.show(rendered(spec.result, reply.document))
    if spec.secret_result or holds_secret(spec.result):
        screen.note(f"\n{screen.say('once')}")
    if isinstance(reply.document, dict) and reply.document.get("next"):
        cursor = next(
            (name for name in ("after", "cursor", "first") if name in spec.request.__struct_fields__), "after"
        )
        screen.note(f"\n{screen.say('more')} --{cursor} {reply.document['next']}")


def show_intent(screen: Terminal, intent: Mapping[str, Any]) -> None:
    """What is held, and what to do next."""
    screen.err.print(f"[bold yellow]⏸ {screen.say('held.title')}[/]")
    rows: list[tuple[str, RenderableType]] = [
        (screen.say("held.what"), str(intent.get("sentence") or intent.get("operation", "")))
    ]
    if "approver_role" in intent:
        rows.append((screen.say("held.needs"), f"{intent.get('approvals_needed', 1)} × {intent['approver_role']}"))
    if "expires_at" in intent:
        rows.append((screen.say("held.expires"), rendered(str, intent["expires_at"])))
    rows.append((screen.say("held.approve"), f"nexus approve {intent['id']}"))
    rows.append((screen.say("held.execute"), f"nexus iam approval execute {intent['id']}"))
    screen.show(indented(grid(rows)))
