"""Operations that want a fresh factor, from the command line: told so, it asks for a code, proves it, and calls again.

A code stands for this one call: the platform binds it to the digest that its answer named.
"""

from collections.abc import Mapping
from typing import Any

import click

from nexus.app.cli.parameters import read_secret
from nexus.app.cli.rest_client import Refused, Reply, RestClient
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import operation
from nexus.kernel.errors import StepUpNeeded
from nexus.kernel.operation import OperationSpec

OPTIONS = ("fresh_totp", "fresh_totp_file")


def step_up_options() -> list[click.Option]:
    """How a script gives the code that a person would be asked for."""
    return [
        click.Option(["--totp", "fresh_totp"], metavar="CODE", help="A fresh code of your authenticator."),
        click.Option(
            ["--totp-file", "fresh_totp_file"],
            metavar="FILE",
            help="File whose first line is that code; - reads stdin. Without either you are asked.",
        ),
    ]


def given_code(typed: Mapping[str, Any]) -> str:
    """The code that was given in advance, or nothing."""
    file = typed.get("fresh_totp_file")
    return read_secret(file) if file else typed.get("fresh_totp") or ""


def call(
    screen: Terminal,
    client: RestClient,
    spec: OperationSpec,
    document: Mapping[str, Any],
    *,
    purpose: str = "",
    code: str = "",
) -> Reply:
    """Perform an operation, with a fresh factor where it asks for one. Raises what `RestClient.call` raises."""
    try:
        return client.call(spec, document, purpose=purpose)
    except Refused as refused:
        if not isinstance(refused.error, StepUpNeeded):
            raise
        typed = code or _asked(screen, refused)
        request = {"digest": refused.error.digest, "totp": typed}
    proof = client.call(operation("iam.step-up.prove"), request).document["proof"]
    return client.call(spec, document, purpose=purpose, step_up=proof)


def _asked(screen: Terminal, refused: Refused) -> str:
    """The code from whoever is at the keyboard; programs are told how to give it."""
    if screen.json:
        refused.error.hint = "give a fresh code with --totp or --totp-file"
        raise refused
    screen.note(screen.say("step-up.why"))
    return screen.ask("ask.totp")
