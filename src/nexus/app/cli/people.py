"""`nexus iam people sync FILE`: joiners, leavers and those who return, from a file; shown first, done when agreed.

Each step is an operation of its own, with its own entry. It stops at the first that is refused; run it again: what is done
already is not in the next plan. Nobody comes back to life by a file: those who return are resumed and enrolled anew by
four eyes, so the plan names them and leaves them alone.
"""

from pathlib import Path
from typing import Any

import click

from nexus.app.cli import people_file
from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.people_file import Move, Step
from nexus.app.cli.rest_client import RestClient
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import operation
from nexus.kernel.errors import Invalid

PAGE = 1_000
"""Persons asked for at a time."""
MAX_LEAVERS_SHARE = 0.2
"""Of all accounts: a file that would end more is a broken export until somebody says `--many-leavers`."""


def _sync(file: Path, *, complete: bool, apply: bool, yes: bool, many_leavers: bool, **common: Any) -> None:
    screen = terminal(common["as_json"])
    lines = people_file.read(file.read_bytes(), is_json=file.suffix == ".json")
    caller = Caller(*(common[name] for name in CONNECTION))
    with caller.client() as client:
        accounts = _accounts(client)
        moves = people_file.plan(lines, accounts, complete=complete)
        _require_plausible(moves, len(accounts), many_leavers=many_leavers)
        doable = [move for move in moves if move.step in {Step.JOIN, Step.LEAVE}]
        if not screen.json:
            _show(screen, moves)
        if not apply or not doable:
            if screen.json:
                screen.document({"plan": [_document(move) for move in moves], "done": []})
            return
        if not yes:
            click.confirm(screen.say("people.ask"), abort=True, err=True)
        done = [_do(client, move) for move in doable]
    if screen.json:
        screen.document({"plan": [_document(move) for move in moves], "done": done})
        return
    for each in done:
        screen.good(f"{each['step']} {each['login']}", aside=each.get("code", ""))


def _accounts(client: RestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else ""
        page = client.call(operation("iam.person.list"), {"after": after, "limit": PAGE}).document["persons"]
        found += page
        if len(page) < PAGE:
            return found


def _require_plausible(moves: list[Move], accounts: int, *, many_leavers: bool) -> None:
    leavers = sum(move.step is Step.LEAVE for move in moves)
    if leavers > max(1, accounts * MAX_LEAVERS_SHARE) and not many_leavers:
        raise Invalid(
            f"{leavers} of {accounts} accounts would end",
            code="people.many-leavers",
            hint="is the file whole? If it is right, say --many-leavers",
        )


def _do(client: RestClient, move: Move) -> dict[str, Any]:
    if move.step is Step.LEAVE:
        client.call(operation("iam.person.deactivate"), {"id": move.id, "successor": move.successor})
        return {"step": move.step.value, "login": move.login}
    person = {"login": move.login, "name": move.name, "email": move.email}
    invited = client.call(operation("iam.person.create"), person).document
    return {"step": move.step.value, "login": move.login, "person": invited["person"], "code": invited["code"]}


def _document(move: Move) -> dict[str, str]:
    return {"step": move.step.value, "login": move.login, "id": move.id, "successor": move.successor}


def _show(screen: Terminal, moves: list[Move]) -> None:
    for move in moves:
        screen.note(f"{move.step.value:8} {move.login} {move.id}")
    if not moves:
        screen.note(screen.say("people.nothing"))


sync = click.Command(
    "sync",
    callback=_sync,
    params=[
        click.Argument(["file"], type=click.Path(path_type=Path, exists=True, dir_okay=False)),
        click.Option(["--complete"], is_flag=True, help="The file names everybody: who is not in it leaves."),
        click.Option(["--apply"], is_flag=True, help="Do what the plan says; without it the plan is shown only."),
        click.Option(["--many-leavers"], is_flag=True, help="More than a fifth of all accounts may end."),
        click.Option(["--yes"], is_flag=True, help="Do not ask."),
        *connection_options(),
        json_option(),
    ],
    help="Compare a CSV or JSON file of people with the accounts; show who joins, leaves, returns or differs.",
    short_help="Bring people in agreement with a file",
)
people = click.Group("people", {"sync": sync}, help="People: sync.", short_help="sync")
