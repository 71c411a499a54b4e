"""`nexus`: finds the command, runs it, and turns whatever happens into words and an exit code."""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence

import click

from nexus import __version__
from nexus.app.cli.commands import BESIDE_OPERATIONS, LOCAL, Local
from nexus.app.cli.exits import ExitCode, exit_code_of
from nexus.app.cli.options import terminal
from nexus.app.cli.rest_client import Refused
from nexus.app.cli.terminal import Terminal
from nexus.app.settings import client_settings
from nexus.kernel.errors import Invalid, NexusError

SERVICES: Mapping[str, tuple[str, str]] = {
    "audit": ("The audit log: search, prove, verify", "Le journal de traçabilité : chercher, prouver, vérifier"),
    "bastion": (
        "The way into the machine: certificates, sessions",
        "L'accès à la machine : certificats, sessions",
    ),
    "iam": ("Persons, machines, rights, approvals", "Personnes, machines, droits, validations"),
    "consent": ("What patients decided", "Ce que les patients ont décidé"),
    "kms": ("Keys and their life", "Les clés et leur vie"),
    "objects": ("Buckets", "Les compartiments"),
    "platform": ("The platform as a whole", "La plateforme dans son ensemble"),
    "projects": ("Projects, their decisions and permits", "Les projets, leurs décisions et autorisations"),
    "pseudonyms": ("Pseudonyms, and the way back", "Les pseudonymes, et le retour aux personnes"),
    "releases": ("What a project reads, frozen", "Ce que lit un projet, figé"),
    "catalogue": ("The public catalogue of datasets", "Le catalogue public des jeux de données"),
    "intake": ("What sites deliver", "Ce que livrent les établissements"),
}
"""Groups of operations: the services, in English and in French."""


class Nexus(click.Group):
    """The root. Operations are loaded only when a group of them is entered, so that `nexus up` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*LOCAL, *SERVICES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in LOCAL:
            return LOCAL[cmd_name].load()
        return _group(cmd_name) if cmd_name in SERVICES else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        french = client_settings().french
        local = [(name, _words(one, french)) for name, one in LOCAL.items()]
        for title, rows in (
            ("Commandes" if french else "Commands", local),
            ("Opérations" if french else "Operations", [(name, pair[french]) for name, pair in SERVICES.items()]),
        ):
            with formatter.section(title):
                formatter.write_dl(rows)


def _words(one: Local, french: bool) -> str:
    return one.resume if french else one.summary


def _group(service: str) -> click.Group:
    from nexus.app.cli.tree import service_group

    group = service_group(service, SERVICES[service][client_settings().french])
    for name, local in BESIDE_OPERATIONS.get(service, {}).items():
        group.add_command(local.load(), name)
    return group


@click.command(cls=Nexus, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nexus", message="%(prog)s %(version)s")
def root() -> None:
    """Nexus keeps health data: who may do what, who did what, who holds the keys."""


def run(arguments: Sequence[str], command: click.Command = root) -> int:
    """Run one command line; returns its exit code. Never raises."""
    screen = terminal("--json" in arguments)
    try:
        code = command.main(args=list(arguments), prog_name="nexus", standalone_mode=False)
    except (Refused, NexusError) as error:
        refused = error if isinstance(error, Refused) else Refused(error, "")
        screen.error(refused.error, refused.operation)
        return exit_code_of(refused.error)
    except click.ClickException as error:
        if screen.json:
            screen.error(Invalid(error.format_message(), code="cli.usage"))
        else:
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        screen.note(screen.say("stopped"))
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `nexus … | head`: nobody reads any more, which is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as error:
        _our_fault(screen, error)
        return ExitCode.OTHER
    return code if isinstance(code, int) else ExitCode.OK


def _our_fault(screen: Terminal, error: Exception) -> None:
    """Places in our code, but no message: it may quote what was typed."""
    screen.err.print(f"[bold red]✗ {screen.say('unexpected')}[/]")
    for frame in traceback.extract_tb(error.__traceback__):
        screen.note(f"  {frame.filename.rpartition('/nexus/')[2]}:{frame.lineno} {frame.name}")
    screen.note(f"  {type(error).__name__}")


def main() -> None:
    """The entry point of the distribution."""
    sys.exit(run(sys.argv[1:]))
