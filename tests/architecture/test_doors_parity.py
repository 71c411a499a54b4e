"""One definition, many doors: every operation stands in REST, OpenAPI, the command line, the console and the reference.

F-069: every operation is possible from console, REST and command line, under the same security; the parity is 100 %.
"""

import re
from dataclasses import dataclass

import click
import pytest
from project_tree import ROOT

from nexus.app.cli.commands import BESIDE_OPERATIONS
from nexus.app.cli.main import SERVICES as GROUPS
from nexus.app.cli.main import root
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES, WHILE_SEALED
from nexus.console.pages.table import pages
from nexus.iam.actions import ACTIONS
from nexus.iam.model import Intent
from nexus.kernel.clock import SystemClock
from nexus.web.dispatch import Dispatcher
from nexus.web.openapi import openapi
from nexus.web.rest import operation_routes
from simulators.doorkeepers import FourEyes, Leash, Rights, Steps, Tokens

NAMES = {spec.name for spec in OPERATIONS}
AUTHENTICATION_ITSELF = {"iam.enrolment.start", "iam.enrolment.confirm", "iam.session.create"} | {
    "iam.passkey.challenge",
    "iam.passkey.sign-in",
    "iam.federation.issuers",
    "iam.federation.begin",
    "iam.federation.complete",
    "iam.patient.begin",
    "iam.patient.with-passkey",
    "iam.patient.with-password",
    "iam.patient.confirm",
}
"""The only operations without an action: each proves who somebody is. A new one is a decision, not an oversight."""


@dataclass
class Doors:
    """What each door offers, as names of operations."""

    rest: set[str]
    openapi: set[str]
    commands: set[str]
    console: set[str]
    api_page: set[str]
    command_page: set[str]

    def gaps(self, names: set[str]) -> dict[str, set[str]]:
        """Door -> operations that it lacks, or offers without a definition."""
        return {door: offered ^ names for door, offered in vars(self).items() if offered ^ names}


@pytest.fixture(scope="module")
def doors() -> Doors:
    document = openapi(OPERATIONS, version="0", purposes=PURPOSES, intent=Intent, services=SERVICES)
    api, cli = ((ROOT / "docs" / "reference" / name).read_text() for name in ("api.md", "cli.md"))
    beside = {
        f"{service}.{name}{below}"
        for service, local in BESIDE_OPERATIONS.items()
        for name, one in local.items()
        for below in beneath(one.load())
    }
    return Doors(
        rest=routed(),
        openapi={operation["operationId"] for path in document["paths"].values() for operation in path.values()},
        commands={".".join(path) for path in commands(root) if path[0] in GROUPS} - beside,
        console={name for page in pages(OPERATIONS, PURPOSES) for name in page.operations},
        api_page=set(re.findall(r"^### ([a-z.-]+)$", api, re.MULTILINE)),
        command_page={name for name in headed(cli) if name.partition(".")[0] in GROUPS and "." in name} - beside,
    )


def beneath(command: click.Command) -> list[str]:
    """What a local command adds to its own name: nothing, or the commands of a group."""
    return [f".{name}" for name in command.commands] if isinstance(command, click.Group) else [""]


def headed(page: str) -> set[str]:
    """Commands that the page has a heading for, with dots."""
    return {name.replace(" ", ".") for name in re.findall(r"^### nexus ([a-z -]+)$", page, re.MULTILINE)}


def routed() -> set[str]:
    dispatcher = Dispatcher(
        OPERATIONS,
        {},
        lease=Leash(),
        authenticator=Tokens(),
        gate=Rights(),
        approvals=FourEyes(),
        step_up=Steps(),
        audit=None,
        clock=SystemClock(),
        purposes=PURPOSES,
    )
    routes = {(method, route.path) for route in operation_routes(dispatcher) for method in route.methods - {"HEAD"}}
    by_route = {(spec.method, spec.path): spec.name for spec in OPERATIONS}
    assert len(by_route) == len(OPERATIONS), "two operations share a route"
    return {by_route.get(route, f"unknown {route}") for route in routes}


def commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def test_every_operation_is_offered_by_every_door_and_nothing_else_is(doors):
    assert doors.gaps(NAMES) == {}


def test_the_console_performs_nothing_but_operations_and_each_page_only_its_own():
    """A page calls operations by name, down the path of the API; what it does not declare is refused to it."""
    assert {name for page in pages(OPERATIONS, PURPOSES) for name in page.operations} <= NAMES
    forms = {page.path for page in pages(OPERATIONS, PURPOSES) if page.path.startswith("/operations/")}
    entrances = AUTHENTICATION_ITSELF & NAMES
    assert {f"/operations/{name}" for name in NAMES - entrances} <= forms


def test_a_gap_in_any_door_is_found(doors):
    for door in vars(doors):
        pierced = Doors(**{**vars(doors), door: vars(doors)[door] - {"kms.key.rotate"}})
        assert pierced.gaps(NAMES) == {door: {"kms.key.rotate"}}
    assert set(doors.gaps(NAMES | {"kms.key.forgotten"})) == set(vars(doors))


def test_every_local_command_stands_on_the_command_page():
    page = headed((ROOT / "docs" / "reference" / "cli.md").read_text())
    assert {".".join(path) for path in commands(root)} - page == set()


@pytest.mark.parametrize("spec", OPERATIONS, ids=lambda spec: spec.name)
def test_every_operation_has_an_action_that_the_policy_knows(spec):
    if spec.name in AUTHENTICATION_ITSELF:
        assert spec.action == ""
        return
    assert spec.action in ACTIONS
    assert spec.sensitive == ACTIONS[spec.action].sensitive, "four eyes belong to the action, whatever the door"


def test_every_sensitive_action_on_keys_persons_and_the_log_has_its_operation():
    offered = {spec.action for spec in OPERATIONS}
    assert {action.name for action in ACTIONS.values() if action.sensitive} - offered == set()


def test_every_operation_belongs_to_a_known_service_and_a_versioned_path():
    assert {spec.service for spec in OPERATIONS} == set(SERVICES)
    assert {spec.name.partition(".")[0] for spec in OPERATIONS} == set(GROUPS)
    assert [spec.name for spec in OPERATIONS if not spec.path.startswith("/v1/")] == []
    assert len(NAMES) == len(OPERATIONS)


def test_what_a_sealed_platform_still_performs_exists_and_is_no_sign_in():
    assert WHILE_SEALED <= NAMES and not WHILE_SEALED & AUTHENTICATION_ITSELF
