"""`nexus init`: the founding ceremony at the keyboard, or from files for installations by script."""

import asyncio
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from nexus.app import founding, pki, settings
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.parameters import read_secret
from nexus.app.cli.terminal import Terminal
from nexus.app.datadir import PRIVATE
from nexus.app.founding import Ceremony, Founded
from nexus.iam.model import Founder, Role
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

MIN_PASSPHRASE_CHARS = 12


def _init(**typed: Any) -> None:
    screen = terminal(typed["as_json"])
    root = typed["data"] or settings.data_path()
    keep = dict(assignment(text) for text in typed["set"])
    if typed["provider"]:
        keep["provider"] = typed["provider"]
    chosen = settings.load(None, **keep)
    ceremony = Ceremony(
        founders=_founders(screen, typed["founders"]),
        demonstration=typed["demonstration"],
        origin=typed["log_origin"] or "",
        pin=Secret(read_secret(typed["pin_file"]).encode()) if typed["pin_file"] else None,
        **_unsealing(screen, typed["shares"], typed["passphrase_file"]),
    )
    if typed["demonstration"] is False and chosen.demo_destruction_seconds:
        raise Invalid("demo_destruction_seconds needs --demonstration", code="data.not-a-demonstration")
    os.umask(PRIVATE)
    with screen.waiting("founding the platform"):
        founded = asyncio.run(founding.found(root, chosen, ceremony, keep=keep))
    _show(screen, founded, ceremony)


def assignment(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a setting and its value. Raises Invalid."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"--set takes NAME=VALUE, not {text!r}", code="init.set")
    part = {name: value.split(",") if "," in value else value}
    settings.check(part, "the command line")  # by itself: whether all fit together is asked of all
    return name, msgspec.to_builtins(getattr(msgspec.convert(part, settings.Settings, strict=False), name))


def _unsealing(screen: Terminal, shares: str | None, passphrase_file: str | None) -> dict[str, Any]:
    if shares:
        threshold, _, total = shares.partition("/")
        if not (threshold.isdecimal() and total.isdecimal()):
            raise Invalid("--shares takes M/N, such as 3/5", code="init.shares")
        return {"threshold": int(threshold), "total": int(total)}
    if passphrase_file:
        return {"passphrase": _strong(Secret(read_secret(passphrase_file).encode()))}
    first = screen.ask_secret("ask.passphrase")
    if screen.ask_secret("ask.again") != first:
        raise Invalid("the two passphrases differ", code="init.passphrase-differs")
    return {"passphrase": _strong(first)}


def _strong(passphrase: Secret) -> Secret:
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise Invalid(
            f"a passphrase has {MIN_PASSPHRASE_CHARS} characters or more",
            code="init.passphrase-short",
            hint="five or six unrelated words are easy to remember and hard to guess",
        )
    return passphrase


def _founders(screen: Terminal, file: Path | None) -> list[Founder]:
    if file is not None:
        return _founders_from(file)
    if not sys.stdin.isatty():
        raise Invalid("--founders names a file with the first persons", code="init.founders")
    screen.note("The first persons. Two at least, each security officer and key custodian; an empty login ends.")
    found: list[Founder] = []
    while login := str(click.prompt("login", default="", show_default=False, err=True)):
        found.append(_ask_founder(login))
    return found


def _ask_founder(login: str) -> Founder:
    name = str(click.prompt("  name", err=True))
    email = str(click.prompt("  e-mail", err=True))
    default = f"{Role.SECURITY_OFFICER.value},{Role.KEY_CUSTODIAN.value}"
    roles = str(click.prompt("  roles, separated by commas", default=default, err=True))
    return _founder({"login": login, "name": name, "email": email, "roles": roles.split(",")})


def _founders_from(file: Path) -> list[Founder]:
    try:
        rows = tomllib.loads(file.read_text("utf-8")).get("founder", [])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is no file of founders: {error}", code="init.founders") from error
    return [_founder(row) for row in rows]


def _founder(row: dict[str, Any]) -> Founder:
    try:
        roles = frozenset(Role(role.strip()) for role in row["roles"])
        return Founder(str(row["login"]), str(row["name"]), str(row["email"]), roles)
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise Invalid(
            f"a founder needs login, name, email and roles: {error}",
            code="init.founders",
            hint=f"roles are {', '.join(Role)}",
        ) from error


def _show(screen: Terminal, founded: Founded, ceremony: Ceremony) -> None:
    directory = founded.directory
    fingerprint = pki.fingerprint(directory.certificate_authority.read_bytes())
    shares = [share.reveal().decode() for share in founded.shares]
    invited = [
        {
            "login": founder.login,
            "person": invitation.person,
            "code": invitation.code.reveal().decode(),
            "expires_at": rfc3339(invitation.expires_at),
        }
        for founder, invitation in zip(ceremony.founders, founded.invitations, strict=True)
    ]
    if screen.json:
        screen.document(
            {
                "data": str(directory.root),
                "instance": directory.instance,
                "origin": founded.origin,
                "certificate_authority": str(directory.certificate_authority),
                "fingerprint": fingerprint,
                "shares": shares,
                "founders": invited,
            }
        )
        return
    screen.good("The platform is founded", aside=str(directory.root))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("instance", directory.instance)
    facts.add_row("audit log", founded.origin)
    facts.add_row("authority", fingerprint)
    for number, share in enumerate(shares, 1):
        facts.add_row(f"share {number} of {len(shares)}", share)
    for row in invited:
        facts.add_row(f"code of {row['login']}", f"{row['code']}  (until {row['expires_at'][:16]}Z)")
    screen.show(facts)
    screen.note("Shares and codes are shown once and kept nowhere: hand each to its person now.")
    screen.note("Next: nexus up, then each person: nexus enrol LOGIN")


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

init = click.Command(
    "init",
    callback=_init,
    params=[
        data_option(),
        click.Option(["--provider"], type=click.Choice(["keystore", "pkcs11"]), help="Where keys live."),
        click.Option(["--shares"], metavar="M/N", help="N custodians get a share each; any M of them unseal."),
        click.Option(["--passphrase-file"], metavar="FILE", help="First line is the passphrase; - reads stdin."),
        click.Option(["--pin-file"], metavar="FILE", help="User PIN of a token that was set up already."),
        click.Option(["--founders"], type=_FILE, metavar="FILE", help="TOML file with the first persons."),
        click.Option(
            ["--log-origin"], metavar="NAME", help="Name of the audit log, such as log.hospital.example/nexus."
        ),
        click.Option(["--set"], multiple=True, metavar="NAME=VALUE", help="A setting to keep in the directory."),
        click.Option(["--demonstration"], is_flag=True, default=False, help="Accept shortened periods; no real data."),
        json_option(),
    ],
    help="Found a platform: data directory, keys, certificate authority, first persons.\n\n"
    "Without --shares and --passphrase-file it asks for a passphrase; without --founders it asks for the persons.",
    short_help="Found a platform",
)
