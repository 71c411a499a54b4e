"""`nexus approve`: read what is held, then agree to exactly that. What you saw is what you approve, by its digest."""

from typing import Any

import click

from nexus.app.cli import stepping
from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.render import indented, rendered
from nexus.app.cli.stepping import given_code, step_up_options
from nexus.app.operations import operation


def _approve(intent: str, *, yes: bool, **common: Any) -> None:
    screen = terminal(common["as_json"])
    caller = Caller(*(common[name] for name in CONNECTION))
    read, agree = operation("iam.approval.read"), operation("iam.approval.approve")
    with caller.client() as client:
        held = client.call(read, {"id": intent}).document
        if not yes:
            screen.err.print(indented(rendered(read.result, held)))
            click.confirm(screen.say("approve.ask"), abort=True, err=True)
        content = {"id": intent, "digest": held["digest"]}
        agreed = stepping.call(screen, client, agree, content, code=given_code(common))
    if screen.json:
        screen.document(agreed.document)
        return
    progress = f"{len(agreed.document['approvals'])}/{agreed.document['approvals_needed']} {screen.say('approve.left')}"
    screen.good(progress, aside=agreed.operation)
    if agreed.document["state"] == "approved":
        screen.note(f"nexus iam approval execute {intent}")


approve = click.Command(
    "approve",
    callback=_approve,
    params=[
        click.Argument(["intent"]),
        click.Option(["--yes"], is_flag=True, help="Do not ask: you have read it elsewhere."),
        *step_up_options(),
        *connection_options(),
        json_option(),
    ],
    help="Read an intent that waits for a second person, and approve exactly its content.",
    short_help="Read what is held, and approve it",
)
