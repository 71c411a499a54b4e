"""The commands of all operations as a tree: service, thing, verb."""

import click

from nexus.app.cli.generated import operation_command
from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.kernel.operation import OperationSpec


def service_group(service: str, summary: str) -> click.Group:
    """The group of one service, named by the first word of its operations."""
    group = click.Group(service, help=f"{summary}.", short_help=summary)
    for spec in OPERATIONS:
        if spec.name.partition(".")[0] == service:
            _add(group, spec)
    return group


def _add(group: click.Group, spec: OperationSpec) -> None:
    *things, verb = spec.name.split(".")[1:]
    for thing in things:
        below = group.commands.get(thing)
        if not isinstance(below, click.Group):
            below = click.Group(thing)
            group.add_command(below)
        group = below
    group.add_command(operation_command(spec, PURPOSES), verb)
    group.short_help = ", ".join(group.commands)
    group.help = f"{(group.name or '').replace('-', ' ').capitalize()}: {group.short_help}."
