"""One place that writes to the terminal: results to stdout, everything said to a person to stderr."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from nexus.app.cli.words import say
from nexus.kernel.errors import NexusError
from nexus.kernel.secret import Secret

PIPE_WIDTH: Final = 200
"""Columns when nobody looks: wide enough that no cell is folded."""


class Terminal:
    """`json` asks for documents instead of tables; then stdout holds nothing but JSON."""

    def __init__(self, *, json: bool = False, french: bool = False) -> None:
        self.json = json
        self.french = french
        self.out = Console(
            file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, emoji=False
        )
        self.err = Console(
            file=sys.stderr, width=None if sys.stderr.isatty() else PIPE_WIDTH, highlight=False, emoji=False
        )

    def say(self, key: str) -> str:
        """The text for a key in the user's language."""
        return say(key, french=self.french)

    def document(self, value: Any) -> None:
        """A result as JSON, for programs."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def show(self, thing: RenderableType) -> None:
        """A result for people; without the blanks that fill a terminal's lines where it goes to a file."""
        if self.out.is_terminal:
            self.out.print(thing)
            return
        with self.out.capture() as captured:
            self.out.print(thing)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())

    def note(self, text: str | Text) -> None:
        """Something beside the result."""
        self.err.print(text, style="dim" if isinstance(text, str) else "")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Show that something is under way, where somebody looks."""
        if self.json or not self.err.is_terminal:
            yield
            return
        with self.err.status(text, spinner="dots"):
            yield

    def good(self, text: str, *, aside: str = "") -> None:
        """It worked."""
        self.err.print(Text.assemble(("✓ ", "bold green"), text, (f"  {aside}" if aside else "", "dim")))

    def error(self, error: NexusError, operation: str = "") -> None:
        """What went wrong: a sentence, what to do, and what to quote."""
        if self.json:
            document = {"code": error.code, "detail": error.message, "hint": error.hint, "kind": error.kind}
            click.echo(json.dumps({**document, "operation": operation}, ensure_ascii=False), err=True)
            return
        self.err.print(Text.assemble(("✗ ", "bold red"), (error.message, "bold")))
        if error.hint:
            self.err.print(Text.assemble(("  → ", "yellow"), error.hint))
        quoted = f"{self.say('operation')} {operation}" if operation else ""
        self.err.print(Text("  " + " · ".join(part for part in (error.code, quoted) if part), "dim"))

    def progress(self) -> Progress:
        """A bar for long work, gone once it is done. On stderr, and not for programs."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, console=self.err, transient=True, disable=self.json or not self.err.is_terminal)

    def ask(self, key: str) -> str:
        """A line from the person at the keyboard. Prompts go to stderr, so that stdout stays a result."""
        return str(click.prompt(self.say(key), err=True))

    def ask_secret(self, key: str) -> Secret:
        """A line that is not echoed."""
        return Secret(str(click.prompt(self.say(key), hide_input=True, err=True)).encode())
